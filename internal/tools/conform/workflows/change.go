package workflows

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/workflow"
)

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

type (
	update       struct{}
	modification struct{}
)

// change plays the manager's part of a change phase.
func (w *world) change(c *workflow.Change) (json.RawMessage, error) {
	switch c.Kind {
	case workflow.ChangePatch:
		var args workflow.PatchArgs
		if err := model.DecodeJSON(c.Args, &args); err != nil {
			return nil, err
		}
		for _, p := range args.Patches {
			if i := w.instance(p.Instance); i != nil {
				i.SystemProperties = patch(i.SystemProperties, p.Set)
			}
		}
		return nil, nil
	}
	return nil, fmt.Errorf("unknown change %s", c.Kind)
}
