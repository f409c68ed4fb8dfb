// Package progress follows a running execution and shows it: events as lines of text, nodes as a block of lines that is
// redrawn in place on a terminal.
//
// It polls: often while something happens, once a second when nothing does. A manager that is away for a moment (a
// restart, a failover) is waited for, since the execution goes on by itself. The package never starts, changes or cancels
// an execution: to stop following never stops what is followed.
//
// A Follower is used by one goroutine and starts none.
package progress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
)

const (
	minDelay = 100 * time.Millisecond
	maxDelay = time.Second
	// frame is how often the picture is drawn anew while nothing is asked.
	frame = 250 * time.Millisecond
	// patience is how long a manager that cannot be reached is waited for.
	patience = time.Minute
)

// View shows what happens.
type View interface {
	// Event shows one event or log line.
	Event(e client.Event)
	// Progress shows where the execution stands.
	Progress(s Snapshot)
	// Note says something about the following itself.
	Note(text string)
	// Close leaves the last picture behind and ends the view.
	Close()
}

// Snapshot is where an execution stands.
type Snapshot struct {
	Execution client.Execution
	Elapsed   time.Duration
	Nodes     []NodeProgress
}

// NodeProgress is where one node stands.
type NodeProgress struct {
	Node  model.NodeID
	State string
	// Done and Total count operations; Total is what is known so far. Failed counts those that will not be retried.
	Done, Total, Failed int
	Elapsed             time.Duration
	// IsBusy says that an operation runs or is about to.
	IsBusy bool
}

// Stopped says that following ended before the execution did, which goes on.
type Stopped struct {
	Execution client.Execution
	// Timeout is set when the time given was over.
	Timeout time.Duration
	Cause   error
}

// Error says why.
func (s *Stopped) Error() string {
	if s.Timeout > 0 {
		return fmt.Sprintf("execution %s of workflow %s did not end within %s; it goes on", s.Execution.ID,
			s.Execution.Workflow, s.Timeout)
	}
	return fmt.Sprintf("stopped following execution %s of workflow %s; it goes on", s.Execution.ID, s.Execution.Workflow)
}

// Unwrap returns the reason.
func (s *Stopped) Unwrap() error { return s.Cause }

// Follower follows executions.
type Follower struct {
	Client *client.Client
	Clock  clock.Clock
	View   View
	// Timeout ends following; 0 means never.
	Timeout time.Duration
	// NoLogs leaves log lines out, so that only events are shown.
	NoLogs bool
	// Nodes keeps track of nodes, for views that draw them.
	Nodes bool
}

// Follow shows the execution until it ended and returns its last state. It returns a *Stopped when ctx ends or the time
// is over.
func (f Follower) Follow(ctx context.Context, id model.ExecutionID) (client.Execution, error) {
	kinds := []model.EventKind{model.KindEvent, model.KindLog}
	if f.NoLogs {
		kinds = kinds[:1]
	}
	r := &run{
		Follower: f, id: id, began: f.Clock.Now(), nodes: newTracker(),
		feed: NewFeed(f.Client, client.EventQuery{Execution: id, Kinds: kinds}),
	}
	return r.loop(ctx)
}

// run is one following.
type run struct {
	Follower
	id        model.ExecutionID
	began     time.Time
	feed      *Feed
	nodes     *tracker
	execution client.Execution
	awaySince time.Time
}

func (r *run) loop(ctx context.Context) (client.Execution, error) {
	delay := minDelay
	for {
		changed, err := r.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return r.execution, r.stopped(ctx.Err(), 0)
		case err != nil:
			if err := r.forgive(err); err != nil {
				return r.execution, err
			}
		case r.execution.Status.Ended():
			return r.execution, nil
		}
		if changed {
			delay = minDelay
		} else {
			delay = min(delay*3/2, maxDelay)
		}
		if r.Timeout > 0 && r.Clock.Now().Sub(r.began) >= r.Timeout {
			return r.execution, r.stopped(context.DeadlineExceeded, r.Timeout)
		}
		if err := r.pause(ctx, delay); err != nil {
			return r.execution, r.stopped(err, 0)
		}
	}
}

func (r *run) stopped(cause error, timeout time.Duration) error {
	if r.execution.ID == "" {
		r.execution.ID = r.id
	}
	return &Stopped{Execution: r.execution, Cause: cause, Timeout: timeout}
}

// poll asks for the execution first and its events second: once it ended, the events that follow are complete.
func (r *run) poll(ctx context.Context) (changed bool, err error) {
	execution, err := r.Client.GetExecution(ctx, r.id)
	if err != nil {
		return false, err
	}
	changed = execution.Status != r.execution.Status || execution.FinishedOperations != r.execution.FinishedOperations
	r.execution = execution
	next := r.feed.Next
	if execution.Status.Ended() {
		next = r.feed.Drain
	}
	events, err := next(ctx)
	for _, e := range events {
		r.nodes.event(e, r.Clock.Now())
		r.View.Event(e)
	}
	if err != nil {
		return changed, err
	}
	if r.Nodes {
		if err := r.refreshNodes(ctx); err != nil {
			return changed, err
		}
	}
	r.back()
	r.draw()
	return changed || len(events) > 0, nil
}

func (r *run) draw() {
	now := r.Clock.Now()
	r.View.Progress(Snapshot{Execution: r.execution, Elapsed: now.Sub(r.began), Nodes: r.nodes.list(now)})
}

// forgive returns err when the manager said something, or has been away for too long.
func (r *run) forgive(err error) error {
	var away *client.Unreachable
	var answer *client.Error
	isAway := errors.As(err, &away) || errors.As(err, &answer) && (answer.Status == http.StatusBadGateway ||
		answer.Status == http.StatusServiceUnavailable || answer.Status == http.StatusGatewayTimeout)
	if !isAway {
		return err
	}
	now := r.Clock.Now()
	if r.awaySince.IsZero() {
		r.awaySince = now
		r.View.Note("the manager does not answer; waiting for it, the execution goes on by itself")
	}
	if now.Sub(r.awaySince) > patience {
		return err
	}
	return nil
}

func (r *run) back() {
	if !r.awaySince.IsZero() {
		r.awaySince = time.Time{}
		r.View.Note("the manager answers again")
	}
}

// pause waits for d and keeps the picture moving meanwhile.
func (r *run) pause(ctx context.Context, d time.Duration) error {
	for d > 0 {
		step := min(d, frame)
		timer := r.Clock.NewTimer(step)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C():
		}
		d -= step
		r.draw()
	}
	return nil
}
