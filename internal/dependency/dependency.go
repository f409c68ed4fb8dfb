// Package dependency keeps what deployments are to each other, inside a store transaction: dependencies with their
// sources and targets, parents and children, and what an environment knows of what is below it.
//
// The engine calls it when executions begin and end, package service for what the API asks for, so that both keep the
// same rules. It starts nothing, evaluates nothing and keeps nothing between calls. Every function that takes a store.Tx
// may be run again when the commit it shared with others failed.
//
// Invariants: neither dependencies nor parents form a cycle; a deployment has one consumer label for each deployment that
// depends on it, components excepted, or is in it; counts and statuses of what is below are those of the stored children.
package dependency

import (
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Env is what changes draw from outside.
type Env struct {
	Now time.Time
	// NewID returns a fresh UUID.
	NewID func() string
}

// everybody sees every dependency of a tenant: rules hold whoever asks.
func everybody(t model.TenantName, where ...store.Condition) store.Query {
	return store.Query{Scope: store.Scope{Tenants: []model.TenantName{t}, Admin: true}, Limit: -1, Where: where}
}

func equals(field, value string) store.Condition {
	return store.Condition{Field: field, Values: []string{value}}
}

// Of returns the dependencies whose source is the deployment, oldest first.
func Of(tx store.Reader, t model.TenantName, source model.DeploymentID) ([]*model.Dependency, error) {
	p, err := tx.Dependencies(everybody(t, equals("source_deployment_id", string(source))))
	return p.Items, err
}

// On returns the dependencies whose target is the deployment, oldest first.
func On(tx store.Reader, t model.TenantName, target model.DeploymentID) ([]*model.Dependency, error) {
	p, err := tx.Dependencies(everybody(t, equals("target_deployment_id", string(target))))
	return p.Items, err
}

// Targets returns every deployment that the given one depends on, directly or not, nearest first.
func Targets(tx store.Reader, t model.TenantName, source model.DeploymentID) ([]model.DeploymentID, error) {
	var out []model.DeploymentID
	seen := map[model.DeploymentID]bool{source: true}
	for work := []model.DeploymentID{source}; len(work) > 0; work = work[1:] {
		list, err := Of(tx, t, work[0])
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			if d.Target != "" && !seen[d.Target] {
				seen[d.Target] = true
				out, work = append(out, d.Target), append(work, d.Target)
			}
		}
	}
	return out, nil
}

// acyclic refuses an edge from source to target when target depends on source already.
func acyclic(tx store.Reader, t model.TenantName, source, target model.DeploymentID) error {
	if source == "" || target == "" {
		return nil
	}
	below, err := Targets(tx, t, target)
	if err != nil {
		return err
	}
	if source == target || slices.Contains(below, source) {
		return fault.New(fault.Conflict, "Deployment creation results in cyclic inter-deployment dependencies.")
	}
	return nil
}

// Add stores a dependency. A source or target that does not exist is fault.NotFound, a cycle fault.Conflict; one that is
// there already, by creator, source and target, is answered as it is.
func Add(tx store.Tx, env Env, d *model.Dependency) (*model.Dependency, error) {
	for _, id := range []model.DeploymentID{d.Source, d.Target} {
		if id == "" {
			continue
		}
		if _, err := tx.Deployment(d.Tenant, id); err != nil {
			return nil, err
		}
	}
	old, err := find(tx, d)
	if err != nil || old != nil {
		return old, err
	}
	if err := acyclic(tx, d.Tenant, d.Source, d.Target); err != nil {
		return nil, err
	}
	if d.ID == "" {
		d.ID = model.DependencyID(env.NewID())
	}
	if d.CreatedAt.IsZero() {
		d.CreatedAt = env.Now
	}
	if err := tx.InsertDependency(d); err != nil {
		return nil, err
	}
	return d, consume(tx, env, d.Tenant, d.Target)
}

// find returns the stored dependency with the creator, source and target of d, nil when there is none.
func find(tx store.Reader, d *model.Dependency) (*model.Dependency, error) {
	p, err := tx.Dependencies(everybody(d.Tenant, equals("dependency_creator", d.Creator), equals("target_deployment_id", string(d.Target))))
	if err != nil {
		return nil, err
	}
	for _, o := range p.Items {
		if o.Source == d.Source && same(o.ExternalSource, d.ExternalSource) && same(o.ExternalTarget, d.ExternalTarget) {
			return o, nil
		}
	}
	return nil, nil
}

// Remove deletes the dependencies with the creator, source and target of d; none is fault.NotFound.
func Remove(tx store.Tx, env Env, d *model.Dependency) error {
	old, err := find(tx, d)
	if err != nil {
		return err
	}
	if old == nil {
		return fault.New(fault.NotFound, "Requested Inter-deployment Dependency with params `dependency_creator: %s, "+
			"source_deployment: %s, target_deployment: %s` was not found", d.Creator, d.Source, d.Target)
	}
	if err := tx.DeleteDependency(old.Tenant, old.ID); err != nil {
		return err
	}
	return consume(tx, env, old.Tenant, old.Target)
}

// Replace makes the dependencies of a source that come from functions those that are wanted; those of components, shared
// resources and other managers stay (workflows, section 13.4). What stays the same keeps its id. It reports what it
// stored, in the order of wanted.
func Replace(tx store.Tx, env Env, t model.TenantName, source model.DeploymentID, wanted []*model.Dependency) ([]*model.Dependency, error) {
	stored, err := Of(tx, t, source)
	if err != nil {
		return nil, err
	}
	stored = slices.DeleteFunc(stored, func(d *model.Dependency) bool { return !d.IsFunction() })
	touched := map[model.DeploymentID]bool{}
	kept := map[model.DependencyID]bool{}
	out := make([]*model.Dependency, len(wanted))
	for k, w := range wanted {
		at := slices.IndexFunc(stored, func(o *model.Dependency) bool {
			return !kept[o.ID] && o.Creator == w.Creator && o.Target == w.Target && same(o.TargetFunction, w.TargetFunction)
		})
		if at >= 0 {
			kept[stored[at].ID], out[k] = true, stored[at]
		}
	}
	for _, o := range stored {
		if kept[o.ID] {
			continue
		}
		touched[o.Target] = true
		if err := tx.DeleteDependency(t, o.ID); err != nil {
			return nil, err
		}
	}
	for k, w := range wanted {
		if out[k] != nil {
			continue
		}
		w.Source, w.Tenant = source, t
		if err := insert(tx, env, w); err != nil {
			return nil, err
		}
		touched[w.Target], out[k] = true, w
	}
	for id := range touched {
		if err := consume(tx, env, t, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// insert stores a dependency that a function of a plan made. A target that does not exist (yet) is left open.
func insert(tx store.Tx, env Env, d *model.Dependency) error {
	if err := known(tx, d); err != nil {
		return err
	}
	if err := acyclic(tx, d.Tenant, d.Source, d.Target); err != nil {
		return err
	}
	d.ID, d.CreatedAt = model.DependencyID(env.NewID()), env.Now
	return tx.InsertDependency(d)
}

// known clears a target that does not exist.
func known(tx store.Reader, d *model.Dependency) error {
	if d.Target == "" {
		return nil
	}
	_, err := tx.Deployment(d.Tenant, d.Target)
	if fault.Is(err, fault.NotFound) {
		d.Target = ""
		return nil
	}
	return err
}

// Retarget gives a dependency the target that its function has now; a target that does not exist leaves it open. It
// reports whether anything changed.
func Retarget(tx store.Tx, env Env, d *model.Dependency, target model.DeploymentID) (bool, error) {
	before := d.Target
	d.Target = target
	if err := known(tx, d); err != nil || d.Target == before {
		return false, err
	}
	if err := acyclic(tx, d.Tenant, d.Source, d.Target); err != nil {
		return false, err
	}
	if err := tx.UpdateDependency(d); err != nil {
		return false, err
	}
	if err := consume(tx, env, d.Tenant, before); err != nil {
		return false, err
	}
	return true, consume(tx, env, d.Tenant, d.Target)
}

// same compares documents by their JSON.
func same(a, b model.Document) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	x, errX := model.EncodeJSON(a)
	y, errY := model.EncodeJSON(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
