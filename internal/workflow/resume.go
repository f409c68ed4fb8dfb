package workflow

import (
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

const cleanupPrefix = "resume_cleanup_"

// interrupted is an installation that had begun, with what of it would be run a second time.
type interrupted struct {
	create, start, begun bool
}

// withCleanup puts before every interrupted installation of a resumed graph what undoes its half done step: an instance
// that was starting is stopped, one that was being created is deleted (workflows, section 5.4). It returns all tasks and
// the ids of the new and changed ones.
func withCleanup(tasks []*model.Task, v *view, opt RunOptions) ([]*model.Task, []model.TaskID) {
	found := make(map[model.TaskID]*interrupted)
	cleaning := make(map[string]bool)
	for _, t := range tasks {
		if t.Type == model.TaskSubgraph && !t.State.Ended() {
			cleaning[t.Name] = true
		}
		p := &t.Parameters
		if p.ContainingSubgraph == nil {
			continue
		}
		in := found[*p.ContainingSubgraph]
		if in == nil {
			in = &interrupted{}
			found[*p.ContainingSubgraph] = in
		}
		in.begun = in.begun || t.State != model.TaskPending
		// A reset operation starts counting anew; one that waits for its next attempt needs no cleanup.
		isReset := t.State == model.TaskPending && p.CurrentRetries == 0
		if op := p.Operation; op != nil && isReset && op.Side == "" {
			in.create = in.create || op.Name == lifecycle+"create"
			in.start = in.start || op.Name == lifecycle+"start"
		}
	}
	b := &builder{view: v, settings: opt.Settings, dryRun: opt.DryRun, newID: opt.NewTaskID}
	var changed []model.TaskID
	for _, t := range tasks {
		h := t.Parameters.OnFailure
		in := found[t.ID]
		if in == nil || !in.begun || t.State.Ended() || h == nil || h.Kind != onLifecycle || h.Args["mode"] != modeReinstall {
			continue
		}
		i := v.instances[argInstance(h.Args)]
		if i == nil || cleaning[cleanupPrefix+string(i.ID)] {
			continue
		}
		isStart := in.start && i.State == model.InstanceStarting
		isCreate := in.create && i.State == model.InstanceCreating
		if !isStart && !isCreate {
			continue
		}
		from := len(b.tasks)
		b.cleanup(t, i, isStart, isCreate)
		for _, c := range b.tasks[from:] {
			c.Graph, c.Execution = t.Graph, t.Execution
			changed = append(changed, c.ID)
		}
		changed = append(changed, t.ID)
	}
	return append(slices.Clip(tasks), b.tasks...), changed
}

// cleanup adds the subgraph that precedes a resumed installation and takes over what that waited for.
func (b *builder) cleanup(install *model.Task, i *model.NodeInstance, isStart, isCreate bool) {
	sub := b.subgraph(cleanupPrefix+string(i.ID), nil)
	sub.Parameters.ContainingSubgraph = install.Parameters.ContainingSubgraph
	sub.Dependencies = slices.Clone(install.Dependencies)
	from := len(b.tasks)
	seq := b.sequence(sub)
	seq.add(b.event(i, "Rolling back prior to resuming install"))
	if isStart {
		b.optional(seq, i, b.op(i, lifecycle+"prestop"), "Prestopping node instance", "Node instance prestopped", "")
		b.hostStop(seq, i)
		b.optional(seq, i, b.op(i, lifecycle+"stop"), "", "Stopped node instance", "")
	}
	if isCreate {
		b.optional(seq, i, b.op(i, lifecycle+"delete"), "Deleting node instance", "Deleted node instance", "")
		b.optional(seq, i, b.op(i, lifecycle+"postdelete"), "Postdeleting node instance", "Node instance postdeleted", "")
	}
	seq.add(b.event(i, "Finished rolling back, now resuming install"))
	for _, t := range b.tasks[from:] {
		if t.Parameters.Operation != nil {
			t.Parameters.OnFailure = &model.Handler{Kind: onCleanup}
		}
	}
	install.Dependencies = append(slices.Clip(install.Dependencies), sub.ID)
}
