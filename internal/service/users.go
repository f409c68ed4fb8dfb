package service

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// MinPasswordLength is the least length of a password (rest-model, section 10).
const MinPasswordLength = 5

// Bootstrap makes sure that the default tenant and the administrator exist. It returns the administrator's password when
// this call created it, else "". With password empty a random one is made.
func (s *Service) Bootstrap(ctx context.Context, admin model.UserName, password string) (string, error) {
	if password == "" {
		password = randomText(24)
	}
	if len(password) < MinPasswordLength {
		return "", fault.New(fault.BadParameters, "the administrator's password must have at least %d characters", MinPasswordLength)
	}
	created := ""
	exists, hasFilters := false, false
	err := s.Store.View(ctx, func(tx store.Reader) error {
		_, err := tx.User(admin)
		if exists = err == nil; err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		_, err = tx.Filter(store.Deployments, model.DefaultTenant, serviceFilter)
		if hasFilters = err == nil; err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		return nil
	})
	if err != nil || exists && hasFilters {
		return "", err
	}
	if exists {
		// The installation is older than the filters.
		return "", s.Store.Update(ctx, func(tx store.Tx) error { return s.addSystemFilters(tx, admin) })
	}
	hash := HashPassword(password)
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if err := tx.PutTenant(model.DefaultTenant); err != nil {
			return err
		}
		if err := s.addSystemFilters(tx, admin); err != nil {
			return err
		}
		created = password
		return tx.PutUser(&model.User{
			Name: admin, PasswordHash: hash, Role: auth.RoleSysAdmin, Active: true, CreatedAt: s.Clock.Now(),
			TenantRoles: map[model.TenantName]string{model.DefaultTenant: auth.RoleUser}, IsBootstrap: true,
			ShowGettingStarted: true,
		})
	})
	return created, err
}

// HashPassword returns the form in which a new password is stored.
func HashPassword(password string) string {
	salt := make([]byte, auth.SaltSize)
	rand.Read(salt)
	return auth.HashPassword(password, salt)
}

// NewToken is a token together with its secret, which is shown only once.
type NewToken struct {
	*model.Token
	Value string
}

// CreateToken makes an API token for the actor. A zero expiry never ends; one in the past is fault.BadParameters.
func (s *Service) CreateToken(ctx context.Context, a *Actor, description string, expires time.Time) (*NewToken, error) {
	if err := a.Require("create_token"); err != nil {
		return nil, err
	}
	if !expires.IsZero() && !expires.After(s.Clock.Now()) {
		return nil, fault.New(fault.BadParameters, "Expiration date was in the past.")
	}
	return s.newToken(ctx, a.User.Name, description, expires)
}

// newToken stores a token of a user and removes those of the user that have expired.
func (s *Service) newToken(ctx context.Context, user model.UserName, description string, expires time.Time) (*NewToken, error) {
	now := s.Clock.Now()
	secret := randomText(auth.TokenSecretSize)
	t := &model.Token{ID: model.TokenID(randomText(auth.TokenIDSize)), User: user, SecretHash: auth.HashToken(secret),
		Description: description, CreatedAt: now, ExpiresAt: expires}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		old, err := tx.Tokens(user)
		if err != nil {
			return err
		}
		for _, o := range old {
			if o.Expired(now) {
				if err := tx.DeleteToken(o.ID); err != nil {
					return err
				}
			}
		}
		return tx.PutToken(t)
	})
	return &NewToken{Token: t, Value: auth.FormatToken(t.ID, secret)}, err
}

// IssueToken makes a token for what the manager itself runs in the name of a user, and returns how to revoke it.
func (s *Service) IssueToken(ctx context.Context, user model.UserName, description string, expires time.Time) (
	value string, revoke func(context.Context) error, err error,
) {
	t, err := s.newToken(ctx, user, description, expires)
	if err != nil {
		return "", nil, err
	}
	return t.Value, func(ctx context.Context) error {
		return s.Store.Update(ctx, func(tx store.Tx) error { return tx.DeleteToken(t.ID) })
	}, nil
}

// Tokens lists the actor's tokens, or everybody's for who manages them.
func (s *Service) Tokens(ctx context.Context, a *Actor) (tokens []*model.Token, err error) {
	if err := a.Require("token_get"); err != nil {
		return nil, err
	}
	user := a.User.Name
	if a.Allows(a.Tenant, "manage_others_tokens") {
		user = ""
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		tokens, err = tx.Tokens(user)
		return err
	})
	return tokens, err
}

// Token returns a token of the actor, or of anybody for who manages them.
func (s *Service) Token(ctx context.Context, a *Actor, id model.TokenID) (*model.Token, error) {
	if err := a.Require("list_token"); err != nil {
		return nil, err
	}
	var t *model.Token
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		t, err = ownToken(tx, a, id)
		return err
	})
	return t, err
}

// DeleteToken removes a token of the actor, or of anybody for who manages them.
func (s *Service) DeleteToken(ctx context.Context, a *Actor, id model.TokenID) error {
	if err := a.Require("delete_token"); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := ownToken(tx, a, id); err != nil {
			return err
		}
		return tx.DeleteToken(id)
	})
}

func ownToken(tx store.Reader, a *Actor, id model.TokenID) (*model.Token, error) {
	t, err := tx.Token(id)
	if err == nil && t.User != a.User.Name && !a.Allows(a.Tenant, "manage_others_tokens") ||
		fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "Could not find token %s", id)
	}
	return t, err
}

// UserRole returns the system role of a user.
func (s *Service) UserRole(ctx context.Context, name model.UserName) (role string, err error) {
	err = s.Store.View(ctx, func(tx store.Reader) error {
		u, err := tx.User(name)
		if err == nil {
			role = u.Role
		}
		return err
	})
	return role, err
}
