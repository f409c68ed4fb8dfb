package workflow

import (
	"github.com/reifyhq/reify/internal/model"
)

// reinstall uninstalls the chosen instances and installs them again (workflows, section 9.9).
func reinstall(s *State) (*Phase, error) {
	const uninstalled, installed = "uninstalled", "installed"
	at := stageOf(s.Cursor)
	switch {
	case s.Failure != nil:
		return nil, s.Failure
	case s.Cancelled || at == installed:
		return nil, nil
	}
	build := func(do func(b *builder, w work)) func(b *builder) {
		return func(b *builder) {
			chosen, others := b.view.split(s.filter())
			do(b, work{instances: chosen, related: others, ignoreFailure: s.flag("ignore_failure")})
		}
	}
	if at == uninstalled {
		return graphPhase(s, "reinstall-install", installed, build((*builder).install))
	}
	return graphPhase(s, "reinstall-uninstall", uninstalled, build((*builder).uninstall))
}

// rollback undoes half done installations of the chosen instances and, with full_rollback, uninstalls everything
// afterwards (workflows, section 9.10).
func rollback(s *State) (*Phase, error) {
	const undone, removed = "undone", "removed"
	at := stageOf(s.Cursor)
	switch {
	case s.Failure != nil:
		return nil, s.Failure
	case s.Cancelled || at == removed:
		return nil, nil
	case at == undone && !s.flag("full_rollback"):
		return nil, nil
	case at == undone:
		return graphPhase(s, "uninstall-auninstall", removed, func(b *builder) {
			b.uninstall(work{instances: b.view.snap.Instances})
		})
	}
	f := s.filter()
	return graphPhase(s, "rollback", undone, func(b *builder) {
		unresolved, others := partition(b.view.snap.Instances, func(i *model.NodeInstance) bool {
			return f.matches(b.view.node(i), i) &&
				stateIn(i.State, model.InstanceCreating, model.InstanceConfiguring, model.InstanceStarting)
		})
		b.takeDown(work{instances: unresolved, related: others}, b.rollbackInstance)
	})
}

// rollbackInstance adds the subgraph that undoes the step an instance is in. Failures are ignored.
func (b *builder) rollbackInstance(i *model.NodeInstance) *model.Task {
	sub := b.subgraph(string(i.ID), nil)
	from := len(b.tasks)
	seq := b.sequence(sub)
	isStarting := i.State == model.InstanceStarting
	isCreating := stateIn(i.State, model.InstanceCreating, model.InstanceConfiguring)
	if isStarting {
		b.stopHalf(seq, i)
		seq.add(b.state(i, model.InstanceConfigured))
	} else {
		seq.add(b.event(i, "Validating node instance after deletion: nothing to do"))
		seq.add(b.event(i, "Rollback Stop: nothing to do, instance state is "+string(i.State)))
	}
	if isCreating {
		b.deleteHalf(seq, i, sub)
		seq.add(b.state(i, model.InstanceUninitialized))
	} else {
		seq.add(b.event(i, "Rollback Delete: nothing to do, instance state is "+string(i.State)))
	}
	if isStarting || isCreating {
		seq.add(b.event(i, "Rollbacked node instance"))
	}
	b.ignoreFailures(i, from)
	return sub
}
