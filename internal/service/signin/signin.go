// Package signin lets people sign in with accounts that others keep: an LDAP directory and an OpenID Connect issuer.
//
// It is a room of package service and follows its rules. Whoever signs in becomes a user here at the first time, without a
// password and without roles of their own; what they may do comes from user groups that name a group of the directory or
// the issuer (ldap_group_dn), whose members are set anew at every sign-in. Groups that name none stay as people made them.
// The administrator of the installation never signs in elsewhere, so that a lost directory locks nobody out.
package signin

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/directory"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/issuer"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/secret"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

const (
	// remembered is how long a directory is not asked again about a password that it accepted.
	remembered     = time.Minute
	mostRemembered = 1024
	longestName    = 128
)

// Options are the parts that sign-in works with. Issuer is nil when none is trusted.
type Options struct {
	Store  store.Store
	Keys   *secret.Keyring
	Clock  clock.Clock
	Log    *slog.Logger
	Issuer *issuer.Issuer
}

// Service runs the use cases and implements service.External. It is safe for concurrent use.
type Service struct {
	Options
	mu sync.Mutex
	// key exists in this process only; accepted are digests of what the directory accepted, with the instant of their end
	// and the user's name.
	key      []byte
	accepted map[[sha256.Size]byte]acceptance
}

type acceptance struct {
	user  model.UserName
	until time.Time
}

var _ service.External = (*Service)(nil)

// New returns the room.
func New(o Options) *Service {
	s := &Service{Options: o, key: make([]byte, 32), accepted: map[[sha256.Size]byte]acceptance{}}
	rand.Read(s.key)
	return s
}

// config returns how the directory is asked; isOn is false when there is none.
func (s *Service) config(ctx context.Context) (c directory.Config, isOn bool, err error) {
	sealed := ""
	err = s.Store.View(ctx, func(tx store.Reader) error {
		sealed, err = tx.Value(service.LDAPValue)
		return err
	})
	if err != nil || sealed == "" {
		return c, false, err
	}
	text, err := s.Keys.Open(service.LDAPValue, sealed)
	if err == nil {
		err = model.DecodeJSON([]byte(text), &c)
	}
	if err != nil {
		return c, false, fmt.Errorf("read the LDAP settings: %w", err)
	}
	return c, true, nil
}

// HasLDAP reports whether people sign in at a directory.
func (s *Service) HasLDAP(ctx context.Context, a *service.Actor) (bool, error) {
	if err := a.Require("ldap_status_get"); err != nil {
		return false, err
	}
	_, isOn, err := s.config(ctx)
	return isOn, err
}

// Providers returns who checks sign-ins: local, or a list of ldap and oidc.
func (s *Service) Providers(ctx context.Context, a *service.Actor) (string, error) {
	if err := a.Require("identity_provider_get"); err != nil {
		return "", err
	}
	_, isOn, err := s.config(ctx)
	var names []string
	if isOn {
		names = append(names, "ldap")
	}
	if s.Issuer != nil {
		names = append(names, "oidc")
	}
	if len(names) == 0 {
		names = []string{"local"}
	}
	return strings.Join(names, ","), err
}

// SetLDAP lets people sign in at a directory from now on, after it was spoken to. It returns the settings with their
// defaults, without the password.
func (s *Service) SetLDAP(ctx context.Context, a *service.Actor, c directory.Config) (directory.Config, error) {
	if err := a.Require("ldap_set"); err != nil {
		return c, err
	}
	c, err := c.With()
	if err != nil {
		return c, fault.Wrap(err, fault.BadParameters, "the LDAP settings cannot be used: %v", err)
	}
	if err := c.Check(ctx); errors.Is(err, directory.ErrRefused) {
		return c, fault.Wrap(err, fault.BadParameters, "the LDAP server %s refuses ldap_username with ldap_password", c.Server)
	} else if err != nil {
		return c, fault.Wrap(err, fault.NotRunningLDAP, "the LDAP server %s cannot be used: %v", c.Server, err)
	}
	data, err := model.EncodeJSON(c)
	if err != nil {
		return c, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		sealed, err := s.Keys.Seal(service.LDAPValue, string(data))
		if err != nil {
			return err
		}
		return tx.SetValue(service.LDAPValue, sealed)
	})
	s.forget()
	c.Password = ""
	return c, err
}

// RemoveLDAP lets people sign in with passwords of this manager again.
func (s *Service) RemoveLDAP(ctx context.Context, a *service.Actor) error {
	if err := a.Require("ldap_set"); err != nil {
		return err
	}
	s.forget()
	return s.Store.Update(ctx, func(tx store.Tx) error { return tx.SetValue(service.LDAPValue, "") })
}

func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.accepted)
}

// Password checks a password at the directory; isOn is false when there is none.
func (s *Service) Password(ctx context.Context, name, password string) (u *model.User, isOn bool, err error) {
	c, isOn, err := s.config(ctx)
	if err != nil || !isOn {
		return nil, isOn, err
	}
	digest := s.digest(name, password)
	if known, ok := s.recall(digest); ok {
		err = s.Store.View(ctx, func(tx store.Reader) error {
			u, err = tx.User(known)
			return err
		})
		if err == nil || !fault.Is(err, fault.NotFound) {
			return u, true, err
		}
	}
	entry, err := c.SignIn(ctx, name, password)
	switch {
	case errors.Is(err, directory.ErrRefused):
		return nil, true, fault.Wrap(err, fault.Unauthorized, "User unauthorized: Wrong credentials or locked account")
	case err != nil:
		return nil, true, fault.Wrap(err, fault.NotRunningLDAP, "the LDAP server cannot be asked now; the manager's administrator can still sign in")
	}
	if entry.UID != "" {
		name = entry.UID
	}
	if u, err = s.admit(ctx, name, entry.Groups); err != nil {
		return nil, true, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.accepted) >= mostRemembered {
		clear(s.accepted)
	}
	s.accepted[digest] = acceptance{u.Name, s.Clock.Now().Add(remembered)}
	return u, true, nil
}

func (s *Service) digest(name, password string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, s.key)
	fmt.Fprintf(mac, "%d %s %s", len(name), name, password)
	return [sha256.Size]byte(mac.Sum(nil))
}

func (s *Service) recall(digest [sha256.Size]byte) (model.UserName, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accepted[digest]
	return a.user, ok && s.Clock.Now().Before(a.until)
}

func errNoIssuer() error {
	return fault.New(fault.Unauthorized, "User unauthorized: this manager trusts no OpenID Connect issuer; set oidc.issuer")
}

// refused turns an issuer's refusal into the answer of a refused sign-in.
func refused(err error) error {
	if errors.Is(err, issuer.ErrRefused) {
		return fault.Wrap(err, fault.Unauthorized, "User unauthorized: %v", err)
	}
	return err
}

// Bearer checks an ID token of the issuer.
func (s *Service) Bearer(ctx context.Context, token string) (*model.User, error) {
	if s.Issuer == nil {
		return nil, errNoIssuer()
	}
	id, err := s.Issuer.Verify(ctx, token)
	if err != nil {
		return nil, refused(err)
	}
	return s.admit(ctx, id.Name, id.Groups)
}

// flowName is what the state of a browser's sign-in is sealed for.
const flowName = "sign-in"

// Begin returns the address to send a browser to, and the sealed state that it has to bring back.
func (s *Service) Begin(ctx context.Context, back string) (to, state string, err error) {
	if s.Issuer == nil {
		return "", "", errNoIssuer()
	}
	to, f, err := s.Issuer.Begin(ctx, back)
	if err != nil {
		return "", "", err
	}
	data, err := model.EncodeJSON(f)
	if err != nil {
		return "", "", err
	}
	state, err = s.Keys.Seal(flowName, string(data))
	return to, state, err
}

// End ends a browser's sign-in: it returns who signed in and where to go.
func (s *Service) End(ctx context.Context, sealed, state, code string) (u *model.User, back string, err error) {
	if s.Issuer == nil {
		return nil, "", errNoIssuer()
	}
	var f issuer.Flow
	text, err := s.Keys.Open(flowName, sealed)
	if err == nil {
		err = model.DecodeJSON([]byte(text), &f)
	}
	if err != nil {
		return nil, "", fault.Wrap(err, fault.Unauthorized, "User unauthorized: the sign-in was not begun in this browser; begin again")
	}
	id, err := s.Issuer.End(ctx, f, state, code)
	if err != nil {
		return nil, "", refused(err)
	}
	u, err = s.admit(ctx, id.Name, id.Groups)
	return u, f.Return, err
}

// admit returns the user of a name, made when it is new, as a member of the groups here that stand for the given ones.
func (s *Service) admit(ctx context.Context, name string, groups []string) (u *model.User, err error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	normal := make([]string, len(groups))
	for i, g := range groups {
		normal[i] = directory.Normal(g)
	}
	isSettled := false
	err = s.Store.View(ctx, func(tx store.Reader) error {
		if u, err = tx.User(model.UserName(name)); err != nil {
			return err
		}
		changed, err := membership(tx, u, normal)
		isSettled = len(changed) == 0
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	if err != nil || !isSettled {
		err = s.Store.Update(ctx, func(tx store.Tx) error {
			u, err = s.settle(tx, model.UserName(name), normal)
			return err
		})
	}
	switch {
	case err != nil:
		return nil, err
	case u.IsBootstrap:
		return nil, fault.New(fault.Unauthorized, "User unauthorized: the administrator of the installation signs in with its own password only")
	}
	return u, nil
}

// settle makes the user if it is new and sets its groups.
func (s *Service) settle(tx store.Tx, name model.UserName, groups []string) (*model.User, error) {
	u, err := tx.User(name)
	if fault.Is(err, fault.NotFound) {
		u = &model.User{Name: name, Role: auth.RoleDefault, Active: true, CreatedAt: s.Clock.Now(), ShowGettingStarted: true}
		err = tx.PutUser(u)
	}
	if err != nil || u.IsBootstrap {
		return u, err
	}
	changed, err := membership(tx, u, groups)
	if err != nil {
		return nil, err
	}
	for _, g := range changed {
		if err := tx.PutGroup(g); err != nil {
			return nil, err
		}
	}
	return tx.User(name)
}

// membership returns the groups whose members change: those that stand for a group elsewhere and have the user although
// that one has not, or the other way round.
func membership(tx store.Reader, u *model.User, groups []string) (changed []*model.Group, err error) {
	all, err := tx.Groups()
	if err != nil {
		return nil, err
	}
	for _, g := range all {
		if g.LDAP == "" {
			continue
		}
		is := func(member model.UserName) bool { return strings.EqualFold(string(member), string(u.Name)) }
		has, should := slices.ContainsFunc(g.Users, is), slices.Contains(groups, directory.Normal(g.LDAP))
		switch {
		case should && !has:
			g.Users = append(g.Users, u.Name)
		case has && !should:
			g.Users = slices.DeleteFunc(g.Users, is)
		default:
			continue
		}
		changed = append(changed, g)
	}
	return changed, nil
}

// checkName refuses names that could not sign in here or that are nobody's.
func checkName(name string) error {
	odd := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`/\"`, r) }
	if name == "" || len(name) > longestName || !unicode.IsLetter(rune(name[0])) || name[0] > unicode.MaxASCII || strings.ContainsFunc(name, odd) {
		return fault.New(fault.Unauthorized, "User unauthorized: the name %q cannot be a user of this manager", name)
	}
	return nil
}
