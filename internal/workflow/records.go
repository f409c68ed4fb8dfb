package workflow

import (
	"github.com/reifyhq/reify/internal/model"
)

// The keys of system properties that workflows write (workflows, sections 7.3, 10 and 12.5).
const (
	keyStatus         = "status"
	keyPreviousStatus = "previous_status"
	keyDrift          = "configuration_drift"
	keySourceDrift    = "source_relationships_configuration_drift"
	keyTargetDrift    = "target_relationships_configuration_drift"
	keyHealFailed     = "heal_failed"
	keyUpdateFailed   = "update_failed"
)

// timestampLayout is the reference's notation of an instant in a record.
const timestampLayout = "2006-01-02T15:04:05.000Z"

// record is the result of a check as it is kept in system properties.
func (r *Run) record(ok bool, result any, task any) map[string]any {
	return map[string]any{
		"ok": ok, "result": result, "task": task, "timestamp": r.now.UTC().Format(timestampLayout),
	}
}

// patch changes system properties of an instance.
func (r *Run) patch(id model.InstanceID, set model.Document) {
	r.out.Patches = append(r.out.Patches, InstancePatch{Instance: id, Set: set})
	if inst := r.view.instances[id]; inst != nil {
		inst.SystemProperties = patched(inst.SystemProperties, set)
	}
}

// checkRecord is the record of an ended check operation: its result, or the text of its error.
func (r *Run) checkRecord(t *model.Task) map[string]any {
	if err := t.Parameters.Error; t.State != model.TaskSucceeded && err != nil {
		return r.record(false, err.Message, t.Name)
	}
	var result any
	if len(t.Parameters.Result) > 0 && model.DecodeJSON(t.Parameters.Result, &result) != nil {
		result = string(t.Parameters.Result)
	}
	return r.record(t.State == model.TaskSucceeded, result, t.Name)
}

func (r *Run) recordStatus(t *model.Task, args model.Document) {
	id := argInstance(args)
	set := model.Document{keyStatus: r.checkRecord(t), keyPreviousStatus: jsonNull}
	if inst := r.view.instances[id]; inst != nil {
		if old := inst.SystemProperties[keyStatus]; old != nil {
			set[keyPreviousStatus] = old
		}
	}
	r.patch(id, set)
}

// recordDrift keeps the result of a drift check: of the instance itself, or of a relationship under the other end's id.
func (r *Run) recordDrift(t *model.Task, args model.Document) {
	id := argInstance(args)
	key, _ := args["key"].(string)
	entry, _ := args["entry"].(string)
	if key == "" {
		r.patch(id, model.Document{keyDrift: r.checkRecord(t)})
		return
	}
	all := model.Document{}
	if inst := r.view.instances[id]; inst != nil {
		old, _ := asDocument(inst.SystemProperties[key])
		all = patched(old, nil)
	}
	all[entry] = r.checkRecord(t)
	r.patch(id, model.Document{key: map[string]any(all)})
}

// recordHealed keeps the last status but for its verdict, as the reference does.
func (r *Run) recordHealed(id model.InstanceID) {
	status := model.Document{}
	if inst := r.view.instances[id]; inst != nil {
		old, _ := asDocument(inst.SystemProperties[keyStatus])
		status = patched(old, nil)
	}
	status["ok"], status["task"], status["healed"] = true, nil, true
	status["timestamp"] = r.now.UTC().Format(timestampLayout)
	r.patch(id, model.Document{keyStatus: map[string]any(status)})
}

func (r *Run) recordUpdated(id model.InstanceID) {
	r.patch(id, model.Document{keyDrift: nil, keySourceDrift: nil, keyTargetDrift: nil})
}

// asDocument reads a value as an object.
func asDocument(v any) (model.Document, bool) {
	switch v := v.(type) {
	case map[string]any:
		return v, true
	case model.Document:
		return v, true
	}
	return nil, false
}
