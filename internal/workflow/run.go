package workflow

import (
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// RunOptions are what a Run needs besides its tasks.
type RunOptions struct {
	Settings Settings
	// DryRun marks the events of the run as those of a dry run.
	DryRun bool
	// NewTaskID returns a fresh id for a retry on every call.
	NewTaskID func() model.TaskID
}

// Run is one task graph in motion. It is not safe for concurrent use; everything it holds can be rebuilt from its tasks.
type Run struct {
	opt  RunOptions
	snap *Snapshot
}

// NewRun takes the stored tasks of one graph, fresh or partly done, in creation order, and the deployment's snapshot.
// A graph with a cycle or a dangling reference is an error.
func NewRun(tasks []*model.Task, snap *Snapshot, opt RunOptions) (*Run, error) {
	return &Run{opt: opt, snap: snap}, nil
}

// Advance applies one input at the given time and returns what must happen because of it.
func (r *Run) Advance(now time.Time, in Input) Effects {
	return Effects{}
}
