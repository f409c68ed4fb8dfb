// Package schedule holds the use cases of execution schedules, and the scheduler that starts what is due.
//
// It is a room of package service and follows its rules. The scheduler keeps nothing in memory: that an occurrence was
// taken is the advance of the schedule's next occurrence, committed in one transaction with the execution it starts. So
// every occurrence starts at most one execution, however many managers look and whenever one of them dies.
package schedule

import (
	"context"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/recurrence"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// maxOccurrences is how many future occurrences an answer shows (rest-api, section 7).
const maxOccurrences = 1000

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }

// View is a schedule with what its answer needs of other entities.
type View struct {
	*model.Schedule
	// LatestStatus is the status of the latest execution, empty when there is none.
	LatestStatus model.ExecutionStatus
	// Occurrences are the next ones, oldest first.
	Occurrences []time.Time
}

func (s *Service) view(tx store.Reader, c *model.Schedule) (*View, error) {
	v := &View{Schedule: c, Occurrences: recurrence.Next(c.Rule, c.Since, c.Until, s.Clock.Now(), maxOccurrences)}
	if c.Latest == "" {
		return v, nil
	}
	x, err := tx.Execution(c.Latest)
	if fault.Is(err, fault.NotFound) {
		return v, nil
	}
	if err == nil {
		v.LatestStatus = x.Status
	}
	return v, err
}

// List lists schedules.
func (s *Service) List(ctx context.Context, a *service.Actor, q service.Query, all bool) (p service.Page[*View], err error) {
	if err := a.RequireTenant("execution_schedule_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("execution_schedule_list", all)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		found, err := tx.Schedules(q)
		if err != nil {
			return err
		}
		p = service.Page[*View]{Total: found.Total}
		for _, c := range found.Items {
			v, err := s.view(tx, c)
			if err != nil {
				return err
			}
			p.Items = append(p.Items, v)
		}
		return nil
	})
	return p, err
}

// find returns a schedule of a deployment that the actor sees. Without a deployment the id must be unique.
func find(tx store.Reader, a *service.Actor, d model.DeploymentID, id model.ScheduleID) (*model.Schedule, error) {
	where := []store.Condition{{Field: "id", Values: []string{string(id)}}}
	if d != "" {
		where = append(where, store.Condition{Field: "deployment_id", Values: []string{string(d)}})
	}
	page, err := tx.Schedules(store.Query{Scope: a.Scope("execution_schedule_get", false), Where: where, Limit: 2})
	switch {
	case err != nil:
		return nil, err
	case page.Total == 0 && d == "":
		return nil, fault.Missing("ExecutionSchedule", string(id))
	case page.Total == 0:
		return nil, fault.New(fault.NotFound, "Requested `ExecutionSchedule` with ID `%s` was not found (filters: {'deployment_id': '%s'})", id, d)
	case page.Total > 1:
		return nil, fault.New(fault.AmbiguousName, "several schedules have the id `%s`; name the deployment as well", id)
	}
	return page.Items[0], nil
}

// Get returns a schedule.
func (s *Service) Get(ctx context.Context, a *service.Actor, d model.DeploymentID, id model.ScheduleID) (v *View, err error) {
	if err := a.RequireTenant("execution_schedule_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		c, err := find(tx, a, d, id)
		if err != nil {
			return err
		}
		v, err = s.view(tx, c)
		return err
	})
	return v, err
}

// NewSchedule is a request to create a schedule. Times are text in the forms of package recurrence.
type NewSchedule struct {
	ID         model.ScheduleID
	Deployment model.DeploymentID
	Workflow   string
	Parameters model.Document
	Arguments  model.Document
	Since      string
	Until      string
	Rule       model.ScheduleRule
	Slip       int
	StopOnFail bool
	Enabled    bool
}

// Create stores a schedule.
func (s *Service) Create(ctx context.Context, a *service.Actor, n NewSchedule) (v *View, err error) {
	if err := a.RequireTenant("execution_schedule_create"); err != nil {
		return nil, err
	}
	if err := service.CheckID("schedule_id", string(n.ID)); err != nil {
		return nil, err
	}
	if n.Slip < 0 {
		return nil, fault.New(fault.BadParameters, "slip must be 0 or more minutes but is %d", n.Slip)
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		c, err := s.insert(tx, a, n)
		if err != nil {
			return err
		}
		v, err = s.view(tx, c)
		return err
	})
	return v, err
}

func (s *Service) insert(tx store.Tx, a *service.Actor, n NewSchedule) (*model.Schedule, error) {
	d, err := service.VisibleDeployment(tx, a, n.Deployment)
	if err != nil {
		return nil, err
	}
	if err := declares(d, n.Workflow); err != nil {
		return nil, err
	}
	now := s.Clock.Now()
	c := &model.Schedule{
		Resource: model.Resource{Tenant: d.Tenant, CreatedBy: a.User.Name, CreatedAt: now, Visibility: d.Visibility}, ID: n.ID, Deployment: d.ID,
		Workflow: n.Workflow, Parameters: n.Parameters, Arguments: n.Arguments, Slip: n.Slip, StopOnFail: n.StopOnFail, Enabled: n.Enabled,
	}
	if c.Since, err = recurrence.ParseTime(n.Since, now); err != nil {
		return nil, err
	}
	if c.Until, err = recurrence.ParseTime(n.Until, now); err != nil {
		return nil, err
	}
	if c.Rule, err = recurrence.Check(n.Rule); err != nil {
		return nil, err
	}
	c.NextAt = next(c, now)
	err = tx.InsertSchedule(c)
	if fault.Is(err, fault.Conflict) {
		err = fault.New(fault.Conflict, "Instance with ID %s cannot be added on <Tenant name=`%s`> or with global visibility", c.ID, c.Tenant)
	}
	return c, err
}

func declares(d *model.Deployment, workflow string) error {
	if _, ok := d.Workflows[workflow]; !ok {
		return fault.New(fault.NonexistentWorkflow, "Workflow %s does not exist in deployment %s", workflow, d.ID)
	}
	return nil
}

// next is the first occurrence of a schedule after a moment, zero when there is none.
func next(c *model.Schedule, after time.Time) time.Time {
	if list := recurrence.Next(c.Rule, c.Since, c.Until, after, 1); len(list) > 0 {
		return list[0]
	}
	return time.Time{}
}

// Change changes a schedule; nil fields stay as they are. The parts of its rule are given all together or not at all
// where they exclude each other.
type Change struct {
	Since, Until *string
	Workflow     *string
	Rule         model.ScheduleRule
	Slip         *int
	StopOnFail   *bool
	Enabled      *bool
}

// Update changes a schedule and computes its next occurrence again.
func (s *Service) Update(ctx context.Context, a *service.Actor, d model.DeploymentID, id model.ScheduleID, ch Change) (v *View, err error) {
	if err := a.RequireTenant("execution_schedule_create"); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		c, err := find(tx, a, d, id)
		if err != nil {
			return err
		}
		if err := service.Foreign(a, c.Resource, string(id)); err != nil {
			return err
		}
		if err := s.apply(tx, c, ch); err != nil {
			return err
		}
		if err := tx.UpdateSchedule(c); err != nil {
			return err
		}
		v, err = s.view(tx, c)
		return err
	})
	return v, err
}

func (s *Service) apply(tx store.Reader, c *model.Schedule, ch Change) (err error) {
	now := s.Clock.Now()
	for _, t := range []struct {
		text *string
		to   *time.Time
	}{{ch.Since, &c.Since}, {ch.Until, &c.Until}} {
		if t.text != nil {
			if *t.to, err = recurrence.ParseTime(*t.text, now); err != nil {
				return err
			}
		}
	}
	if ch.Workflow != nil {
		d, err := tx.Deployment(c.Tenant, c.Deployment)
		if err != nil {
			return err
		}
		if err := declares(d, *ch.Workflow); err != nil {
			return err
		}
		c.Workflow = *ch.Workflow
	}
	if c.Rule, err = recurrence.Check(changedRule(c.Rule, ch.Rule)); err != nil {
		return err
	}
	if ch.Slip != nil {
		if c.Slip = *ch.Slip; c.Slip < 0 {
			return fault.New(fault.BadParameters, "slip must be 0 or more minutes but is %d", c.Slip)
		}
	}
	if ch.StopOnFail != nil {
		c.StopOnFail = *ch.StopOnFail
	}
	if ch.Enabled != nil {
		c.Enabled = *ch.Enabled
	}
	c.NextAt = next(c, now)
	return nil
}

// changedRule is the rule after a change: a recurrence rule replaces all, parts of the other form replace parts.
func changedRule(old, given model.ScheduleRule) model.ScheduleRule {
	if given.RRule != "" {
		return given
	}
	if given.Recurrence == "" && given.Count == nil && len(given.Weekdays) == 0 {
		return old
	}
	old.RRule = ""
	if given.Recurrence != "" {
		old.Recurrence = given.Recurrence
	}
	if given.Count != nil {
		old.Count = given.Count
	}
	if len(given.Weekdays) > 0 {
		old.Weekdays = given.Weekdays
	}
	return old
}

// Delete removes a schedule; executions that it started go on.
func (s *Service) Delete(ctx context.Context, a *service.Actor, d model.DeploymentID, id model.ScheduleID) error {
	if err := a.RequireTenant("execution_schedule_create"); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		c, err := find(tx, a, d, id)
		if err != nil {
			return err
		}
		if err := service.Foreign(a, c.Resource, string(id)); err != nil {
			return err
		}
		return tx.DeleteSchedule(c.Tenant, c.Deployment, c.ID)
	})
}

// Later makes a schedule that starts a workflow once, at a time in the future (workflows, section 8.1). The execution it
// returns has no id: it does not exist before its time.
func (s *Service) Later(ctx context.Context, a *service.Actor, r service.Start, at string) (*model.Execution, error) {
	if err := a.RequireTenant("execution_start"); err != nil {
		return nil, err
	}
	now := s.Clock.Now()
	when, err := recurrence.ParseTime(at, now)
	if err != nil {
		return nil, err
	}
	if !when.After(now) {
		return nil, fault.New(fault.BadParameters, "Date `%s` has already passed, please provide date in the future. Current time: `%s`",
			when.Format(time.DateTime), now.UTC().Format(time.DateTime))
	}
	once := 1
	n := NewSchedule{ID: model.ScheduleID(r.Workflow + "_" + strings.ReplaceAll(service.NewUUID(), "-", "")), Deployment: r.Deployment, Workflow: r.Workflow,
		Parameters: r.Parameters, Since: when.Format(time.DateTime), Rule: model.ScheduleRule{Count: &once}, Enabled: true,
		Arguments: model.Document{"allow_custom_parameters": r.AllowCustomParameters, "force": r.Force, "dry_run": r.DryRun,
			"wait_after_fail": r.WaitAfterFail}}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		_, err := s.insert(tx, a, n)
		return err
	})
	return &model.Execution{Status: model.ExecutionScheduled}, err
}
