package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

const (
	// grace is how late an execution may always start, besides the slip of its schedule (workflows, section 8.7).
	grace = time.Minute
	// pause is how long the scheduler sleeps at most; it wakes earlier for the next occurrence.
	pause = time.Second
	// dueBatch is how many schedules one look takes.
	dueBatch = 100
)

// Run starts due executions until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	for {
		if err := s.Pass(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("look for due schedules; they are looked for again", "error", err)
		}
		timer := s.Clock.NewTimer(s.wait(ctx))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C():
		}
	}
}

// wait is how long there is nothing to do: until the next occurrence, at most pause.
func (s *Service) wait(ctx context.Context) time.Duration {
	var next time.Time
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		next, err = tx.NextSchedule()
		return err
	})
	if err != nil || next.IsZero() {
		return pause
	}
	return min(max(next.Sub(s.Clock.Now())+time.Millisecond, time.Millisecond), pause)
}

// Pass starts what is due at this moment and returns.
func (s *Service) Pass(ctx context.Context) error {
	for {
		now := s.Clock.Now()
		var due []*model.Schedule
		err := s.Store.View(ctx, func(tx store.Reader) (err error) {
			due, err = tx.DueSchedules(now, dueBatch)
			return err
		})
		if err != nil {
			return err
		}
		var failures []error
		for _, c := range due {
			if err := s.take(ctx, c, now); err != nil {
				failures = append(failures, fmt.Errorf("run schedule %s of deployment %s: %w", c.ID, c.Deployment, err))
			}
		}
		if len(due) < dueBatch || len(failures) > 0 {
			return errors.Join(failures...)
		}
	}
}

// take starts the execution of one occurrence, or lets it pass. The advance to the next occurrence and the execution are
// one transaction, so that nobody else takes the same occurrence.
func (s *Service) take(ctx context.Context, found *model.Schedule, now time.Time) error {
	after := next(found, now)
	var started model.ExecutionID
	var skipped string
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		started, skipped = "", ""
		c, err := tx.Schedule(found.Tenant, found.Deployment, found.ID)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !c.Enabled || !c.NextAt.Equal(found.NextAt) {
			return nil
		}
		if skipped, err = s.skip(tx, c, now); err != nil {
			return err
		}
		c.NextAt = after
		if skipped == "" {
			x, err := s.start(tx, c)
			switch {
			case err == nil:
				started, c.Latest = x.ID, x.ID
			case fault.CodeOf(err) == fault.Internal:
				return err
			default:
				skipped = err.Error()
			}
		}
		return tx.UpdateSchedule(c)
	})
	if err != nil {
		return err
	}
	if skipped != "" {
		s.Log.Warn("an occurrence of a schedule passed without an execution", "schedule", found.ID, "deployment", found.Deployment,
			"workflow", found.Workflow, "at", found.NextAt, "reason", skipped)
	}
	if started != "" {
		s.Wake(started)
	}
	return nil
}

// skip returns why an occurrence passes without an execution, "" when it does not (workflows, section 8.7).
func (s *Service) skip(tx store.Reader, c *model.Schedule, now time.Time) (string, error) {
	if c.Latest != "" {
		x, err := tx.Execution(c.Latest)
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			return "", err
		case !x.Status.Ended():
			return fmt.Sprintf("its latest execution %s is %s", x.ID, x.Status.Display()), nil
		case c.StopOnFail && x.Status == model.ExecutionFailed:
			c.Enabled = false
			return fmt.Sprintf("its latest execution %s failed, so the schedule is disabled now", x.ID), nil
		}
	}
	if late := now.Sub(c.NextAt); late > time.Duration(c.Slip)*time.Minute+grace {
		return fmt.Sprintf("it is %s late, more than its slip of %d minutes", late.Round(time.Second), c.Slip), nil
	}
	return "", nil
}

// start stores the execution of a schedule in the name of who made the schedule.
func (s *Service) start(tx store.Tx, c *model.Schedule) (*model.Execution, error) {
	u, err := tx.User(c.CreatedBy)
	if err != nil {
		return nil, fmt.Errorf("find the user who made the schedule: %w", err)
	}
	r := service.Start{Deployment: c.Deployment, Workflow: c.Workflow, Parameters: c.Parameters, Queue: true}
	for name, flag := range map[string]*bool{"allow_custom_parameters": &r.AllowCustomParameters, "force": &r.Force, "dry_run": &r.DryRun,
		"is_dry_run": &r.DryRun} {
		if v, ok := c.Arguments[name].(bool); ok {
			*flag = v
		}
	}
	if n, ok := c.Arguments["wait_after_fail"].(json.Number); ok {
		if seconds, err := n.Int64(); err == nil {
			r.WaitAfterFail = int(seconds)
		}
	}
	return s.Begin(tx, &service.Actor{User: u, Tenant: c.Tenant}, r)
}
