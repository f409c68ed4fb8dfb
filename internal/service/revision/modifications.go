package revision

import (
	"context"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// env is what a change of the model draws from outside.
func (s *Service) env() change.Env {
	return change.Env{Now: s.Clock.Now(), NewID: service.NewUUID, NewInstanceID: service.NewInstanceID, Secrets: s.SecretsOf}
}

// Modifications lists deployment modifications.
func (s *Service) Modifications(ctx context.Context, a *service.Actor, q store.Query, allTenants bool) (p store.Page[*model.Modification], err error) {
	if err := a.RequireTenant("deployment_modification_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("deployment_modification_list", allTenants)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.Modifications(q)
		return err
	})
	return p, err
}

// Modification returns a deployment modification of the actor's tenant.
func (s *Service) Modification(ctx context.Context, a *service.Actor, id model.ModificationID) (m *model.Modification, err error) {
	if err := a.RequireTenant("deployment_modification_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		m, err = visibleModification(tx, a, id)
		return err
	})
	return m, err
}

func visibleModification(tx store.Reader, a *service.Actor, id model.ModificationID) (*model.Modification, error) {
	m, err := tx.Modification(a.Tenant, id)
	if err == nil && !a.Sees(m.Resource) {
		return nil, fault.Missing("DeploymentModification", string(id))
	}
	return m, err
}

// StartModification starts a deployment modification: nodes are the wanted counts by node or scaling group as the user
// gave them (workflows, section 11.1).
func (s *Service) StartModification(ctx context.Context, a *service.Actor, id model.DeploymentID, nodes, remember model.Document) (m *model.Modification, err error) {
	if err := a.RequireTenant("deployment_modify"); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		d, err := service.VisibleDeployment(tx, a, id)
		if err != nil {
			return err
		}
		if err := service.Foreign(a, d.Resource, string(id)); err != nil {
			return err
		}
		wanted, err := change.ParseNodes(nodes)
		if err != nil {
			return err
		}
		m, err = change.StartModification(tx, s.env(), change.NewModification{
			Tenant: d.Tenant, CreatedBy: a.User.Name, Deployment: d.ID, Nodes: wanted, Given: nodes, Context: remember,
		})
		return err
	})
	return m, err
}

// FinishModification makes a started modification final; an ended one is fault.ModificationEnded.
func (s *Service) FinishModification(ctx context.Context, a *service.Actor, id model.ModificationID) (*model.Modification, error) {
	return s.endModification(ctx, a, "deployment_modification_finish", id, change.FinishModification)
}

// RollbackModification undoes a started modification; an ended one is fault.ModificationEnded.
func (s *Service) RollbackModification(ctx context.Context, a *service.Actor, id model.ModificationID) (*model.Modification, error) {
	return s.endModification(ctx, a, "deployment_modification_rollback", id, change.RollbackModification)
}

func (s *Service) endModification(ctx context.Context, a *service.Actor, permission string, id model.ModificationID,
	end func(store.Tx, change.Env, model.TenantName, model.ModificationID) (*model.Modification, error),
) (m *model.Modification, err error) {
	if err := a.RequireTenant(permission); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if m, err = visibleModification(tx, a, id); err != nil {
			return err
		}
		if err := service.Foreign(a, m.Resource, string(id)); err != nil {
			return err
		}
		m, err = end(tx, s.env(), m.Tenant, id)
		return err
	})
	return m, err
}
