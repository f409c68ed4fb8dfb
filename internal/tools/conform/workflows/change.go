package workflows

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/workflow"
)

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// change plays the manager's part of a change phase.
func (w *world) change(c *workflow.Change) (json.RawMessage, error) {
	switch c.Kind {
	case workflow.ChangePatch:
		args, err := decode[workflow.PatchArgs](c.Args)
		for _, p := range args.Patches {
			if i := w.instance(p.Instance); i != nil {
				i.SystemProperties = patch(i.SystemProperties, p.Set)
			}
		}
		return nil, err
	case workflow.ChangeModificationStart:
		args, err := decode[workflow.ModificationStartArgs](c.Args)
		if err != nil {
			return nil, err
		}
		m, err := w.startModification(args)
		if err != nil {
			return nil, err
		}
		return json.Marshal(m)
	case workflow.ChangeModificationFinish, workflow.ChangeModificationRollback:
		args, err := decode[workflow.ModificationArgs](c.Args)
		if err != nil {
			return nil, err
		}
		if w.mods[args.ID] == nil {
			return nil, fmt.Errorf("no started modification %s", args.ID)
		}
		if c.Kind == workflow.ChangeModificationFinish {
			w.finishModification(args.ID)
		} else {
			w.rollbackModification(args.ID)
		}
		return nil, nil
	}
	if c.Kind == workflow.ChangeUpdateDone || updateTasks[c.Kind] != "" {
		return w.updateChange(c)
	}
	return nil, fmt.Errorf("unknown change %s", c.Kind)
}

func decode[T any](raw json.RawMessage) (T, error) {
	var v T
	err := model.DecodeJSON(raw, &v)
	return v, err
}
