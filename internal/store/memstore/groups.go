package memstore

import (
	"slices"
	"strconv"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// member is a deployment in a group. Owner is the tenant of the deployment, which may be another one when it is global.
type member struct {
	Tenant     model.TenantName
	Group      model.DeploymentGroupID
	Owner      model.TenantName
	Deployment model.DeploymentID
}

func (m *member) key() string {
	return key(m.Tenant, m.Group) + "\x00" + key(m.Owner, m.Deployment)
}

// isMember answers the condition that a deployment is in a group with an id.
func isMember(s *state, d *model.Deployment, group any) bool {
	found := s.members.where(func(m *member) bool {
		return m.Owner == d.Tenant && m.Deployment == d.ID && string(m.Group) == group
	})
	return len(found) > 0
}

func ofDeploymentGroup(g *model.DeploymentGroup) *model.Resource { return &g.Resource }
func ofExecutionGroup(g *model.ExecutionGroup) *model.Resource   { return &g.Resource }
func ofSchedule(c *model.Schedule) *model.Resource               { return &c.Resource }

var deploymentGroups = &noun[model.DeploymentGroup]{
	name: "deployment groups", resource: scope(ofDeploymentGroup), byCreation: true,
	fields: resourceFields(ofDeploymentGroup, map[string]field[model.DeploymentGroup]{
		"id":                   text(func(g *model.DeploymentGroup) string { return string(g.ID) }),
		"description":          text(func(g *model.DeploymentGroup) string { return g.Description }),
		"default_blueprint_id": text(func(g *model.DeploymentGroup) string { return string(g.Blueprint) }),
		"creation_counter":     number(func(g *model.DeploymentGroup) int { return g.Counter }),
	}),
}

func noGroup(id model.DeploymentGroupID) error { return fault.Missing("DeploymentGroup", string(id)) }

func groupID(g *model.DeploymentGroup) (model.DeploymentGroupID, model.Resource) {
	return g.ID, g.Resource
}

func (r reader) DeploymentGroup(t model.TenantName, id model.DeploymentGroupID) (*model.DeploymentGroup, error) {
	return visible(&r.s.deploymentGroups, t, id, func(g *model.DeploymentGroup) (model.DeploymentGroupID, model.Visibility) {
		return g.ID, g.Visibility
	}, noGroup(id))
}

func (r reader) DeploymentGroups(q store.Query) (store.Page[*model.DeploymentGroup], error) {
	return list(r.s, deploymentGroups, &r.s.deploymentGroups, q)
}

func (r reader) GroupDeployments(t model.TenantName, id model.DeploymentGroupID) ([]model.DeploymentID, error) {
	var found []row[model.Deployment]
	for _, m := range r.s.members.where(func(m *member) bool { return m.Tenant == t && m.Group == id }) {
		if d, ok := r.s.deployments.get(key(m.v.Owner, m.v.Deployment)); ok {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b row[model.Deployment]) int { return int(a.seq - b.seq) })
	ids := []model.DeploymentID{}
	for _, d := range found {
		ids = append(ids, d.v.ID)
	}
	return ids, nil
}

func (r reader) GroupsOfDeployment(t model.TenantName, d model.DeploymentID) ([]model.DeploymentGroupID, error) {
	var found []row[model.DeploymentGroup]
	for _, m := range r.s.members.where(func(m *member) bool { return m.Owner == t && m.Deployment == d }) {
		if g, ok := r.s.deploymentGroups.get(key(m.v.Tenant, m.v.Group)); ok {
			found = append(found, g)
		}
	}
	slices.SortFunc(found, func(a, b row[model.DeploymentGroup]) int { return int(a.seq - b.seq) })
	ids := []model.DeploymentGroupID{}
	for _, g := range found {
		ids = append(ids, g.v.ID)
	}
	return ids, nil
}

func (t *tx) freeGroup(g *model.DeploymentGroup) error {
	return free(&t.s.deploymentGroups, g.Resource, g.ID, groupID, inUse("DeploymentGroup", string(g.ID), g.Tenant))
}

func (t *tx) InsertDeploymentGroup(g *model.DeploymentGroup) error {
	if err := t.freeGroup(g); err != nil {
		return err
	}
	return insert(t.s, &t.s.deploymentGroups, key(g.Tenant, g.ID), g, inUse("DeploymentGroup", string(g.ID), g.Tenant))
}

func (t *tx) UpdateDeploymentGroup(g *model.DeploymentGroup) error {
	if err := t.freeGroup(g); err != nil {
		return err
	}
	return replace(&t.s.deploymentGroups, key(g.Tenant, g.ID), g, noGroup(g.ID))
}

func (t *tx) DeleteDeploymentGroup(tenant model.TenantName, id model.DeploymentGroupID) error {
	for _, x := range t.s.executionGroups.where(func(x *model.ExecutionGroup) bool { return x.Tenant == tenant }) {
		changed := *x.v
		for _, g := range []*model.DeploymentGroupID{&changed.DeploymentGroup, &changed.SuccessGroup, &changed.FailedGroup} {
			if *g == id {
				*g = ""
			}
		}
		t.s.executionGroups.set(string(x.v.ID), row[model.ExecutionGroup]{x.seq, &changed})
	}
	t.s.members.removeWhere(func(m *member) bool { return m.Tenant == tenant && m.Group == id })
	return remove(&t.s.deploymentGroups, key(tenant, id), noGroup(id))
}

func (t *tx) AddToGroup(tenant model.TenantName, id model.DeploymentGroupID, members []model.DeploymentID) error {
	if _, ok := t.s.deploymentGroups.get(key(tenant, id)); !ok {
		return noGroup(id)
	}
	for _, d := range members {
		found, err := t.Deployment(tenant, d)
		if err != nil {
			return err
		}
		m := &member{Tenant: tenant, Group: id, Owner: found.Tenant, Deployment: d}
		t.s.members.set(m.key(), row[member]{t.s.next(), m})
	}
	return nil
}

func (t *tx) RemoveFromGroup(tenant model.TenantName, id model.DeploymentGroupID, members []model.DeploymentID) error {
	if _, ok := t.s.deploymentGroups.get(key(tenant, id)); !ok {
		return noGroup(id)
	}
	t.s.members.removeWhere(func(m *member) bool {
		return m.Tenant == tenant && m.Group == id && slices.Contains(members, m.Deployment)
	})
	return nil
}

var executionGroups = &noun[model.ExecutionGroup]{
	name: "execution groups", resource: scope(ofExecutionGroup), byCreation: true,
	fields: resourceFields(ofExecutionGroup, map[string]field[model.ExecutionGroup]{
		"id":                  text(func(g *model.ExecutionGroup) string { return string(g.ID) }),
		"workflow_id":         text(func(g *model.ExecutionGroup) string { return g.Workflow }),
		"concurrency":         number(func(g *model.ExecutionGroup) int { return g.Concurrency }),
		"deployment_group_id": text(func(g *model.ExecutionGroup) string { return string(g.DeploymentGroup) }),
	}),
}

func noExecutionGroup(id model.ExecutionGroupID) error {
	return fault.Missing("ExecutionGroup", string(id))
}

func (r reader) ExecutionGroup(id model.ExecutionGroupID) (*model.ExecutionGroup, error) {
	return one(&r.s.executionGroups, string(id), noExecutionGroup(id))
}

func (r reader) ExecutionGroups(q store.Query) (store.Page[*model.ExecutionGroup], error) {
	return list(r.s, executionGroups, &r.s.executionGroups, q)
}

func (r reader) membersOf(id model.ExecutionGroupID) []row[model.Execution] {
	rows := r.s.executions.where(func(x *model.Execution) bool { return id != "" && x.Group == id })
	slices.SortStableFunc(rows, func(a, b row[model.Execution]) int { return a.v.CreatedAt.Compare(b.v.CreatedAt) })
	return rows
}

func (r reader) GroupExecutions(id model.ExecutionGroupID) ([]model.ExecutionID, error) {
	ids := []model.ExecutionID{}
	for _, x := range r.membersOf(id) {
		ids = append(ids, x.v.ID)
	}
	return ids, nil
}

func (r reader) GroupStates(id model.ExecutionGroupID) (map[model.ExecutionStatus]int, error) {
	states := map[model.ExecutionStatus]int{}
	for _, x := range r.membersOf(id) {
		states[x.v.Status]++
	}
	return states, nil
}

func (t *tx) InsertExecutionGroup(g *model.ExecutionGroup) error {
	return insert(t.s, &t.s.executionGroups, string(g.ID), g, inUse("ExecutionGroup", string(g.ID), g.Tenant))
}

func (t *tx) UpdateExecutionGroup(g *model.ExecutionGroup) error {
	return replace(&t.s.executionGroups, string(g.ID), g, noExecutionGroup(g.ID))
}

var schedules = &noun[model.Schedule]{
	name: "execution schedules", resource: scope(ofSchedule), byCreation: true,
	fields: resourceFields(ofSchedule, map[string]field[model.Schedule]{
		"id":              text(func(c *model.Schedule) string { return string(c.ID) }),
		"deployment_id":   text(func(c *model.Schedule) string { return string(c.Deployment) }),
		"workflow_id":     text(func(c *model.Schedule) string { return c.Workflow }),
		"since":           instant(func(c *model.Schedule) time.Time { return c.Since }),
		"until":           instant(func(c *model.Schedule) time.Time { return c.Until }),
		"next_occurrence": instant(func(c *model.Schedule) time.Time { return c.NextAt }),
		"slip":            number(func(c *model.Schedule) int { return c.Slip }),
		"stop_on_fail":    flag(func(c *model.Schedule) bool { return c.StopOnFail }),
		"enabled":         flag(func(c *model.Schedule) bool { return c.Enabled }),
	}),
}

func noSchedule(id model.ScheduleID) error { return fault.Missing("ExecutionSchedule", string(id)) }

func scheduleKey(t model.TenantName, d model.DeploymentID, id model.ScheduleID) string {
	return key(t, d) + "\x00" + string(id)
}

func (r reader) Schedule(t model.TenantName, d model.DeploymentID, id model.ScheduleID) (*model.Schedule, error) {
	return one(&r.s.schedules, scheduleKey(t, d, id), noSchedule(id))
}

func (r reader) Schedules(q store.Query) (store.Page[*model.Schedule], error) {
	return list(r.s, schedules, &r.s.schedules, q)
}

// due returns the enabled schedules that have a next occurrence, the earliest first.
func (r reader) due() []row[model.Schedule] {
	rows := r.s.schedules.where(func(c *model.Schedule) bool { return c.Enabled && !c.NextAt.IsZero() })
	slices.SortStableFunc(rows, func(a, b row[model.Schedule]) int { return a.v.NextAt.Compare(b.v.NextAt) })
	return rows
}

func (r reader) DueSchedules(now time.Time, limit int) ([]*model.Schedule, error) {
	rows := r.due()
	n := 0
	for n < len(rows) && n < limit && rows[n].v.NextAt.Before(now) {
		n++
	}
	return give(rows[:n])
}

func (r reader) NextSchedule() (time.Time, error) {
	if rows := r.due(); len(rows) > 0 {
		return rows[0].v.NextAt, nil
	}
	return time.Time{}, nil
}

func (t *tx) InsertSchedule(c *model.Schedule) error {
	if _, ok := t.s.deployments.get(key(c.Tenant, c.Deployment)); !ok {
		return fault.Missing("Deployment", string(c.Deployment))
	}
	return insert(t.s, &t.s.schedules, scheduleKey(c.Tenant, c.Deployment, c.ID), c, inUse("ExecutionSchedule", string(c.ID), c.Tenant))
}

func (t *tx) UpdateSchedule(c *model.Schedule) error {
	return replace(&t.s.schedules, scheduleKey(c.Tenant, c.Deployment, c.ID), c, noSchedule(c.ID))
}

func (t *tx) DeleteSchedule(tenant model.TenantName, d model.DeploymentID, id model.ScheduleID) error {
	return remove(&t.s.schedules, scheduleKey(tenant, d, id), noSchedule(id))
}

func (r reader) Hooks(limit int) ([]*model.Hook, error) {
	rows := r.s.hooks.where(func(*model.Hook) bool { return true })
	return give(rows[:min(limit, len(rows))])
}

func (t *tx) InsertHook(h *model.Hook) error {
	h.ID = t.s.next()
	return put(t.s, &t.s.hooks, strconv.FormatInt(h.ID, 10), h)
}

func (t *tx) DeleteHook(id int64) error {
	t.s.hooks.remove(strconv.FormatInt(id, 10))
	return nil
}
