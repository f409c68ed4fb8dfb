package workflows

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/reifyhq/reify/internal/workflow"
)

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

type (
	update       struct{}
	modification struct{}
)

// change plays the manager's part of a change phase.
func (w *world) change(c *workflow.Change) (json.RawMessage, error) {
	return nil, fmt.Errorf("unknown change %s", c.Kind)
}
