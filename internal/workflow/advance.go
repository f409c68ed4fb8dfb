package workflow

import (
	"bytes"
	"encoding/json"

	"github.com/reifyhq/reify/internal/model"
)

// launch starts a task that nothing holds back.
func (r *Run) launch(i int32) {
	n := &r.nodes[i]
	if n.phase != queued || n.blocked || n.dropped {
		return
	}
	// What was sent already has had its time, by whoever's clock: its report may be on the way.
	if n.task.State == model.TaskPending && n.task.Parameters.ExecuteAfter.After(r.now) {
		n.phase = timed
		r.inFlight++
		r.timers.add(timer{at: n.task.Parameters.ExecuteAfter, node: i})
		return
	}
	switch n.task.Type {
	case model.TaskRemote:
		r.send(i)
	case model.TaskSubgraph:
		r.startSubgraph(i)
	default:
		r.runLocal(i)
	}
}

// send hands a remote task to its executor; one that had been sent before a crash is only sent again.
func (r *Run) send(i int32) {
	n := &r.nodes[i]
	n.phase = running
	r.inFlight++
	if n.task.State == model.TaskPending {
		n.task.State = model.TaskSending
		r.touch(i)
		r.emit(i, model.EventSendingTask, "Sending", "")
	}
	r.out.Send = append(r.out.Send, n.task)
}

func (r *Run) startSubgraph(i int32) {
	n := &r.nodes[i]
	n.phase = running
	if n.task.State == model.TaskPending {
		n.task.State = model.TaskStarted
		r.touch(i)
		if !n.begun {
			r.emit(i, model.EventTaskStarted, "started", "")
		}
	}
	if n.open == 0 {
		r.finish(i, model.TaskSucceeded)
		return
	}
	for _, m := range n.members {
		r.release(m)
	}
}

// runLocal does what a local task is for. Local functions of custom workflows are not stored and therefore do nothing
// when they are restored (workflows, section 5.2).
func (r *Run) runLocal(i int32) {
	n := &r.nodes[i]
	p := &n.task.Parameters
	switch {
	case n.task.Type == model.TaskSetState && p.SetState != nil && !r.opt.DryRun:
		r.setState(*p.SetState)
	case n.task.Type == model.TaskSendEvent && p.NodeEvent != nil:
		r.nodeEvent(p.NodeEvent.Instance, p.NodeEvent.Message)
	case n.task.Type == model.TaskWorkflowNote:
		if text, ok := p.Info.(string); ok {
			r.event(Event{Type: model.EventWorkflowStage, Message: text})
		}
	}
	n.phase = running
	r.finish(i, model.TaskSucceeded)
	if n.task.Type == model.TaskDryRun {
		r.emit(i, model.EventTaskSucceeded, "succeeded", "")
	}
}

func (r *Run) nodeEvent(instance model.InstanceID, message string) {
	r.event(Event{Type: model.EventNode, Instance: instance, Message: message})
}

// setState changes the state of an instance, with what the reference writes beside it (workflows, section 7.3).
func (r *Run) setState(s model.SetState) {
	r.out.States = append(r.out.States, s)
	if inst := r.view.instances[s.Instance]; inst != nil {
		inst.State = s.State
	}
	switch s.State {
	case model.InstanceConfigured:
		r.patch(s.Instance, model.Document{keyDrift: r.record(true, nil, nil)})
	case model.InstanceStarted:
		r.patch(s.Instance, model.Document{keyStatus: r.record(true, nil, nil), keyPreviousStatus: jsonNull})
	}
}

func (r *Run) remoteStarted(id model.TaskID) {
	i, ok := r.index[id]
	if !ok || r.nodes[i].phase != running || r.nodes[i].task.Type != model.TaskRemote {
		return
	}
	r.markStarted(i)
}

func (r *Run) markStarted(i int32) {
	t := r.nodes[i].task
	if t.State == model.TaskStarted || t.State == model.TaskResponseSent {
		return
	}
	t.State = model.TaskStarted
	r.touch(i)
	r.emit(i, model.EventTaskStarted, "started", "")
}

func (r *Run) remoteFinished(in Finished) {
	i, ok := r.index[in.Task]
	if !ok || r.nodes[i].phase != running || r.nodes[i].task.Type != model.TaskRemote {
		return
	}
	r.markStarted(i)
	r.inFlight--
	p := &r.nodes[i].task.Parameters
	if bytes.Equal(bytes.TrimSpace(in.Result), []byte("null")) {
		in.Result = nil
	}
	if p.Error != nil || in.Err != nil || len(p.Result) > 0 || len(in.Result) > 0 {
		r.rewrite(i)
	}
	p.Error = in.Err
	switch {
	case in.Err == nil:
		p.Result = in.Result
		r.finish(i, model.TaskSucceeded)
		detail := ""
		if len(in.Result) > 0 {
			detail = " - " + textOfJSON(in.Result)
		}
		r.emit(i, model.EventTaskSucceeded, "succeeded", detail)
	case in.Err.Known == model.ErrorRetry:
		r.finish(i, model.TaskRescheduled)
		r.emit(i, model.EventTaskRescheduled, "rescheduled", " -> "+in.Err.Message)
	default:
		r.finish(i, model.TaskFailed)
		r.emit(i, model.EventTaskFailed, "failed", " -> "+in.Err.Message)
	}
}

// finish puts a task into an end state and leaves the consequences to terminated.
func (r *Run) finish(i int32, state model.TaskState) {
	n := &r.nodes[i]
	n.task.State = state
	r.touch(i)
	if counts(n.task) {
		r.out.Finished++
	}
	if n.task.Type == model.TaskSubgraph {
		switch state {
		case model.TaskSucceeded:
			r.emit(i, model.EventTaskSucceeded, "succeeded", "")
		default:
			r.emit(i, model.EventTaskFailed, "failed", "")
		}
	}
	if n.dropped {
		n.phase = done
		return
	}
	r.ended = append(r.ended, i)
}

// release counts one awaited start or end of task i as done.
func (r *Run) release(i int32) {
	n := &r.nodes[i]
	n.waits--
	if n.waits == 0 && n.phase == waiting && !n.dropped && !n.blocked {
		r.enqueue(i)
	}
}

// terminated draws the consequences of the end of a task (workflows, sections 3 and 4.1).
func (r *Run) terminated(i int32) {
	n := &r.nodes[i]
	if n.phase == done {
		return
	}
	n.phase = done
	r.alive--
	v := r.judge(i)
	if v.action == actionRetry && !r.mayRetry(n.task, v) {
		v.action = actionFail
	}
	parent := n.parent
	switch {
	case v.action == actionRetry:
		r.retry(i, v)
	case v.action == actionFail && parent == none:
		r.fail(i)
	case v.action == actionFail:
		r.failParent(i)
	default:
		r.releaseAll(r.nodes[i].next)
	}
	if parent != none {
		r.memberEnded(parent)
	}
}

func (r *Run) releaseAll(next []int32) {
	for _, d := range next {
		r.release(d)
	}
}

func (r *Run) memberEnded(parent int32) {
	p := &r.nodes[parent]
	p.open--
	if p.open == 0 && p.phase == running && !p.task.State.Ended() {
		r.finish(parent, model.TaskSucceeded)
	}
}

// fail records an error of the graph; what depends on the task never runs.
func (r *Run) fail(i int32) {
	if len(r.errors) == 0 {
		r.failedAt = r.now
	}
	r.errors = append(r.errors, i)
	for _, d := range r.nodes[i].next {
		r.nodes[d].blocked = true
	}
}

// failParent turns the failure of a member into that of its subgraph (workflows, section 4.1). What waits for the member
// inside the subgraph may go on unless the subgraph's handler stops it; what waits outside waits for the subgraph.
func (r *Run) failParent(i int32) {
	parent := r.nodes[i].parent
	next := r.nodes[i].next
	r.nodes[i].next = nil
	for _, d := range next {
		if r.inside(d, parent) {
			r.release(d)
		} else {
			r.nodes[parent].next = append(r.nodes[parent].next, d)
		}
	}
	p := &r.nodes[parent]
	if p.failed == none && !p.task.State.Ended() {
		p.failed = r.passedOn(i)
		p.task.Parameters.Error = r.nodes[p.failed].task.Parameters.Error
		r.rewrite(parent)
		r.finish(parent, model.TaskFailed)
	}
}

// inside reports whether task i is contained in the subgraph, directly or not.
func (r *Run) inside(i, subgraph int32) bool {
	for i = r.nodes[i].parent; i != none; i = r.nodes[i].parent {
		if i == subgraph {
			return true
		}
	}
	return false
}

// dropMembers takes what has not ended in a subgraph out of the graph. Operations that are running are awaited, but
// their end has no consequences. What waits outside for a dropped task waits for the subgraph instead.
func (r *Run) dropMembers(subgraph int32) {
	var dropped []int32
	stack := []int32{subgraph}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, m := range r.nodes[i].members {
			n := &r.nodes[m]
			if n.dropped {
				continue
			}
			if n.task.Type == model.TaskSubgraph {
				stack = append(stack, m)
			}
			if n.phase == done {
				continue
			}
			r.alive--
			n.dropped = true
			dropped = append(dropped, m)
			if n.phase == timed {
				r.inFlight--
			}
			if n.phase != running || n.task.Type != model.TaskRemote || n.task.State.Ended() {
				n.phase = done
			}
		}
	}
	for _, m := range dropped {
		for _, d := range r.nodes[m].next {
			if !r.inside(d, subgraph) {
				r.nodes[subgraph].next = append(r.nodes[subgraph].next, d)
			}
		}
		r.nodes[m].next = nil
	}
}

// rawJSON encodes a value that is known to be encodable.
func rawJSON(v any) json.RawMessage {
	raw, err := model.EncodeJSON(v)
	if err != nil {
		return jsonNull
	}
	return raw
}

// jsonNull writes a null into a document; a nil value in an InstancePatch would remove the key.
var jsonNull = json.RawMessage("null")
