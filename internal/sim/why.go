package sim

import (
	"regexp"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/workflow"
)

// quiet is how long nothing may happen before every unfinished execution must know a reason.
const quiet = 20 * time.Second

// explains checks, once in every quiet time, that each execution that waits can say what for. Whoever runs the engine
// has had time by then to see what there is to do.
func (c *checker) explains() {
	w := c.w
	if w.now.Sub(w.moved) < quiet || c.explained.Equal(w.moved) {
		return
	}
	for _, m := range w.managers {
		if !m.isRunning() || m.skew != 0 {
			return
		}
	}
	c.explained = w.moved
	all := w.disk.SharedExecutions()
	for _, x := range all {
		if x.Status.Ended() || x.Status.Cancelling() || x.Workflow == systemWork {
			continue
		}
		f := workflow.Facts{Now: w.now, Execution: x, Tasks: w.disk.SharedTasks(x.Progress.Graph), Limit: 20}
		for _, o := range all {
			if o.Status.Active() {
				f.Active++
			}
			if o.ID != x.ID && o.Deployment == x.Deployment && (o.Status.Active() || o.Status == model.ExecutionQueued && o.CreatedAt.Before(x.CreatedAt)) {
				f.Ahead = append(f.Ahead, o)
			}
		}
		for _, id := range x.Progress.Awaits {
			if o := w.disk.SharedExecution(id); o != nil {
				f.Awaited = append(f.Awaited, o)
			}
		}
		if why := workflow.Why(f); len(why.Reasons) == 0 {
			w.broke("execution %s is %s, nothing has happened for %v and nobody can say why: %s", x.ID, x.Status, w.now.Sub(w.moved), why.Summary)
		}
	}
}

// fresh matches the ids that engines gave to new instances.
var fresh = regexp.MustCompile(`_new[0-9a-z.-]+$`)

// settledID is an instance id without what depends on the order of events.
func (w *world) settledID(id model.InstanceID) model.InstanceID {
	return model.InstanceID(fresh.ReplaceAllString(string(id), "_new"))
}
