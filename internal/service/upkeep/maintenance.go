// Package upkeep holds the use cases about the manager itself: maintenance mode, and the audit log of who changed what.
//
// It is a room of package service and follows its rules. Maintenance mode is a value of the installation, read with every
// request's credentials, so that all managers of an installation obey it at once. Audit records are collected in memory
// and written in batches by one goroutine, owned by Run; who records while too many wait writes them itself, so nothing
// is dropped and memory stays bounded. After Run has ended every record is written at once.
//
// It never sees the body of a request: what an audit record holds was in its path or is the id of what it made.
package upkeep

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Service runs the use cases. It is safe for concurrent use.
type Service struct {
	*service.Service

	mu      sync.Mutex
	pending []*model.AuditRecord
	isOver  bool
	// news is closed and replaced whenever records were written; over is closed when Run ends.
	news, over chan struct{}
	// work holds a token when something is pending.
	work chan struct{}
	// turn serialises writing.
	turn sync.Mutex
}

// New returns the room over the service.
func New(s *service.Service) *Service {
	return &Service{Service: s, news: make(chan struct{}), over: make(chan struct{}), work: make(chan struct{}, 1)}
}

// MaintenanceView is the maintenance mode together with the executions that keep it from being active.
type MaintenanceView struct {
	model.Maintenance
	// Remaining is nil unless the mode is being activated.
	Remaining []*model.Execution
}

// Maintenance returns the maintenance mode. It becomes active with the first look that finds no active execution.
func (s *Service) Maintenance(ctx context.Context, a *service.Actor) (*MaintenanceView, error) {
	if err := a.Require("maintenance_mode_get"); err != nil {
		return nil, err
	}
	return s.settle(ctx, a.Maintenance)
}

// settle returns the state that follows from the executions that are active.
func (s *Service) settle(ctx context.Context, m model.Maintenance) (*MaintenanceView, error) {
	v := &MaintenanceView{Maintenance: m}
	if m.State != model.MaintenanceActivating {
		return v, nil
	}
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		v.Remaining, err = active(tx)
		return err
	})
	if err != nil || len(v.Remaining) > 0 {
		return v, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if v.Maintenance, err = read(tx); err != nil || v.State != model.MaintenanceActivating {
			return err
		}
		if v.Remaining, err = active(tx); err != nil || len(v.Remaining) > 0 {
			return err
		}
		return s.activated(tx, &v.Maintenance)
	})
	return v, err
}

func (s *Service) activated(tx store.Tx, m *model.Maintenance) error {
	m.State, m.ActivatedAt = model.MaintenanceActivated, s.Clock.Now()
	return write(tx, *m)
}

// active lists the active executions of all tenants. Queued ones do not count: they wait for the end of the maintenance.
func active(tx store.Reader) ([]*model.Execution, error) {
	var statuses []string
	for _, x := range model.ExecutionStatuses {
		if x.Active() {
			statuses = append(statuses, string(x))
		}
	}
	page, err := tx.Executions(store.Query{Scope: store.Scope{Admin: true}, Limit: -1,
		Where: []store.Condition{{Field: "status", Values: statuses}}})
	return page.Items, err
}

func read(tx store.Reader) (model.Maintenance, error) {
	text, err := tx.Value(model.MaintenanceValue)
	if err != nil {
		return model.Maintenance{}, err
	}
	return model.ParseMaintenance(text)
}

func write(tx store.Tx, m model.Maintenance) error {
	data, err := model.EncodeJSON(m)
	if err != nil {
		return err
	}
	return tx.SetValue(model.MaintenanceValue, string(data))
}

// SetMaintenance switches maintenance mode on or off. isChanged is false when it was so already. Switching it off starts
// what is queued.
func (s *Service) SetMaintenance(ctx context.Context, a *service.Actor, on bool) (v *MaintenanceView, isChanged bool, err error) {
	if err := a.Require("maintenance_mode_set"); err != nil {
		return nil, false, err
	}
	var woken []model.ExecutionID
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		v, woken, isChanged = &MaintenanceView{}, nil, false
		if v.Maintenance, err = read(tx); err != nil || v.IsOn() == on {
			return err
		}
		isChanged = true
		if !on {
			v.Maintenance = model.Maintenance{State: model.MaintenanceDeactivated}
			if err := write(tx, v.Maintenance); err != nil {
				return err
			}
			woken, err = engine.Dequeue(tx, s.MaxConcurrent)
			return err
		}
		v.Maintenance = model.Maintenance{State: model.MaintenanceActivating, RequestedBy: a.User.Name, RequestedAt: s.Clock.Now()}
		if v.Remaining, err = active(tx); err != nil {
			return err
		}
		if len(v.Remaining) == 0 {
			return s.activated(tx, &v.Maintenance)
		}
		return write(tx, v.Maintenance)
	})
	if err != nil {
		return nil, false, err
	}
	for _, id := range woken {
		s.Wake(id)
	}
	return v, isChanged, nil
}

// always are the routes that maintenance mode never closes, by the first part of their path (rest-api, section 1.3).
var always = []string{"brokers", "managers", "db-nodes", "cluster", "config", "status", "version", "license", "maintenance",
	"cluster-status", "file-server-auth", "ok", "snapshots", "snapshot-status"}

// Admit refuses a request that maintenance mode does not let pass (rest-api, section 1.3); path is what follows the
// version in the URL. bypass says that the request asked to pass, which needs maintenance_mode_set. In active maintenance
// mode an execution's token passes: only who may bypass can have started an execution then.
func (s *Service) Admit(ctx context.Context, a *service.Actor, method, path string, bypass bool) error {
	if !a.Maintenance.IsOn() || bypass && a.Allows(a.Tenant, "maintenance_mode_set") || a.Execution != nil {
		return nil
	}
	v, err := s.settle(ctx, a.Maintenance)
	if err != nil {
		return err
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case v.State == model.MaintenanceActivated && !slices.Contains(always, parts[0]):
		return fault.New(fault.MaintenanceActive, "Your request was rejected since Cloudify manager is currently in maintenance mode")
	case v.State == model.MaintenanceActivating && startsWork(method, parts):
		return fault.New(fault.MaintenanceEntering, "Your request was rejected since Cloudify manager is entering maintenance mode; "+
			"%d executions are still running", len(v.Remaining))
	}
	return nil
}

// startsWork reports whether a request would start something that maintenance has to wait for.
func startsWork(method string, parts []string) bool {
	if method != http.MethodPost && method != http.MethodPut && method != http.MethodPatch {
		return false
	}
	switch parts[0] {
	case "executions", "deployment-modifications":
		return len(parts) == 1
	case "deployments":
		return len(parts) == 2
	case "snapshots":
		return len(parts) == 2 || len(parts) == 3 && parts[2] == "restore"
	}
	return false
}
