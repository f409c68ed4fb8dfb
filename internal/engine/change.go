package engine

import (
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// change applies one kind of model change inside the transaction of its phase.
func (r *runner) change(_ store.Tx, c *workflow.Change) error {
	return fault.New(fault.IllegalAction, "this manager cannot apply the model change %q", c.Kind)
}
