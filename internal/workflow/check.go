package workflow

import (
	"github.com/reifyhq/reify/internal/model"
)

// checkStatus runs the status check of the chosen instances and keeps the results (workflows, section 10).
func checkStatus(s *State) (*Phase, error) {
	return oneGraph(s, "check_status", func(b *builder) {
		chosen, _ := b.view.split(s.filter())
		b.checkStatus(chosen, s.flag("run_by_dependency_order"), false)
	})
}

// checkDrift runs the drift checks of the chosen instances and of their relationships and keeps the results.
func checkDrift(s *State) (*Phase, error) {
	return oneGraph(s, "check_drift", func(b *builder) {
		chosen, _ := b.view.split(s.filter())
		b.checkDrift(chosen, s.flagOr("run_by_dependency_order", true), false)
	})
}

// checkStatus adds one operation per instance that implements the check. It is not repeated unless the operation says so.
func (b *builder) checkStatus(instances []*model.NodeInstance, isOrdered, ignoreFailure bool) {
	once := 0
	b.ordered(instances, isOrdered, func(i *model.NodeInstance, seq *sequence) {
		if op := b.opWith(i, validation+"check_status", call{retries: &once}); op != nil {
			h := &model.Handler{Kind: onCheckStatus, Args: model.Document{"node_instance_id": string(i.ID)}}
			if ignoreFailure {
				h.Args["ignore"] = true
			}
			op.Parameters.OnSuccess, op.Parameters.OnFailure = h, h
			seq.add(op)
		}
	})
}

// checkDrift adds the check of each instance and, after it, those of its relationships.
func (b *builder) checkDrift(instances []*model.NodeInstance, isOrdered, ignoreFailure bool) {
	handled := func(op *model.Task, on model.InstanceID, key string, entry model.InstanceID) *model.Task {
		if op == nil {
			return nil
		}
		h := &model.Handler{Kind: onCheckDrift, Args: model.Document{"node_instance_id": string(on)}}
		if key != "" {
			h.Args["key"], h.Args["entry"] = key, string(entry)
		}
		if ignoreFailure {
			h.Args["ignore"] = true
		}
		op.Parameters.OnSuccess, op.Parameters.OnFailure = h, h
		return op
	}
	b.ordered(instances, isOrdered, func(i *model.NodeInstance, seq *sequence) {
		seq.add(handled(b.op(i, lifecycle+"check_drift"), i.ID, "", ""))
		var rels []*model.Task
		for _, rel := range b.view.relations(i) {
			source, target := rel.source.ID, rel.target.ID
			rels = append(rels, handled(b.sourceOp(rel, relLifecycle+"check_drift"), source, keySourceDrift, target),
				handled(b.targetOp(rel, relLifecycle+"check_drift"), target, keyTargetDrift, source))
		}
		seq.add(rels...)
	})
}

// ordered adds the tasks of each instance and, if wanted, lets sources wait for their targets. The joints are tasks
// without effects and without events, so that instances with nothing to do keep the order of the others.
func (b *builder) ordered(instances []*model.NodeInstance, isOrdered bool, add func(*model.NodeInstance, *sequence)) {
	if !isOrdered {
		for _, i := range instances {
			add(i, b.sequence(nil))
		}
		return
	}
	entries := make(map[model.InstanceID]*model.Task)
	exits := make(map[model.InstanceID]*model.Task)
	for _, i := range instances {
		entries[i.ID] = b.task(model.TaskNop, "NOP")
		seq := b.sequence(nil)
		seq.add(entries[i.ID])
		add(i, seq)
		exits[i.ID] = b.task(model.TaskNop, "NOP")
		seq.add(exits[i.ID])
	}
	for _, i := range instances {
		for _, rel := range b.view.relations(i) {
			if rel.target.ID != i.ID {
				b.depend(entries[i.ID], exits[rel.target.ID])
			}
		}
	}
}
