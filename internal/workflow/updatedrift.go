package workflow

import (
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// The middle of an update: which of the kept instances are updated in place, which are reinstalled (workflows, section
// 12.5, "Update or reinstall").

// isForced reports whether the user wants an instance reinstalled in any case.
func (u *updating) isForced(i *model.NodeInstance) bool {
	return slices.Contains(u.s.list("reinstall_list"), string(i.ID))
}

func (u *updating) checkDrift() (*Phase, error) {
	if u.s.flag("skip_drift_check") {
		return nil, nil
	}
	checked, _ := partition(u.kept(), func(i *model.NodeInstance) bool { return !u.isForced(i) })
	return graphPhase(u.s, "update_check_drift", "", func(b *builder) { b.checkDrift(checked, true, true) })
}

// decide sorts the kept instances by their drift. Changed instances that cannot be checked get a drift record of their
// own, so that their update operations find one.
func (u *updating) decide() (*Phase, error) {
	var patches []InstancePatch
	again := make(idSet)
	for _, i := range u.kept() {
		drift := readDrift(i)
		isUnchecked := u.s.flag("skip_drift_check") || !u.implements(i, lifecycle+"check_drift")
		if slices.Contains(u.Steps.Changed, i.Node) && isUnchecked && !u.isForced(i) {
			own := model.Document{"ok": true, "result": true, "task": nil}
			patches = append(patches, InstancePatch{Instance: i.ID, Set: model.Document{keyDrift: map[string]any(own)}})
			drift.own, drift.any = true, true
		}
		canUpdate := u.implements(i, lifecycle+"update") || u.implements(i, lifecycle+"update_config") ||
			u.implements(i, lifecycle+"update_apply")
		switch {
		case u.isForced(i):
			u.ToReinstall = append(u.ToReinstall, i.ID)
		case drift.failed, u.s.flag("force_reinstall") && drift.any, drift.own && !canUpdate:
			again[i.ID] = true
		case drift.any:
			u.ToUpdate = append(u.ToUpdate, i.ID)
		}
	}
	u.reinstallTrees(again)
	if len(patches) == 0 {
		return nil, nil
	}
	return changePhase(ChangePatch, PatchArgs{Patches: patches}, nil), nil
}

// reinstallTrees adds instances with what they contain to those that are reinstalled, and takes them from the others.
func (u *updating) reinstallTrees(roots idSet) {
	if u.s.flag("skip_reinstall") {
		return
	}
	isMoving, isListed := u.moving(), setOfIDs(u.ToReinstall)
	for _, i := range u.v.snap.Instances {
		if !roots[i.ID] {
			continue
		}
		for _, c := range u.v.subtree(i) {
			if !isListed[c.ID] && !isMoving[c.ID] {
				isListed[c.ID] = true
				u.ToReinstall = append(u.ToReinstall, c.ID)
			}
		}
	}
	u.ToUpdate = slices.DeleteFunc(u.ToUpdate, func(id model.InstanceID) bool { return isListed[id] })
}

func (u *updating) implements(i *model.NodeInstance, operation string) bool {
	op, ok := u.v.node(i).Operations[operation]
	return ok && !op.IsNoop()
}

// driftState is what the drift records of an instance say.
type driftState struct {
	// own: the instance itself drifted; any: it or one of its relationships did; failed: a check failed.
	own, any, failed bool
}

func readDrift(i *model.NodeInstance) driftState {
	var d driftState
	look := func(v any) bool {
		rec, ok := asDocument(v)
		if !ok {
			return false
		}
		d.failed = d.failed || !isTruthy(rec["ok"])
		isDrifted := isTruthy(rec["result"]) && isTruthy(rec["ok"])
		d.any = d.any || isDrifted
		return isDrifted
	}
	d.own = look(i.SystemProperties[keyDrift])
	for _, key := range []string{keySourceDrift, keyTargetDrift} {
		all, _ := asDocument(i.SystemProperties[key])
		for _, rec := range all {
			look(rec)
		}
	}
	return d
}

func (u *updating) checkStatus() (*Phase, error) {
	if u.s.flag("skip_heal") || len(u.ToUpdate) == 0 {
		return nil, nil
	}
	return graphPhase(u.s, "update-check_status", "", func(b *builder) { b.checkStatus(b.view.pick(u.ToUpdate), false, true) })
}

// heal heals the unhealthy ones of the instances that are to be updated; what cannot be healed is reinstalled.
func (u *updating) heal() (*Phase, error) {
	if u.s.flag("skip_heal") || len(u.ToUpdate) == 0 {
		return nil, nil
	}
	toHeal, rest := u.v.unhealthy(u.v.pick(u.ToUpdate), false)
	u.reinstallTrees(setOf(rest))
	if len(toHeal) == 0 {
		return nil, nil
	}
	return graphPhase(u.s, "heal", "", func(b *builder) { b.heal(b.view.pick(idsOf(toHeal)), u.s.Execution) })
}

func (u *updating) afterHeal() (*Phase, error) { return u.takeFailed(keyHealFailed) }

func (u *updating) afterUpdate() (*Phase, error) { return u.takeFailed(keyUpdateFailed) }

// takeFailed sees which instances were marked as failed by this execution; they are reinstalled and lose the mark.
func (u *updating) takeFailed(key string) (*Phase, error) {
	failed := make(idSet)
	var patches []InstancePatch
	for _, i := range u.v.snap.Instances {
		if i.SystemProperties[key] == string(u.s.Execution) {
			failed[i.ID] = true
			patches = append(patches, InstancePatch{Instance: i.ID, Set: model.Document{key: nil}})
		}
	}
	if len(patches) == 0 {
		return nil, nil
	}
	u.ToUpdate = slices.DeleteFunc(u.ToUpdate, func(id model.InstanceID) bool { return failed[id] })
	if !u.s.flag("skip_reinstall") {
		for _, p := range patches {
			if !slices.Contains(u.ToReinstall, p.Instance) {
				u.ToReinstall = append(u.ToReinstall, p.Instance)
			}
		}
	}
	return changePhase(ChangePatch, PatchArgs{Patches: patches}, nil), nil
}

// updateInstances runs the update operations of the drifted instances.
func (u *updating) updateInstances() (*Phase, error) {
	if len(u.ToUpdate) == 0 {
		return nil, nil
	}
	return graphPhase(u.s, "update", "", func(b *builder) {
		instances := b.view.pick(u.ToUpdate)
		subs := make(map[model.InstanceID]*model.Task, len(instances))
		for _, i := range instances {
			subs[i.ID] = b.updateInstance(i, u.s.Execution)
		}
		b.sourcesAfterTargets(subs, instances)
	})
}

// updateInstance adds the subgraph that updates one instance in place.
func (b *builder) updateInstance(i *model.NodeInstance, execution model.ExecutionID) *model.Task {
	args := model.Document{"node_instance_id": string(i.ID), "execution_id": string(execution)}
	sub := b.subgraph("update_"+string(i.ID), nil)
	sub.Parameters.OnSuccess = &model.Handler{Kind: onUpdated, Args: args}
	sub.Parameters.OnFailure = &model.Handler{Kind: onUpdateFailed, Args: args}
	sub.Parameters.TotalRetries = 0
	seq := b.sequence(sub)
	seq.add(b.event(i, "Updating node instance"))
	if readDrift(i).own {
		for _, name := range []string{"preupdate", "update", "postupdate", "update_config", "update_apply", "update_postapply"} {
			seq.add(b.op(i, lifecycle+name))
		}
	}
	for _, rel := range b.view.relations(i) {
		if isRelationDrifted(rel.source, keySourceDrift, rel.target.ID) {
			seq.add(b.sourceOp(rel, relLifecycle+"update"))
		}
		if isRelationDrifted(rel.target, keyTargetDrift, rel.source.ID) {
			seq.add(b.targetOp(rel, relLifecycle+"update"))
		}
	}
	seq.add(b.event(i, "Node instance updated"))
	return sub
}

func isRelationDrifted(i *model.NodeInstance, key string, other model.InstanceID) bool {
	all, _ := asDocument(i.SystemProperties[key])
	rec, _ := asDocument(all[string(other)])
	return isTruthy(rec["result"])
}

func (u *updating) reinstallDown() (*Phase, error) {
	return u.graph("reinstall-uninstall", (*builder).uninstall, u.ToReinstall, u.started(), nil)
}

func (u *updating) reinstallUp() (*Phase, error) {
	return u.graph("reinstall-install", (*builder).install, u.ToReinstall, u.started(), nil)
}

func (u *updating) started() []model.InstanceID {
	started, _ := partition(u.v.snap.Instances, func(i *model.NodeInstance) bool { return i.State == model.InstanceStarted })
	return idsOf(started)
}

// clearDrift removes the drift records of what was reinstalled.
func (u *updating) clearDrift() (*Phase, error) {
	if len(u.ToReinstall) == 0 {
		return nil, nil
	}
	var patches []InstancePatch
	for _, id := range u.ToReinstall {
		patches = append(patches, InstancePatch{Instance: id, Set: model.Document{
			keyDrift: nil, keySourceDrift: nil, keyTargetDrift: nil,
		}})
	}
	return changePhase(ChangePatch, PatchArgs{Patches: patches}, nil), nil
}
