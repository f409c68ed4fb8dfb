// Package service holds the use cases of a manager, one file per noun: what may be asked of it, in which order it checks,
// and what it changes. Every transport calls these and nothing below.
//
// A use case takes an Actor (who asks, for which tenant) that a transport got from Authenticate, checks permission and
// rules, computes with the pure rooms (dsl, topology, workflow) and commits one store.Update. It never renders answers,
// never runs an execution itself (it creates the execution and wakes the engine) and never calls a transport. All methods
// are safe for concurrent use. Errors meant for users are *fault.Error.
package service

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/secret"
	"github.com/reifyhq/reify/internal/store"
)

// Options are the parts a Service works with. All are required.
type Options struct {
	Store store.Store
	Blobs blob.Store
	Bus   bus.Bus
	Clock clock.Clock
	Log   *slog.Logger
	// Key is the installation's secret, from which execution tokens are derived.
	Key []byte
	// Keys seal what must not be shown; optional, those that belong to Key.
	Keys *secret.Keyring
	// External checks sign-ins with accounts that others keep; optional.
	External External
	// Manager is this manager's name in events and statuses.
	Manager string
	// ArchiveSize bounds an uploaded archive in bytes, Limits what is in it.
	ArchiveSize int64
	Limits      archive.Limits
	// MaxConcurrent is how many executions may be active when queued ones are started.
	MaxConcurrent int
	// TempDir is a directory for archives while they are unpacked.
	TempDir string
	// Presence says whether a host agent is connected, and since when it is or, when that is known, is not. Nil knows of none.
	Presence func(operation.Address) (connected bool, since time.Time)
	// Hooked says whether there is a hook on a type of event; optional, nil means that there is none.
	Hooked func(eventType string) bool
}

// External checks sign-ins with accounts that others keep (rest-api, section 1.2).
type External interface {
	// Password checks a password; isOn is false when nobody else keeps passwords.
	Password(ctx context.Context, name, password string) (u *model.User, isOn bool, err error)
	// Bearer checks a token of an issuer that is trusted.
	Bearer(ctx context.Context, token string) (*model.User, error)
}

// Service runs use cases; see the package comment.
type Service struct {
	Options
	passwords passwordCache
}

// New returns a service over its parts.
func New(o Options) *Service {
	if o.Keys == nil {
		o.Keys = secret.NewKeyring(o.Key)
	}
	return &Service{Options: o}
}

// Actor is who asks: an authenticated user, the tenant the request is for, and the execution that asks when the
// credentials were an execution token.
type Actor struct {
	User *model.User
	// Tenant is empty when the request named none.
	Tenant    model.TenantName
	Execution *model.Execution
	// Method is how the user was authenticated: http_basic, token or execution_token.
	Method string
	// Changes are what the installation grants otherwise than the table of permissions.
	Changes auth.Changes
	// Maintenance is the installation's maintenance mode when the request came.
	Maintenance model.Maintenance
}

// Allows reports whether the actor's user has the permission in the tenant.
func (a *Actor) Allows(tenant model.TenantName, permission string) bool {
	return a.Changes.Allows(a.User, tenant, permission)
}

// Require returns the fault for a missing permission, nil when the actor has it in its tenant.
func (a *Actor) Require(permission string) error {
	if a.Allows(a.Tenant, permission) {
		return nil
	}
	if a.Tenant == "" {
		return errNoTenant()
	}
	return fault.New(fault.Forbidden, "User `%s` is not permitted to perform the action %s in the tenant `%s`",
		a.User.Name, permission, a.Tenant)
}

// RequireTenant is Require for what belongs to a tenant: a request without one is refused even to an administrator.
func (a *Actor) RequireTenant(permission string) error {
	if a.Tenant == "" {
		return errNoTenant()
	}
	return a.Require(permission)
}

func errNoTenant() error {
	return fault.New(fault.Forbidden, "Authorization failed: tenant not provided")
}

// isAdmin reports whether the actor sees private resources of others.
func (a *Actor) isAdmin() bool { return a.Allows(a.Tenant, "administrators") }

// Scope is what the actor's lists may show. With allTenants it is every tenant in which one of the user's roles has the
// permission (rest-api, section 1.5).
func (a *Actor) Scope(permission string, allTenants bool) store.Scope {
	s := store.Scope{Tenants: []model.TenantName{a.Tenant}, User: a.User.Name, Admin: a.isAdmin()}
	if !allTenants {
		return s
	}
	if a.Allows(a.Tenant, "all_tenants") {
		s.Tenants = nil
		return s
	}
	for _, t := range MemberOf(a.User) {
		if t != a.Tenant && a.Allows(t, permission) {
			s.Tenants = append(s.Tenants, t)
		}
	}
	return s
}

// resource starts a new resource of the actor.
func (s *Service) resource(a *Actor, v model.Visibility) model.Resource {
	if v == "" {
		v = model.VisibilityTenant
	}
	return model.Resource{Tenant: a.Tenant, CreatedBy: a.User.Name, CreatedAt: s.Clock.Now(), Visibility: v}
}

// visible reports whether the actor may see a resource that the store found for its tenant.
func (a *Actor) visible(r model.Resource) bool {
	return r.Visibility != model.VisibilityPrivate || r.CreatedBy == a.User.Name || a.isAdmin()
}

func newUUID() string { return uuid.NewString() }

// randomText returns n characters of A-Z and 2-7 with 5 random bits each.
func randomText(n int) string {
	buf := make([]byte, (n*5+7)/8)
	rand.Read(buf)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(buf)[:n]
}

const instanceAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

// NewInstanceID returns a candidate for the id of an instance: "<name>_<6 of a-z0-9>".
func NewInstanceID(name string) string {
	var b strings.Builder
	b.WriteString(name + "_")
	buf := make([]byte, 1)
	for n := 0; n < 6; {
		rand.Read(buf)
		// 252 is the greatest multiple of 36 in a byte: above it the first letters would be likelier.
		if buf[0] < 252 {
			b.WriteByte(instanceAlphabet[int(buf[0])%len(instanceAlphabet)])
			n++
		}
	}
	return b.String()
}

// wake tells the engine that an execution is ready. It is a hint: the engine also looks by itself.
func (s *Service) wake(id model.ExecutionID) {
	if err := s.Bus.Notify(engine.TopicWake, []byte(id)); err != nil {
		s.Log.Warn("wake the engine; it finds the execution within a second", "execution", id, "error", err)
	}
}

// awaitInterval is how often a waiting request looks at its execution.
const awaitInterval = 20 * time.Millisecond

// await returns the execution when it has ended, or as it is when limit has passed.
func (s *Service) await(ctx context.Context, id model.ExecutionID, limit time.Duration) (*model.Execution, error) {
	deadline := s.Clock.Now().Add(limit)
	for {
		var x *model.Execution
		err := s.Store.View(ctx, func(tx store.Reader) (err error) {
			x, err = tx.Execution(id)
			return err
		})
		if err != nil || x.Status.Ended() || !s.Clock.Now().Before(deadline) {
			return x, err
		}
		timer := s.Clock.NewTimer(awaitInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return x, ctx.Err()
		case <-timer.C():
		}
	}
}
