package service

import (
	"context"
	"slices"
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
	// Bearer is a token of an issuer that is trusted.
	Bearer string
	Tenant string
}

// Authenticate finds out who asks, in the order of rest-api, section 1.2: execution token, Basic, API token. It answers
// fault.Unauthorized when nobody is found and fault.Forbidden for an unknown tenant; the actor that comes with an error
// is who tried, for the audit.
func (s *Service) Authenticate(ctx context.Context, c Credentials) (*Actor, error) {
	a, err := s.identify(ctx, c)
	if err != nil {
		return a, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) (err error) {
		if a.Changes, err = permissionChanges(tx); err != nil {
			return err
		}
		text, err := tx.Value(model.MaintenanceValue)
		if err != nil {
			return err
		}
		if a.Maintenance, err = model.ParseMaintenance(text); err != nil || c.Tenant == "" {
			return err
		}
		tenants, err := tx.Tenants()
		if err != nil {
			return err
		}
		if slices.Contains(tenants, model.TenantName(c.Tenant)) {
			return nil
		}
		return UnknownTenant(c.Tenant)
	})
	if err != nil {
		return a, err
	}
	a.Tenant = model.TenantName(c.Tenant)
	if a.Tenant == "" && a.Execution != nil {
		a.Tenant = a.Execution.Tenant
	}
	return a, nil
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
	case c.Bearer != "" && s.External != nil:
		u, err := s.External.Bearer(ctx, c.Bearer)
		if err != nil {
			return nil, err
		}
		return s.fromElsewhere(ctx, u)
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
		isAlive, err := s.tokenLives(tx, x)
		if err != nil {
			return err
		}
		if !isAlive {
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

// aroundSchedule is how far from its instant the token of a scheduled execution is good already.
const aroundSchedule = time.Minute

// tokenLives reports whether the token of an execution is still good: while the execution is active, around the instant it
// is scheduled for, and after it was cancelled until its last operation has ended (rest-api, section 1.2).
func (s *Service) tokenLives(tx store.Reader, x *model.Execution) (bool, error) {
	switch {
	case x.Status.Active():
		return true, nil
	case x.Status == model.ExecutionScheduled:
		return s.Clock.Now().Sub(x.ScheduledAt).Abs() < aroundSchedule, nil
	case x.Status != model.ExecutionCancelled:
		return false, nil
	}
	graphs, err := tx.Graphs(x.ID)
	if err != nil {
		return false, err
	}
	for _, g := range graphs {
		tasks, err := tx.GraphTasks(g.ID)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(tasks, func(t *model.Task) bool { return t.State != model.TaskPending && !t.State.Ended() }) {
			return true, nil
		}
	}
	return false, nil
}

// fromElsewhere is the actor of a user whom somebody else let in.
func (s *Service) fromElsewhere(ctx context.Context, u *model.User) (*Actor, error) {
	a := &Actor{User: u, Method: "external"}
	if !u.Active {
		return a, unauthorized("Authentication failed for <User username=`%s`>. Wrong credentials or locked account", u.Name)
	}
	return a, s.noteLogin(ctx, u)
}

// SignedIn is the actor of a user whom somebody else let in, without a tenant.
func (s *Service) SignedIn(ctx context.Context, u *model.User) (*Actor, error) {
	a, err := s.fromElsewhere(ctx, u)
	if err != nil {
		return nil, err
	}
	return a, s.Store.View(ctx, func(tx store.Reader) (err error) {
		a.Changes, err = permissionChanges(tx)
		return err
	})
}

// byPassword checks a password and counts failures. An unknown or inactive user is answered like a missing one.
func (s *Service) byPassword(ctx context.Context, name, password string) (*Actor, error) {
	var u *model.User
	locked := false
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		if u, err = tx.User(model.UserName(name)); err != nil {
			return err
		}
		locked, err = s.locked(tx, u)
		return err
	})
	if s.External != nil && (err == nil && !u.IsBootstrap || fault.Is(err, fault.NotFound)) {
		other, isOn, err := s.External.Password(ctx, name, password)
		if err != nil {
			return nil, err
		}
		if isOn {
			return s.fromElsewhere(ctx, other)
		}
	}
	if fault.Is(err, fault.NotFound) {
		return nil, unauthorized("No authentication info provided")
	}
	if err != nil {
		return nil, err
	}
	if !u.Active {
		return &Actor{User: u, Method: "http_basic"}, unauthorized("No authentication info provided")
	}
	if locked {
		return nil, wrongPassword(u)
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
	return nil, wrongPassword(u)
}

func wrongPassword(u *model.User) error {
	return unauthorized("Authentication failed for <User username=`%s`>. Wrong credentials or locked account", u.Name)
}

// locked reports whether the account is locked: after more failures than failed_logins_before_account_lock, for
// account_lock_period minutes since the last one (rest-api, section 1.2).
func (s *Service) locked(tx store.Reader, u *model.User) (bool, error) {
	if u.FailedLogins == 0 {
		return false, nil
	}
	most, err := numberSetting(tx, "rest.failed_logins_before_account_lock")
	if err != nil {
		return false, err
	}
	minutes, err := numberSetting(tx, "rest.account_lock_period")
	if err != nil {
		return false, err
	}
	until := u.LastFailedAt.Add(time.Duration(minutes * float64(time.Minute)))
	return float64(u.FailedLogins) > most && s.Clock.Now().Before(until), nil
}

// MarkLocked sets IsLocked of users.
func (s *Service) MarkLocked(tx store.Reader, users ...*model.User) (err error) {
	for _, u := range users {
		if u.IsLocked, err = s.locked(tx, u); err != nil {
			return err
		}
	}
	return nil
}

// UnknownTenant is the refusal of a tenant that does not exist; it is the same as for one that one may not see.
func UnknownTenant(name string) error {
	return fault.New(fault.Forbidden, "Authorization failed: Tried to authenticate with invalid tenant name: %s", name)
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
		defer func() { *u = *fresh }()
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
