package workflow

import (
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// The kinds of handlers. A stored handler is one of these with its arguments, so a reaction survives a restart.
const (
	// onLifecycle reacts to the failure of a life cycle subgraph: drop the rest and run the life cycle again (workflows,
	// section 9.7). Arguments: node_instance_id, mode.
	onLifecycle = "lifecycle"
	// onRelationships reacts to the failure of a relationship subgraph: drop the rest and fail (workflows, section 9.3).
	onRelationships = "relationships"
	// onIgnore goes on after a failure and says so in a node event. Arguments: node_instance_id.
	onIgnore = "ignore"
	// onCleanup goes on after a failure and says so in the log (workflows, section 5.4).
	onCleanup = "ignore-cleanup"
	// onHostState repeats get_state without limit until its result is true (workflows, section 9.4).
	onHostState = "host-state"
	// onCheckStatus and onCheckDrift store the result of a check (workflows, section 10). Arguments: node_instance_id and,
	// for a check of a relationship, key and entry; ignore goes on after a failure.
	onCheckStatus = "check-status"
	onCheckDrift  = "check-drift"
	// onHealed, onHealFailed, onUpdated and onUpdateFailed store how a heal or update of an instance ended (workflows,
	// sections 10.1 and 12.5). Arguments: node_instance_id, execution_id.
	onHealed       = "healed"
	onHealFailed   = "heal-failed"
	onUpdated      = "updated"
	onUpdateFailed = "update-failed"
)

// stopsMembers reports whether a subgraph with this failure handler takes its remaining tasks out of the graph.
func stopsMembers(h *model.Handler) bool {
	if h == nil {
		return false
	}
	switch h.Kind {
	case onLifecycle, onRelationships, onHealFailed, onUpdateFailed:
		return true
	}
	return false
}

// ignoresFailure reports whether the graph goes on as if the task had succeeded.
func ignoresFailure(h *model.Handler) bool {
	if h == nil {
		return false
	}
	switch h.Kind {
	case onIgnore, onCleanup, onHealFailed, onUpdateFailed:
		return true
	case onCheckStatus, onCheckDrift:
		ignore, _ := h.Args["ignore"].(bool)
		return ignore
	}
	return false
}

// action is what follows from the end of a task.
type action uint8

const (
	actionContinue action = iota
	actionFail
	actionRetry
)

// verdict is an action with the circumstances of a retry.
type verdict struct {
	action action
	// after is the delay in seconds, nil for the task's own interval.
	after *float64
	// unlimited: the number of retries does not count.
	unlimited bool
}

// judge decides what follows from the end of a task (workflows, section 4.1).
func (r *Run) judge(i int32) verdict {
	t := r.nodes[i].task
	p := &t.Parameters
	switch {
	case t.State == model.TaskSucceeded && p.OnSuccess == nil:
		return verdict{}
	case t.State == model.TaskSucceeded:
		return r.onSuccess(i, p.OnSuccess)
	case t.State == model.TaskRescheduled && p.Error != nil:
		return verdict{action: actionRetry, after: p.Error.RetryAfter}
	case p.OnFailure != nil:
		return r.onFailure(i, p.OnFailure)
	}
	return defaultVerdict(t)
}

// defaultVerdict is the decision about a failed task without a handler.
func defaultVerdict(t *model.Task) verdict {
	err := t.Parameters.Error
	switch {
	case t.Type == model.TaskSubgraph, err != nil && err.Known.Final():
		return verdict{action: actionFail}
	case err != nil && err.Known == model.ErrorRecoverable:
		return verdict{action: actionRetry, after: err.RetryAfter}
	}
	return verdict{action: actionRetry}
}

func (r *Run) onSuccess(i int32, h *model.Handler) verdict {
	t := r.nodes[i].task
	switch h.Kind {
	case onHostState:
		if !isTruthyJSON(t.Parameters.Result) {
			return verdict{action: actionRetry, unlimited: true}
		}
	case onCheckStatus:
		r.recordStatus(t, h.Args)
	case onCheckDrift:
		r.recordDrift(t, h.Args)
	case onHealed:
		r.recordHealed(argInstance(h.Args))
	case onUpdated:
		r.recordUpdated(argInstance(h.Args))
	}
	return verdict{}
}

func (r *Run) onFailure(i int32, h *model.Handler) verdict {
	t := r.nodes[i].task
	switch h.Kind {
	case onLifecycle:
		r.dropMembers(i)
		if r.nodes[i].parent != none {
			return verdict{action: actionFail}
		}
		return verdict{action: actionRetry}
	case onRelationships:
		r.dropMembers(i)
		return verdict{action: actionFail}
	case onIgnore:
		r.nodeEvent(argInstance(h.Args), "Ignoring task "+t.Name+" failure")
		return verdict{}
	case onCleanup:
		r.out.Logs = append(r.out.Logs, LogLine{Level: "info", Message: "Ignoring task failure in cleanup"})
		return verdict{}
	case onHealFailed:
		r.dropMembers(i)
		r.patch(argInstance(h.Args), model.Document{keyHealFailed: h.Args["execution_id"]})
		return verdict{}
	case onUpdateFailed:
		r.dropMembers(i)
		r.patch(argInstance(h.Args), model.Document{keyUpdateFailed: h.Args["execution_id"]})
		return verdict{}
	case onCheckStatus, onCheckDrift:
		v := defaultVerdict(t)
		if v.action == actionRetry && r.mayRetry(t, v) {
			return v
		}
		if h.Kind == onCheckStatus {
			r.recordStatus(t, h.Args)
		} else {
			r.recordDrift(t, h.Args)
		}
		if ignoresFailure(h) {
			return verdict{}
		}
		return verdict{action: actionFail}
	}
	return defaultVerdict(t)
}

// mayRetry reports whether a task may be repeated once more.
func (r *Run) mayRetry(t *model.Task, v verdict) bool {
	p := &t.Parameters
	return v.unlimited || p.TotalRetries < 0 || p.CurrentRetries < p.TotalRetries
}

// retry repeats a task as a new one, which takes over everything that waits for the old one.
func (r *Run) retry(i int32, v verdict) {
	var tasks []*model.Task
	if r.nodes[i].task.Type == model.TaskSubgraph {
		tasks = r.replacement(r.nodes[i].task)
	} else {
		tasks = []*model.Task{r.repetition(r.nodes[i].task, v)}
	}
	first := int32(len(r.nodes))
	for _, t := range tasks {
		r.addNode(t)
	}
	// The tasks were made here: their references are known to be right.
	_ = r.relate(int(first))
	for k := first; int(k) < len(r.nodes); k++ {
		n := &r.nodes[k]
		r.alive++
		r.rewrite(k)
		if counts(n.task) {
			r.out.Total++
		}
		if n.parent != none {
			p := &r.nodes[n.parent]
			p.members = append(p.members, k)
			p.open++
			if n.parent >= first {
				n.waits++
			}
		}
		for _, id := range n.task.Dependencies {
			if j, ok := r.index[id]; ok && j >= first && j != n.parent {
				r.nodes[j].next = append(r.nodes[j].next, k)
				n.waits++
			}
		}
	}
	r.nodes[first].next = append(r.nodes[first].next, r.nodes[i].next...)
	r.nodes[i].next = nil
	r.enqueue(first)
}

func (r *Run) repetition(old *model.Task, v verdict) *model.Task {
	t := *old
	p := &t.Parameters
	t.ID, t.State, t.CreatedAt = r.opt.NewTaskID(), model.TaskPending, r.now
	id := old.ID
	p.RetriedTask = &id
	p.CurrentRetries++
	p.Error, p.Result, p.ExecuteAfter = nil, nil, time.Time{}
	delay := p.RetryInterval
	if v.after != nil {
		delay = *v.after
	}
	if d := seconds(delay); d > 0 {
		p.ExecuteAfter = r.now.Add(d)
	}
	return &t
}

// replacement builds what runs instead of a failed life cycle subgraph. Unlike the reference it starts from the current
// state of the instance, so that what was started is really stopped (workflows, section 16, 1).
func (r *Run) replacement(old *model.Task) []*model.Task {
	h := old.Parameters.OnFailure
	b := &builder{view: r.view, settings: r.opt.Settings, dryRun: r.opt.DryRun, newID: r.opt.NewTaskID}
	var top *model.Task
	inst := r.view.instances[argInstance(h.Args)]
	switch mode, _ := h.Args["mode"].(string); {
	case inst == nil:
		top = b.subgraph(old.Name, nil)
	case mode == modeReinstall:
		top = b.subgraph("reinstall_"+string(inst.ID), nil)
		seq := b.sequence(top)
		seq.add(b.event(inst, "Node lifecycle failed. Attempting to re-run node lifecycle"))
		seq.add(b.uninstallInstance(inst, top, false))
		seq.add(b.installInstance(inst, model.InstanceDeleted, top))
	default:
		top = b.uninstallInstance(inst, nil, false)
	}
	id := old.ID
	p := &top.Parameters
	p.OnFailure, p.RetriedTask, p.CurrentRetries = h, &id, old.Parameters.CurrentRetries+1
	p.TotalRetries = old.Parameters.TotalRetries
	top.Dependencies = append(top.Dependencies, old.Dependencies...)
	for _, t := range b.tasks {
		t.Graph, t.Execution, t.CreatedAt = old.Graph, old.Execution, r.now
	}
	return b.tasks
}

// argInstance reads the instance from the arguments of a handler.
func argInstance(args model.Document) model.InstanceID {
	switch id := args["node_instance_id"].(type) {
	case string:
		return model.InstanceID(id)
	case model.InstanceID:
		return id
	}
	return ""
}

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
const timestampLayout = "2006-01-02T15:04:05.000000"

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
