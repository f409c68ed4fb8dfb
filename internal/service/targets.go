package service

import (
	"context"

	"github.com/reifyhq/reify/internal/dependency"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Targets evaluates the functions that say which deployments the given one depends on, and returns what writes the
// targets that changed (workflows, section 8.9). A function whose value is not there yet leaves its dependency open.
func (s *Service) Targets(ctx context.Context, t model.TenantName, id model.DeploymentID) (func(store.Tx) error, error) {
	var d *model.Deployment
	var list []*model.Dependency
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		if list, err = dependency.Of(tx, t, id); err != nil || len(list) == 0 {
			return err
		}
		d, err = tx.Deployment(t, id)
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	found := map[model.DependencyID]model.DeploymentID{}
	for _, o := range list {
		if d == nil || o.TargetFunction == nil || o.ExternalTarget != nil {
			continue
		}
		if target, ok := s.target(ctx, d, o); ok && target != o.Target {
			found[o.ID] = target
		}
	}
	return func(tx store.Tx) error {
		for key, target := range found {
			o, err := tx.Dependency(t, key)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if _, err := dependency.Retarget(tx, s.dependencyEnv(), o, target); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// target evaluates the function of one dependency; ok is false when it has no value (yet).
func (s *Service) target(ctx context.Context, d *model.Deployment, o *model.Dependency) (id model.DeploymentID, ok bool) {
	if text, isText := o.TargetFunction["function"].(string); isText {
		return model.DeploymentID(text), true
	}
	at, _ := o.TargetFunction["context"].(map[string]any)
	text := func(key string) string { v, _ := at[key].(string); return v }
	out, err := evaluateDocument(ctx, model.Document{"target": o.TargetFunction["function"]},
		fn.Scope{Self: text("self"), Source: text("source"), Target: text("target"), Path: o.Creator}, s.runtime(d))
	if err != nil {
		return "", false
	}
	name, isText := out["target"].(string)
	return model.DeploymentID(name), isText && name != ""
}
