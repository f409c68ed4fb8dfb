package safe

import (
	"context"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// slice is how many values one transaction seals anew.
const slice = 100

// RotateKey makes a new key, seals everything anew under it and forgets the old one; a rotation that was interrupted goes
// on instead. It returns how many values were sealed and the id of the key that is active now.
func (s *Service) RotateKey(ctx context.Context, a *service.Actor) (sealed int, key string, err error) {
	if err := a.Require("manager_manage"); err != nil {
		return 0, "", err
	}
	if err := s.Keys.Rotate(); err != nil {
		return 0, "", err
	}
	sealed, err = s.Reseal(ctx)
	return sealed, s.Keys.Active(), err
}

// Values are sealed inside the transactions that store them: what is stored after Rotate is under the new key, so once a
// whole walk finds nothing the old keys are not needed any more.

// Reseal brings a rotation to its end, if there is one: it seals under the active key whatever is not, and then forgets
// the other keys. It may be called at any time and again after any failure.
func (s *Service) Reseal(ctx context.Context) (sealed int, err error) {
	if !s.Keys.IsRotating() {
		return 0, nil
	}
	for {
		// Something may have come or gone between two slices, so the walk is repeated until nothing is left to do.
		n, err := s.pass(ctx)
		sealed += n
		if err != nil {
			return sealed, err
		}
		if n == 0 {
			return sealed, s.Keys.Retire()
		}
	}
}

// pass walks over everything that is sealed.
func (s *Service) pass(ctx context.Context) (sealed int, err error) {
	for _, walk := range []func(store.Tx, store.Query) (n, total int, err error){s.resealSecrets, s.resealProviders, s.resealAgents} {
		for offset := 0; ; offset += slice {
			n, total := 0, 0
			err := s.Store.Update(ctx, func(tx store.Tx) (err error) {
				n, total, err = walk(tx, store.Query{Scope: store.Scope{Admin: true}, Offset: offset, Limit: slice})
				return err
			})
			if err != nil {
				return sealed, err
			}
			sealed += n
			if offset+slice >= total {
				break
			}
		}
	}
	n := 0
	err = s.Store.Update(ctx, func(tx store.Tx) (err error) {
		n, err = s.ResealSettings(tx)
		return err
	})
	return sealed + n, err
}

func (s *Service) resealSecrets(tx store.Tx, q store.Query) (n, total int, err error) {
	page, err := tx.Secrets(q)
	if err != nil {
		return 0, 0, err
	}
	for _, k := range page.Items {
		changed, err := s.resealSecret(k)
		if err != nil {
			return n, 0, err
		}
		if !changed {
			continue
		}
		if err := tx.UpdateSecret(k); err != nil {
			return n, 0, err
		}
		n++
	}
	return n, page.Total, nil
}

// resealSecret seals the value and the provider options of a secret anew where they are not under the active key.
func (s *Service) resealSecret(k *model.Secret) (changed bool, err error) {
	if k.Value != "" && !s.Keys.IsCurrent(k.Value) {
		text, err := s.OpenValue(k)
		if err != nil {
			return false, err
		}
		if err := s.SealSecret(k, text); err != nil {
			return false, err
		}
		changed = true
	}
	if len(k.ProviderOptions) == 0 {
		return changed, nil
	}
	var sealed string
	if err := model.DecodeJSON(k.ProviderOptions, &sealed); err != nil || s.Keys.IsCurrent(sealed) {
		return changed, err
	}
	options, err := s.OpenOptions(k)
	if err != nil {
		return false, err
	}
	return true, s.SealOptions(k, options)
}

func (s *Service) resealProviders(tx store.Tx, q store.Query) (n, total int, err error) {
	page, err := tx.SecretsProviders(q)
	if err != nil {
		return 0, 0, err
	}
	for _, p := range page.Items {
		if s.Keys.IsCurrent(p.Parameters) {
			continue
		}
		parameters, err := s.OpenParameters(p)
		if err != nil {
			return n, 0, err
		}
		if err := s.SealParameters(p, parameters); err != nil {
			return n, 0, err
		}
		if err := tx.UpdateSecretsProvider(p); err != nil {
			return n, 0, err
		}
		n++
	}
	return n, page.Total, nil
}

func (s *Service) resealAgents(tx store.Tx, q store.Query) (n, total int, err error) {
	page, err := tx.Agents(q)
	if err != nil {
		return 0, 0, err
	}
	for _, g := range page.Items {
		if g.Password == "" || s.Keys.IsCurrent(g.Password) {
			continue
		}
		password, err := s.OpenAgent(g)
		if err != nil {
			return n, 0, err
		}
		if err := s.SealAgent(g, password); err != nil {
			return n, 0, err
		}
		if err := tx.UpdateAgent(g); err != nil {
			return n, 0, err
		}
		n++
	}
	return n, page.Total, nil
}
