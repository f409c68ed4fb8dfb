package revision

import (
	"context"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// GivenUpdate is a deployment update as a client gives it, to restore it or to keep one from within an execution
// (rest-api, sections 4.5 and 4.7).
type GivenUpdate struct {
	model.DeploymentUpdate
	// CreatedAt is when it was made; the zero time is now.
	CreatedAt time.Time
}

// PutUpdates stores deployment updates as they are given; one that exists is fault.Conflict. One without an execution is
// that of the execution that asks, and refused to users.
func (s *Service) PutUpdates(ctx context.Context, a *service.Actor, list []GivenUpdate) ([]*model.DeploymentUpdate, error) {
	if err := a.RequireTenant("deployment_update_create"); err != nil {
		return nil, err
	}
	out := make([]*model.DeploymentUpdate, len(list))
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		for k, g := range list {
			u, err := s.given(tx, a, g)
			if err != nil {
				return err
			}
			if err := tx.InsertDeploymentUpdate(u); err != nil {
				return err
			}
			out[k] = u
		}
		return nil
	})
	return out, err
}

func (s *Service) given(tx store.Reader, a *service.Actor, g GivenUpdate) (*model.DeploymentUpdate, error) {
	u := g.DeploymentUpdate
	d, err := service.ReadyDeployment(tx, a, u.Deployment)
	if err != nil {
		return nil, err
	}
	if err := service.Foreign(a, d.Resource, string(d.ID)); err != nil {
		return nil, err
	}
	if u.Execution == "" {
		if a.Execution == nil {
			return nil, fault.New(fault.Forbidden, "A deployment update without an execution_id may only be made from within an execution")
		}
		u.Execution = a.Execution.ID
	}
	if u.Resource, err = s.NewResource(a, u.Visibility); err != nil {
		return nil, err
	}
	if !g.CreatedAt.IsZero() {
		u.CreatedAt = g.CreatedAt
	}
	if u.State == "" {
		u.State = model.UpdateUpdating
	}
	if !u.State.Valid() {
		return nil, fault.New(fault.BadParameters, "%q is not a state of a deployment update", u.State)
	}
	if u.OldBlueprint == "" {
		u.OldBlueprint = d.Blueprint
	}
	if u.NewBlueprint == "" {
		u.NewBlueprint = d.Blueprint
	}
	if u.OldInputs == nil {
		u.OldInputs = d.Inputs
	}
	if u.NewInputs == nil {
		u.NewInputs = u.OldInputs
	}
	for k := range u.Steps {
		if u.Steps[k].ID == "" {
			u.Steps[k].ID = service.NewUUID()
		}
	}
	return &u, nil
}
