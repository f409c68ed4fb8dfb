package workflow

import (
	"github.com/reifyhq/reify/internal/model"
)

// executeOperation runs one operation on the chosen instances (workflows, section 10).
func executeOperation(s *State) (*Phase, error) {
	name := s.text("operation")
	return oneGraph(s, "execute_operation_"+name, func(b *builder) {
		b.execute(s, name, s.flag("run_by_dependency_order"),
			call{kwargs: s.document("operation_kwargs"), override: s.flag("allow_kwargs_override")})
	})
}

// lifecycleOperation is the program of start, stop and pull: execute_operation of one life cycle operation. It changes
// no states, and stop goes from targets to sources like the others (workflows, section 16, 5).
func lifecycleOperation(operation string) Program {
	return func(s *State) (*Phase, error) {
		name := lifecycle + operation
		return oneGraph(s, "execute_operation_"+name, func(b *builder) {
			b.execute(s, name, s.flagOr("run_by_dependency_order", true), call{kwargs: s.document("operation_parms"), override: true})
		})
	}
}

// restart stops all chosen instances, then starts them.
func restart(s *State) (*Phase, error) {
	const stopped, started = "stopped", "started"
	at := stageOf(s.Cursor)
	switch {
	case s.Failure != nil:
		return nil, s.Failure
	case s.Cancelled || at == started:
		return nil, nil
	}
	operation, params, next := "stop", "stop_parms", stopped
	if at == stopped {
		operation, params, next = "start", "start_parms", started
	}
	return graphPhase(s, "execute_operation_"+lifecycle+operation, next, func(b *builder) {
		b.execute(s, lifecycle+operation, s.flagOr("run_by_dependency_order", true), call{kwargs: s.document(params), override: true})
	})
}

// execute adds a subgraph for each chosen instance with the operation between two events.
func (b *builder) execute(s *State, name string, isOrdered bool, c call) {
	chosen, others := b.view.split(s.filter())
	before := "Starting operation " + name
	if len(c.kwargs) > 0 {
		before += " (Operation parameters: " + reprOf(map[string]any(c.kwargs)) + ")"
	}
	subs := make(map[model.InstanceID]*model.Task)
	for _, i := range chosen {
		sub := b.subgraph(string(i.ID), nil)
		subs[i.ID] = sub
		if b.implements(i, name) {
			b.optional(b.sequence(sub), i, b.opWith(i, name, c), before, "Finished operation "+name, "")
		}
	}
	if !isOrdered {
		return
	}
	for _, i := range others {
		subs[i.ID] = b.subgraph(string(i.ID), nil)
	}
	b.sourcesAfterTargets(subs, b.view.snap.Instances)
}

// sourcesAfterTargets makes the task of each instance wait for those of the targets of its relationships.
func (b *builder) sourcesAfterTargets(tasks map[model.InstanceID]*model.Task, instances []*model.NodeInstance) {
	for _, i := range instances {
		if tasks[i.ID] == nil {
			continue
		}
		for _, rel := range b.view.relations(i) {
			if rel.target.ID != i.ID {
				b.depend(tasks[i.ID], tasks[rel.target.ID])
			}
		}
	}
}
