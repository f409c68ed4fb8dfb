package workflow

import (
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// The modes of the life cycle handler.
const (
	modeReinstall = "reinstall"
	modeUninstall = "uninstall"
)

func (b *builder) lifecycleHandler(i *model.NodeInstance, mode string) *model.Handler {
	return &model.Handler{Kind: onLifecycle, Args: model.Document{"node_instance_id": string(i.ID), "mode": mode}}
}

// stateIn reports whether a state is one of those listed.
func stateIn(s model.InstanceState, list ...model.InstanceState) bool {
	return slices.Contains(list, s)
}

// installInstance adds the subgraph that installs one instance whose state is the given one (workflows, section 9.2).
func (b *builder) installInstance(i *model.NodeInstance, state model.InstanceState, parent *model.Task) *model.Task {
	const (
		created     = model.InstanceCreated
		creating    = model.InstanceCreating
		configured  = model.InstanceConfigured
		configuring = model.InstanceConfiguring
		starting    = model.InstanceStarting
		started     = model.InstanceStarted
	)
	sub := b.subgraph("install_"+string(i.ID), parent)
	sub.Parameters.OnFailure = b.lifecycleHandler(i, modeReinstall)
	in := &installer{b: b, i: i, sub: sub}
	in.skipPrepare = stateIn(state, started, starting, created, creating, configured, configuring)
	in.skipCreate = stateIn(state, started, starting, created, configuring, configured)
	in.skipConfigure = stateIn(state, started, starting, configured)
	in.skipStart = state == started
	seq := b.sequence(sub)
	if !in.hasWork() {
		seq.add(b.state(i, started), b.event(i, "Node instance started (nothing to do)"))
		return sub
	}
	seq.add(b.state(i, model.InstanceInitializing))
	in.prepare(seq)
	in.create(seq)
	in.configure(seq)
	in.start(seq)
	seq.add(b.state(i, started), b.event(i, "Node instance started"))
	return sub
}

// installer holds what the parts of one installation share.
type installer struct {
	b   *builder
	i   *model.NodeInstance
	sub *model.Task
	// The parts that the state of the instance makes unnecessary.
	skipPrepare, skipCreate, skipConfigure, skipStart bool
}

// op adds an operation unless its part is skipped or nothing implements it.
func (in *installer) op(skip bool, name string) *model.Task {
	if skip {
		return nil
	}
	return in.b.op(in.i, name)
}

// hasWork reports whether anything remains to be done: an operation, or the host part, which counts whether its operations
// are implemented or not (recordings of the REST API, s08).
func (in *installer) hasWork() bool {
	has := func(skip bool, names ...string) bool {
		return !skip && slices.ContainsFunc(names, func(n string) bool { return in.b.implements(in.i, n) })
	}
	hasRel := func(skip bool, name string) bool { return !skip && in.b.hasRelationshipWork(in.i, name) }
	return has(in.skipPrepare, validation+"create", lifecycle+"precreate") ||
		has(in.skipCreate, lifecycle+"create") ||
		hasRel(in.skipConfigure, "preconfigure") || has(in.skipConfigure, lifecycle+"configure") ||
		hasRel(in.skipStart, "postconfigure") ||
		has(in.skipStart, lifecycle+"start", lifecycle+"poststart", monitoring+"start") ||
		!in.skipStart && in.b.view.node(in.i).IsHost() || hasRel(in.skipStart, "establish")
}

func (in *installer) prepare(seq *sequence) {
	b, i := in.b, in.i
	b.optional(seq, i, in.op(in.skipPrepare, validation+"create"), "Validating node instance before creation",
		"Node instance validated before creation", "Validating node instance before creation: nothing to do")
	b.optional(seq, i, in.op(in.skipPrepare, lifecycle+"precreate"), "Precreating node instance",
		"Node instance precreated", "Precreating node instance: nothing to do")
}

func (in *installer) create(seq *sequence) {
	b, i := in.b, in.i
	op := in.op(in.skipCreate, lifecycle+"create")
	if op == nil {
		seq.add(b.event(i, "Creating node instance: nothing to do"))
		return
	}
	seq.add(b.event(i, "Creating node instance"), b.state(i, model.InstanceCreating))
	seq.add(op)
	seq.add(b.event(i, "Node instance created"), b.state(i, model.InstanceCreated))
}

func (in *installer) configure(seq *sequence) {
	b, i := in.b, in.i
	if !in.skipConfigure {
		b.relationships(seq, in.sub, i, "preconfigure", "Pre-configuring relationships", "Relationships pre-configured", false)
	}
	op := in.op(in.skipConfigure, lifecycle+"configure")
	if op == nil {
		seq.add(b.event(i, "Configuring node instance: nothing to do"))
	} else {
		seq.add(b.state(i, model.InstanceConfiguring), b.event(i, "Configuring node instance"))
		seq.add(op)
		seq.add(b.state(i, model.InstanceConfigured), b.event(i, "Node instance configured"))
	}
	if !in.skipStart {
		b.relationships(seq, in.sub, i, "postconfigure", "Post-configuring relationships", "Relationships post-configured", false)
	}
}

func (in *installer) start(seq *sequence) {
	b, i := in.b, in.i
	op := in.op(in.skipStart, lifecycle+"start")
	if op == nil {
		seq.add(b.event(i, "Starting node instance: nothing to do"))
	} else {
		seq.add(b.state(i, model.InstanceStarting), b.event(i, "Starting node instance"))
		seq.add(op)
	}
	if !in.skipStart {
		b.hostStart(seq, i)
	}
	b.optional(seq, i, in.op(in.skipStart, lifecycle+"poststart"), "Poststarting node instance",
		"Node instance poststarted", "Poststarting node instance: nothing to do")
	seq.add(in.op(in.skipStart, monitoring+"start"))
	if !in.skipStart {
		b.relationships(seq, in.sub, i, "establish", "Establishing relationships", "Relationships established", false)
	}
}

// optional appends an operation between two events, or one event when there is no operation; empty texts are left out.
func (b *builder) optional(seq *sequence, i *model.NodeInstance, op *model.Task, before, after, nothing string) {
	if op == nil {
		if nothing != "" {
			seq.add(b.event(i, nothing))
		}
		return
	}
	if before != "" {
		seq.add(b.event(i, before))
	}
	seq.add(op)
	seq.add(b.event(i, after))
}

// uninstallInstance adds the subgraph that stops and deletes one instance (workflows, section 9.6).
func (b *builder) uninstallInstance(i *model.NodeInstance, parent *model.Task, ignoreFailure bool) *model.Task {
	const (
		stopped       = model.InstanceStopped
		deleting      = model.InstanceDeleting
		deleted       = model.InstanceDeleted
		uninitialized = model.InstanceUninitialized
	)
	sub := b.subgraph(string(i.ID), parent)
	from := len(b.tasks)
	seq := b.sequence(sub)
	if stateIn(i.State, stopped, deleting, deleted, uninitialized, model.InstanceConfigured) {
		seq.add(b.event(i, "Validating node instance after deletion: nothing to do"))
		seq.add(b.event(i, "Stop: instance already "+string(i.State)))
	} else {
		b.stopHalf(seq, i)
	}
	if !stateIn(i.State, stopped, deleting, deleted) {
		seq.add(b.state(i, stopped))
	}
	if stateIn(i.State, deleted, uninitialized) {
		seq.add(b.event(i, "Delete: instance already "+string(i.State)))
	} else {
		b.deleteHalf(seq, i, sub)
	}
	if i.State != deleted {
		seq.add(b.state(i, deleted), b.event(i, "Deleted node instance"))
	}
	if ignoreFailure {
		b.ignoreFailures(i, from)
	} else {
		sub.Parameters.OnFailure = b.lifecycleHandler(i, modeUninstall)
	}
	return sub
}

// stopHalf appends what stops an instance, without the state after it.
func (b *builder) stopHalf(seq *sequence, i *model.NodeInstance) {
	seq.add(b.state(i, model.InstanceStopping), b.event(i, "Stopping node instance"))
	b.optional(seq, i, b.op(i, validation+"delete"), "Validating node instance before deletion",
		"Node instance validated before deletion", "Validating node instance after deletion: nothing to do")
	seq.add(b.op(i, monitoring+"stop"))
	b.optional(seq, i, b.op(i, lifecycle+"prestop"), "Prestopping node instance", "Node instance prestopped", "")
	b.hostStop(seq, i)
	b.optional(seq, i, b.op(i, lifecycle+"stop"), "", "Stopped node instance", "Stopped node instance: nothing to do")
}

// deleteHalf appends what unlinks and deletes an instance, without the state after it.
func (b *builder) deleteHalf(seq *sequence, i *model.NodeInstance, sub *model.Task) {
	b.relationships(seq, sub, i, "unlink", "Unlinking relationships", "Relationships unlinked", true)
	if op := b.op(i, lifecycle+"delete"); op != nil {
		seq.add(b.state(i, model.InstanceDeleting), b.event(i, "Deleting node instance"))
		seq.add(op)
	} else {
		seq.add(b.event(i, "Deleting node instance: nothing to do"))
	}
	b.optional(seq, i, b.op(i, lifecycle+"postdelete"), "Postdeleting node instance", "Node instance postdeleted", "")
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

// ignoreFailures lets the graph go on after a failure of any task made since; the first failure counts, so nothing is
// repeated (workflows, section 9.6).
func (b *builder) ignoreFailures(i *model.NodeInstance, from int) {
	for _, t := range b.tasks[from:] {
		if t.Type == model.TaskRemote || t.Type == model.TaskDryRun {
			t.Parameters.OnFailure = &model.Handler{Kind: onIgnore, Args: model.Document{"node_instance_id": string(i.ID)}}
		}
	}
}

// relationshipGroups makes the operations of the relationships of an instance: a group for each run of relationships to
// one target node, source and target operations in parallel (workflows, section 9.3).
func (b *builder) relationshipGroups(i *model.NodeInstance, name string) [][]*model.Task {
	var groups [][]*model.Task
	var last model.NodeID
	for k, rel := range b.view.relations(i) {
		if k == 0 || rel.target.Node != last {
			groups = append(groups, nil)
		}
		last = rel.target.Node
		for _, t := range []*model.Task{b.sourceOp(rel, relLifecycle+name), b.targetOp(rel, relLifecycle+name)} {
			if t != nil {
				groups[len(groups)-1] = append(groups[len(groups)-1], t)
			}
		}
	}
	return slices.DeleteFunc(groups, func(g []*model.Task) bool { return len(g) == 0 })
}

func (b *builder) hasRelationshipWork(i *model.NodeInstance, name string) bool {
	return slices.ContainsFunc(b.view.relations(i), func(rel relation) bool {
		return !rel.decl.SourceOperations[relLifecycle+name].IsNoop() || !rel.decl.TargetOperations[relLifecycle+name].IsNoop()
	})
}

// relationships appends the subgraph of a relationship operation between two events; nothing when there is no operation.
func (b *builder) relationships(seq *sequence, parent *model.Task, i *model.NodeInstance, name, before, after string,
	isReversed bool,
) {
	if !b.hasRelationshipWork(i, name) {
		return
	}
	seq.add(b.event(i, before))
	sub := b.subgraph(relLifecycle+name+"_subgraph", parent)
	sub.Parameters.OnFailure = &model.Handler{Kind: onRelationships}
	groups := b.relationshipGroups(i, name)
	if isReversed {
		slices.Reverse(groups)
	}
	inner := b.sequence(sub)
	for _, g := range groups {
		inner.add(g...)
	}
	seq.add(sub)
	seq.add(b.event(i, after))
}
