package change

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/recurrence"
	"github.com/reifyhq/reify/internal/store"
)

// Settle makes the schedules that a blueprint declares and joins its groups, which are made when they do not exist.
func Settle(tx store.Tx, d *model.Deployment, p PlanSettings, now time.Time) error {
	for _, id := range p.Groups {
		g, err := tx.DeploymentGroup(d.Tenant, id)
		if fault.Is(err, fault.NotFound) {
			g = &model.DeploymentGroup{Resource: d.Resource, ID: id}
			g.CreatedAt = now
			err = tx.InsertDeploymentGroup(g)
		}
		if err != nil {
			return err
		}
		if err := JoinGroup(tx, now, g, []model.DeploymentID{d.ID}); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.Schedules)) {
		c, err := defaultSchedule(d, id, p.Schedules[id], now)
		if err != nil {
			return fmt.Errorf("make the default schedule %s: %w", id, err)
		}
		if err := tx.InsertSchedule(c); err != nil {
			return err
		}
	}
	return nil
}

func defaultSchedule(d *model.Deployment, id model.ScheduleID, p PlanSchedule, now time.Time) (*model.Schedule, error) {
	c := &model.Schedule{
		Resource: d.Resource, ID: id, Deployment: d.ID, Workflow: p.Workflow, Parameters: p.Parameters, Arguments: p.Arguments,
		Rule: model.ScheduleRule{Recurrence: p.Recurrence, Count: p.Count, Weekdays: p.Weekdays}, Slip: p.Slip,
		StopOnFail: p.StopAfterFail, Enabled: p.Enabled == nil || *p.Enabled,
	}
	c.CreatedAt = now
	if _, ok := d.Workflows[p.Workflow]; !ok {
		return nil, fault.New(fault.NonexistentWorkflow, "Workflow %s does not exist in deployment %s", p.Workflow, d.ID)
	}
	var err error
	if c.Since, err = recurrence.ParseTime(p.Since, now); err != nil {
		return nil, err
	}
	if c.Until, err = recurrence.ParseTime(p.Until, now); err != nil {
		return nil, err
	}
	if c.Rule, err = recurrence.Check(c.Rule); err != nil {
		return nil, err
	}
	if next := recurrence.Next(c.Rule, c.Since, c.Until, now, 1); len(next) > 0 {
		c.NextAt = next[0]
	}
	return c, nil
}
