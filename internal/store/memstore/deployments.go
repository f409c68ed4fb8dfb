package memstore

import (
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// resourceFields adds the fields that every tenant-scoped entity has.
func resourceFields[T any](of func(*T) *model.Resource, own map[string]field[T]) map[string]field[T] {
	own["tenant_name"] = text(func(v *T) string { return string(of(v).Tenant) })
	own["created_by"] = text(func(v *T) string { return string(of(v).CreatedBy) })
	own["visibility"] = text(func(v *T) string { return string(of(v).Visibility) })
	own["created_at"] = instant(func(v *T) time.Time { return of(v).CreatedAt })
	return own
}

func ofBlueprint(b *model.Blueprint) *model.Resource   { return &b.Resource }
func ofDeployment(d *model.Deployment) *model.Resource { return &d.Resource }
func ofNode(n *model.Node) *model.Resource             { return &n.Resource }
func ofInstance(i *model.NodeInstance) *model.Resource { return &i.Resource }
func ofExecution(x *model.Execution) *model.Resource   { return &x.Resource }
func scope[T any](of func(*T) *model.Resource) func(*state, *T) *model.Resource {
	return func(_ *state, v *T) *model.Resource { return of(v) }
}

var blueprints = &noun[model.Blueprint]{
	name: "blueprints", resource: scope(ofBlueprint), byCreation: true,
	labels: func(b *model.Blueprint) []model.Label { return b.Labels },
	fields: resourceFields(ofBlueprint, map[string]field[model.Blueprint]{
		"id":               text(func(b *model.Blueprint) string { return string(b.ID) }),
		"updated_at":       instant(func(b *model.Blueprint) time.Time { return b.UpdatedAt }),
		"main_file_name":   text(func(b *model.Blueprint) string { return b.MainFile }),
		"description":      text(func(b *model.Blueprint) string { return b.Description }),
		"state":            text(func(b *model.Blueprint) string { return string(b.State) }),
		"error":            text(func(b *model.Blueprint) string { return b.Error }),
		"error_traceback":  text(func(b *model.Blueprint) string { return b.ErrorTraceback }),
		"is_hidden":        flag(func(b *model.Blueprint) bool { return b.Hidden }),
		"upload_execution": text(func(b *model.Blueprint) string { return string(b.UploadExecution) }),
	}),
}

func (r reader) Blueprint(t model.TenantName, id model.BlueprintID) (*model.Blueprint, error) {
	return visible(&r.s.blueprints, t, id, func(b *model.Blueprint) (model.BlueprintID, model.Visibility) {
		return b.ID, b.Visibility
	}, fault.Missing("Blueprint", string(id)))
}

func (r reader) Blueprints(q store.Query) (store.Page[*model.Blueprint], error) {
	p, err := list(r.s, blueprints, &r.s.blueprints, q)
	for _, b := range p.Items {
		if q.Light {
			b.Plan, b.Requirements = nil, nil
		}
	}
	return p, err
}

func (t *tx) freeBlueprint(b *model.Blueprint) error {
	return free(&t.s.blueprints, b.Resource, b.ID, func(o *model.Blueprint) (model.BlueprintID, model.Resource) {
		return o.ID, o.Resource
	}, inUse("Blueprint", string(b.ID), b.Tenant))
}

func (t *tx) InsertBlueprint(b *model.Blueprint) error {
	if err := t.freeBlueprint(b); err != nil {
		return err
	}
	return insert(t.s, &t.s.blueprints, key(b.Tenant, b.ID), b, inUse("Blueprint", string(b.ID), b.Tenant))
}

func (t *tx) UpdateBlueprint(b *model.Blueprint) error {
	if err := t.freeBlueprint(b); err != nil {
		return err
	}
	return replace(&t.s.blueprints, key(b.Tenant, b.ID), b, fault.Missing("Blueprint", string(b.ID)))
}

func (t *tx) DeleteBlueprint(tenant model.TenantName, id model.BlueprintID) error {
	for _, g := range t.s.deploymentGroups.where(func(g *model.DeploymentGroup) bool { return g.Tenant == tenant && g.Blueprint == id }) {
		bare := *g.v
		bare.Blueprint = ""
		t.s.deploymentGroups.set(key(g.v.Tenant, g.v.ID), row[model.DeploymentGroup]{g.seq, &bare})
	}
	return remove(&t.s.blueprints, key(tenant, id), fault.Missing("Blueprint", string(id)))
}

var deployments = &noun[model.Deployment]{
	name: "deployments", resource: scope(ofDeployment), byCreation: true,
	labels: func(d *model.Deployment) []model.Label { return d.Labels },
	fields: resourceFields(ofDeployment, map[string]field[model.Deployment]{
		"id":                      text(func(d *model.Deployment) string { return string(d.ID) }),
		"blueprint_id":            text(func(d *model.Deployment) string { return string(d.Blueprint) }),
		"display_name":            text(func(d *model.Deployment) string { return d.DisplayName }),
		"description":             text(func(d *model.Deployment) string { return d.Description }),
		"updated_at":              instant(func(d *model.Deployment) time.Time { return d.UpdatedAt }),
		"runtime_only_evaluation": flag(func(d *model.Deployment) bool { return d.RuntimeOnlyEvaluation }),
		"installation_status":     text(func(d *model.Deployment) string { return string(d.InstallationStatus) }),
		"deployment_status":       text(func(d *model.Deployment) string { return string(d.Status) }),
		"site_name":               text(func(d *model.Deployment) string { return d.SiteName }),
		"deployment_group_id":     {kind: "", is: isMember},
		"sub_services_count":      number(func(d *model.Deployment) int { return d.SubServices }),
		"sub_environments_count":  number(func(d *model.Deployment) int { return d.SubEnvironments }),
		"sub_services_status":     text(func(d *model.Deployment) string { return string(d.SubServicesStatus) }),
		"sub_environments_status": text(func(d *model.Deployment) string { return string(d.SubEnvironmentsStatus) }),
		"create_execution":        text(func(d *model.Deployment) string { return string(d.CreateExecution) }),
		"latest_execution":        text(func(d *model.Deployment) string { return string(d.LatestExecution) }),
		"latest_execution_status": latest("", func(x *model.Execution) any {
			switch {
			case x.Status.Ended():
				return x.Status.Display()
			case x.Status == model.ExecutionScheduled:
				return nil
			}
			return "in_progress"
		}),
		"latest_execution_workflow_id":         latest("", func(x *model.Execution) any { return x.Workflow }),
		"latest_execution_total_operations":    latest(0, func(x *model.Execution) any { return x.TotalOperations }),
		"latest_execution_finished_operations": latest(0, func(x *model.Execution) any { return x.FinishedOperations }),
	}),
}

// latest reads the latest execution of a deployment.
func latest(kind any, get func(*model.Execution) any) field[model.Deployment] {
	return found(kind, func(s *state, d *model.Deployment) any {
		if x, ok := s.executions.get(string(d.LatestExecution)); ok {
			return get(x.v)
		}
		return nil
	})
}

func (r reader) Deployment(t model.TenantName, id model.DeploymentID) (*model.Deployment, error) {
	return visible(&r.s.deployments, t, id, func(d *model.Deployment) (model.DeploymentID, model.Visibility) {
		return d.ID, d.Visibility
	}, fault.Missing("Deployment", string(id)))
}

func (r reader) Deployments(q store.Query) (store.Page[*model.Deployment], error) {
	return list(r.s, deployments, &r.s.deployments, q)
}

func (t *tx) freeDeployment(d *model.Deployment) error {
	return free(&t.s.deployments, d.Resource, d.ID, func(o *model.Deployment) (model.DeploymentID, model.Resource) {
		return o.ID, o.Resource
	}, inUse("Deployment", string(d.ID), d.Tenant))
}

func (t *tx) InsertDeployment(d *model.Deployment) error {
	if err := t.freeDeployment(d); err != nil {
		return err
	}
	return insert(t.s, &t.s.deployments, key(d.Tenant, d.ID), d, inUse("Deployment", string(d.ID), d.Tenant))
}

func (t *tx) UpdateDeployment(d *model.Deployment) error {
	if err := t.freeDeployment(d); err != nil {
		return err
	}
	return replace(&t.s.deployments, key(d.Tenant, d.ID), d, fault.Missing("Deployment", string(d.ID)))
}

func (t *tx) DeleteDeployment(tenant model.TenantName, id model.DeploymentID) error {
	if err := remove(&t.s.deployments, key(tenant, id), fault.Missing("Deployment", string(id))); err != nil {
		return err
	}
	t.s.nodes.removeWhere(func(n *model.Node) bool { return n.Tenant == tenant && n.Deployment == id })
	t.s.instances.removeWhere(func(i *model.NodeInstance) bool { return i.Tenant == tenant && i.Deployment == id })
	t.s.modifications.removeWhere(func(m *model.Modification) bool { return m.Tenant == tenant && m.Deployment == id })
	t.s.dependencies.removeWhere(func(o *model.Dependency) bool { return o.Tenant == tenant && o.Source == id })
	for _, o := range t.s.dependencies.where(func(o *model.Dependency) bool { return o.Tenant == tenant && o.Target == id }) {
		free := *o.v
		free.Target = ""
		t.s.dependencies.set(key(free.Tenant, free.ID), row[model.Dependency]{o.seq, &free})
	}
	t.s.updates.removeWhere(func(u *model.DeploymentUpdate) bool { return u.Tenant == tenant && u.Deployment == id })
	t.s.schedules.removeWhere(func(c *model.Schedule) bool { return c.Tenant == tenant && c.Deployment == id })
	t.s.members.removeWhere(func(m *member) bool { return m.Owner == tenant && m.Deployment == id })
	for _, x := range t.s.executions.where(func(x *model.Execution) bool { return x.Tenant == tenant && x.Deployment == id }) {
		t.removeExecution(x.v.ID)
	}
	return nil
}

func (t *tx) TrimDeployment(tenant model.TenantName, id model.DeploymentID, limit int) (int, error) {
	runs := map[model.ExecutionID]bool{}
	for _, x := range t.s.executions.where(func(x *model.Execution) bool { return x.Tenant == tenant && x.Deployment == id }) {
		runs[x.v.ID] = true
	}
	left := limit
	t.removeEvents(func(e *model.Event) bool {
		gone := left > 0 && runs[e.Execution]
		if gone {
			left--
		}
		return gone
	})
	trim(&t.s.tasks, &left, func(k *model.Task) bool { return runs[k.Execution] })
	trim(&t.s.instances, &left, func(i *model.NodeInstance) bool { return i.Tenant == tenant && i.Deployment == id })
	trim(&t.s.nodes, &left, func(n *model.Node) bool { return n.Tenant == tenant && n.Deployment == id })
	return limit - left, nil
}

// trim removes the first rows that satisfy gone, as many as are left to be removed.
func trim[T any](rows *table[T], left *int, gone func(*T) bool) {
	first := rows.where(gone)
	first = first[:min(*left, len(first))]
	*left -= len(first)
	chosen := map[*T]bool{}
	for _, r := range first {
		chosen[r.v] = true
	}
	rows.removeWhere(func(v *T) bool { return chosen[v] })
}
