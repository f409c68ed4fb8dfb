package agent_test

import (
	"context"
	"testing"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/operation"
)

// TestWaitingHoldsNoSlot lets operations that wait for another one share the only slot with it.
func TestWaitingHoldsNoSlot(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.options.Slots = 1
	release := make(chan struct{})
	r.options.Functions = map[string]agent.Function{
		"wait": {Resumable: true, Waits: true, Run: func(ctx context.Context, _ *agent.Operation) operation.Result {
			select {
			case <-release:
				return operation.Result{Value: []byte(`"waited"`)}
			case <-ctx.Done():
				return operation.Result{}
			}
		}},
		"release": {Resumable: true, Run: func(context.Context, *agent.Operation) operation.Result {
			close(release)
			return operation.Result{}
		}},
	}
	stop := r.start(t)
	named := func(task, function string) *operation.Message {
		m := message(task, "")
		m.Context.TaskName = function
		return m
	}
	for _, task := range []string{"w1", "w2"} {
		r.send(t, named(task, "wait"), 0)
	}
	for range 2 {
		if report := r.next(t); report.Kind != operation.ReportStarted {
			t.Fatalf("report %+v", report)
		}
	}
	// A repeated dispatch of what waits already is not run twice.
	r.send(t, named("w1", "wait"), 1)
	r.send(t, named("r", "release"), 0)
	ended := map[string]string{}
	for len(ended) < 3 {
		if report := r.next(t); report.Kind == operation.ReportFinished {
			ended[string(report.Task)] = value(*report.Result)
		}
	}
	if ended["w1"] != "waited" || ended["w2"] != "waited" {
		t.Errorf("results %v", ended)
	}
	stop()
}

// TestWaitingEndsWithTheAgent checks that what waits is given up when the agent ends and begun again by the next one.
func TestWaitingEndsWithTheAgent(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	mayEnd := make(chan struct{}, 1)
	r.options.Functions = map[string]agent.Function{"wait": {Resumable: true, Waits: true,
		Run: func(ctx context.Context, op *agent.Operation) operation.Result {
			select {
			case <-mayEnd:
				if op.Message.Context.Resume {
					return operation.Result{Value: []byte(`"resumed"`)}
				}
				return operation.Result{Value: []byte(`"fresh"`)}
			case <-ctx.Done():
				return operation.Result{}
			}
		}}}
	stop := r.start(t)
	m := message("w", "")
	m.Context.TaskName = "wait"
	r.send(t, m, 0)
	r.next(t)
	stop()
	r.start(t)
	// The engine sends again what it does not hear of.
	r.send(t, m, 1)
	mayEnd <- struct{}{}
	if got := value(r.finished(t, "w")); got != "fresh" && got != "resumed" {
		t.Errorf("the result after a restart is %s", got)
	}
}
