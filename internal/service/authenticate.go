package service

import (
	"context"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Credentials are what a request carries to say who asks; absent ones are empty.
type Credentials struct {
	ExecutionToken string
	AuthToken      string
	User           string
	Password       string
	HasBasic       bool
	Tenant         string
}

// Authenticate finds out who asks, in the order of rest-api, section 1.2: execution token, Basic, API token. It answers
// fault.Unauthorized when nobody is found and fault.Forbidden for an unknown tenant.
func (s *Service) Authenticate(ctx context.Context, c Credentials) (*Actor, error) {
	a, err := s.identify(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.Tenant == "" {
		if a.Execution != nil {
			a.Tenant = a.Execution.Tenant
		}
		return a, nil
	}
	a.Tenant = model.TenantName(c.Tenant)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		tenants, err := tx.Tenants()
		if err != nil {
			return err
		}
		for _, t := range tenants {
			if t == a.Tenant {
				return nil
			}
		}
		return fault.New(fault.Forbidden,
			"Authorization failed: Tried to authenticate with invalid tenant name: %s", c.Tenant)
	})
	return a, err
}

func unauthorized(format string, args ...any) error {
	return fault.New(fault.Unauthorized, "User unauthorized: "+format, args...)
}

func (s *Service) identify(ctx context.Context, c Credentials) (*Actor, error) {
	for _, token := range []string{c.ExecutionToken, c.AuthToken} {
		if token == "" {
			continue
		}
		a, err := s.byExecution(ctx, token)
		if a != nil || err != nil {
			return a, err
		}
	}
	switch {
	case c.ExecutionToken != "":
		return nil, unauthorized("Authentication failed, invalid Execution Token")
	case c.HasBasic && startsWithLetter(c.User):
		return s.byPassword(ctx, c.User, c.Password)
	case c.AuthToken != "":
		return s.byToken(ctx, c.AuthToken)
	}
	return nil, unauthorized("No authentication info provided")
}

func startsWithLetter(s string) bool {
	return s != "" && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z')
}

// byExecution finds the actor of an execution token; it returns nil when no execution has the token.
func (s *Service) byExecution(ctx context.Context, token string) (*Actor, error) {
	var a *Actor
	err := s.Store.View(ctx, func(tx store.Reader) error {
		x, err := tx.ExecutionByToken(auth.HashToken(token))
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !x.Status.Active() {
			return unauthorized("Authentication failed, invalid Execution Token")
		}
		u, err := tx.User(x.CreatedBy)
		if err != nil {
			return err
		}
		a = &Actor{User: u, Execution: x, Method: "execution_token"}
		return nil
	})
	return a, err
}

// byPassword checks a password and counts failures. An unknown or inactive user is answered like a missing one.
func (s *Service) byPassword(ctx context.Context, name, password string) (*Actor, error) {
	var u *model.User
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		u, err = tx.User(model.UserName(name))
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && !u.Active {
		return nil, unauthorized("No authentication info provided")
	}
	if err != nil {
		return nil, err
	}
	if s.passwords.check(u.PasswordHash, password) {
		return &Actor{User: u, Method: "http_basic"}, s.noteLogin(ctx, u)
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		fresh, err := tx.User(u.Name)
		if err != nil {
			return err
		}
		fresh.FailedLogins++
		fresh.LastFailedAt = s.Clock.Now()
		return tx.PutUser(fresh)
	})
	if err != nil {
		return nil, err
	}
	return nil, unauthorized("Authentication failed for <User username=`%s`>. Wrong credentials or locked account", u.Name)
}

// loginPrecision is how exact last_login_at is: a client that logs in with every request must not cost a write each.
const loginPrecision = time.Minute

func (s *Service) noteLogin(ctx context.Context, u *model.User) error {
	now := s.Clock.Now()
	if u.FailedLogins == 0 && now.Sub(u.LastLoginAt) < loginPrecision {
		return nil
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		fresh, err := tx.User(u.Name)
		if err != nil {
			return err
		}
		fresh.FailedLogins = 0
		fresh.LastLoginAt = now
		if fresh.FirstLoginAt.IsZero() {
			fresh.FirstLoginAt = now
		}
		return tx.PutUser(fresh)
	})
}

func (s *Service) byToken(ctx context.Context, text string) (*Actor, error) {
	id, secret, ok := auth.ParseToken(text)
	if !ok {
		return nil, unauthorized("Invalid token structure")
	}
	var a *Actor
	var token *model.Token
	err := s.Store.View(ctx, func(tx store.Reader) error {
		var err error
		if token, err = tx.Token(id); err != nil {
			return err
		}
		u, err := tx.User(token.User)
		a = &Actor{User: u, Method: "token"}
		return err
	})
	now := s.Clock.Now()
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, unauthorized("Unauthorized")
	case err != nil:
		return nil, err
	case token.SecretHash != auth.HashToken(secret), !a.User.Active, !strings.HasPrefix(text, auth.TokenPrefix+"-"):
		return nil, unauthorized("Unauthorized")
	case token.Expired(now):
		return nil, unauthorized("Token is expired")
	case now.Sub(token.LastUsedAt) < loginPrecision:
		return a, nil
	}
	return a, s.Store.Update(ctx, func(tx store.Tx) error {
		token.LastUsedAt = now
		return tx.PutToken(token)
	})
}
