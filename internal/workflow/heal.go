package workflow

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// The stages of a heal.
const (
	healChecked    = "checked"
	healTried      = "tried"
	healUnflagged  = "unflagged"
	healFailedDown = "failed-down"
	healFailedUp   = "failed-up"
	healRestDown   = "rest-down"
	healDone       = "done"
)

// healCursor is what heal keeps between its phases.
type healCursor struct {
	Stage string `json:"stage"`
	// Failed are the instances whose heal failed, with what is contained in them; Rest are those that could not be healed.
	Failed []model.InstanceID `json:"failed,omitempty"`
	Rest   []model.InstanceID `json:"rest,omitempty"`
}

// heal heals or reinstalls unhealthy instances (workflows, section 10.1).
//
// Unlike the reference it reinstalls what is contained in an instance whose heal operation failed together with that
// instance, as the documentation says (workflows, section 16, 4).
func heal(s *State) (*Phase, error) {
	var c healCursor
	if len(s.Cursor) > 0 {
		if err := json.Unmarshal(s.Cursor, &c); err != nil {
			return nil, fmt.Errorf("heal: read the cursor: %w", err)
		}
	}
	if s.Cancelled {
		return nil, nil
	}
	if s.Failure != nil && c.Stage != healTried && c.Stage != healChecked {
		return nil, s.Failure
	}
	return healNext(s, c)
}

// healNext makes the phase of the next stage that has something to do.
func healNext(s *State, c healCursor) (*Phase, error) {
	switch c.Stage {
	case "":
		return healBegin(s)
	case healChecked:
		return healTry(s)
	case healTried:
		return healUnflag(s, c)
	case healUnflagged:
		if len(c.Failed) > 0 && !s.flagOr("allow_reinstall", true) {
			return nil, notAllowed(c.Failed)
		}
		// Contained instances are found only now, so that the refusal names the instances that failed.
		c.Failed = withContained(newView(s.Model), c.Failed)
		failed := setOfIDs(c.Failed)
		c.Rest = slices.DeleteFunc(c.Rest, func(id model.InstanceID) bool { return failed[id] })
		return healReinstall(s, c, c.Failed, "heal-failed-uninstall", healFailedDown, false)
	case healFailedDown:
		return healReinstall(s, c, c.Failed, "heal-failed-install", healFailedUp, true)
	case healFailedUp:
		return healReinstall(s, c, c.Rest, "reinstall-uninstall", healRestDown, false)
	case healRestDown:
		return healReinstall(s, c, c.Rest, "reinstall-install", healDone, true)
	}
	return nil, nil
}

// healSelection is the set that a heal is about: the host of the given instance with everything contained in it.
func healSelection(s *State, v *view) ([]*model.NodeInstance, error) {
	id := s.text("node_instance_id")
	if id == "" {
		return v.snap.Instances, nil
	}
	i := v.instances[model.InstanceID(id)]
	if i == nil {
		return nil, fmt.Errorf("No node instance with id `%s` was found", id) //nolint:staticcheck // the text of the reference
	}
	if host := v.instances[i.HostID]; host != nil {
		i = host
	}
	return v.subtree(i), nil
}

func healBegin(s *State) (*Phase, error) {
	v := newView(s.Model)
	chosen, err := healSelection(s, v)
	if err != nil {
		return nil, err
	}
	about := fmt.Sprintf("for '%s' deployment", s.Model.Deployment)
	if id := s.text("node_instance_id"); id != "" {
		about = "on " + id
	}
	var ph *Phase
	if s.flag("force_reinstall") && len(chosen) > 0 {
		c := healCursor{Rest: idsOf(chosen)}
		ph, err = healReinstall(s, c, c.Rest, "reinstall-uninstall", healRestDown, false)
	} else {
		ph, err = graphPhase(s, "check_status", "", func(b *builder) {
			if s.flagOr("check_status", true) && !s.flag("force_reinstall") {
				b.checkStatus(chosen, false, true)
			}
		})
	}
	if err != nil {
		return nil, err
	}
	if ph.Cursor == nil {
		ph.Cursor = rawJSON(healCursor{Stage: healChecked})
	}
	diagnosis := textOf(s.Parameters["diagnose_value"])
	ph.Logs = append(ph.Logs, LogLine{
		Level: "info", Message: fmt.Sprintf("Starting '%s' workflow %s, Diagnosis: %s", s.Workflow, about, diagnosis),
	})
	return ph, nil
}

// healTry runs the heal operations of the unhealthy instances that have one.
func healTry(s *State) (*Phase, error) {
	v := newView(s.Model)
	chosen, err := healSelection(s, v)
	if err != nil {
		return nil, err
	}
	toHeal, rest := v.unhealthy(chosen, s.text("node_instance_id") != "")
	if len(rest) > 0 && !s.flagOr("allow_reinstall", true) {
		return nil, notAllowed(idsOf(rest))
	}
	ph, err := graphPhase(s, "heal", "", func(b *builder) { b.heal(toHeal, s.Execution) })
	if err != nil {
		return nil, err
	}
	ph.Cursor = rawJSON(healCursor{Stage: healTried, Rest: idsOf(rest)})
	return ph, nil
}

// unhealthy finds the instances to heal and those to reinstall.
func (v *view) unhealthy(chosen []*model.NodeInstance, isTargeted bool) (toHeal, rest []*model.NodeInstance) {
	reinstalled := make(idSet)
	var healable []*model.NodeInstance
	for _, i := range chosen {
		if isHealthy(i, isTargeted) {
			continue
		}
		if op, ok := v.node(i).Operations[lifecycle+"heal"]; ok && !op.IsNoop() {
			healable = append(healable, i)
			continue
		}
		for _, c := range v.subtree(i) {
			reinstalled[c.ID] = true
		}
	}
	toHeal, _ = partition(healable, func(i *model.NodeInstance) bool { return !reinstalled[i.ID] })
	rest, _ = partition(v.snap.Instances, func(i *model.NodeInstance) bool { return reinstalled[i.ID] })
	return toHeal, rest
}

// isHealthy reads the recorded status of an instance.
func isHealthy(i *model.NodeInstance, isTargeted bool) bool {
	status, _ := asDocument(i.SystemProperties[keyStatus])
	if isTruthy(status["ok"]) {
		return true
	}
	return status["task"] == nil && !isTargeted
}

// heal adds a subgraph per instance with its heal operations, sources after targets.
func (b *builder) heal(instances []*model.NodeInstance, execution model.ExecutionID) {
	subs := make(map[model.InstanceID]*model.Task)
	for _, i := range instances {
		args := model.Document{"node_instance_id": string(i.ID), "execution_id": string(execution)}
		sub := b.subgraph("heal_"+string(i.ID), nil)
		sub.Parameters.OnSuccess = &model.Handler{Kind: onHealed, Args: args}
		sub.Parameters.OnFailure = &model.Handler{Kind: onHealFailed, Args: args}
		sub.Parameters.TotalRetries = 0
		subs[i.ID] = sub
		b.sequence(sub).each(b.event(i, "Healing node instance"), b.op(i, lifecycle+"preheal"), b.op(i, lifecycle+"heal"),
			b.op(i, lifecycle+"postheal"), b.event(i, "Node instance healed"))
	}
	b.sourcesAfterTargets(subs, instances)
}

// healUnflag reads which heals failed and takes their marks away.
func healUnflag(s *State, c healCursor) (*Phase, error) {
	var patches []InstancePatch
	for _, i := range s.Model.Instances {
		if i.SystemProperties[keyHealFailed] == string(s.Execution) {
			c.Failed = append(c.Failed, i.ID)
			patches = append(patches, InstancePatch{Instance: i.ID, Set: model.Document{keyHealFailed: nil}})
		}
	}
	c.Stage = healUnflagged
	if len(patches) == 0 && s.Failure == nil {
		return healNext(s, c)
	}
	ph := changePhase(ChangePatch, PatchArgs{Patches: patches}, rawJSON(c))
	if s.Failure != nil {
		ph.Logs = append(ph.Logs, LogLine{Level: "error", Message: "Error running heal: " + s.Failure.Message})
	}
	return ph, nil
}

// healReinstall makes one half of a reinstallation, or the phase after it when there is nothing to reinstall.
func healReinstall(s *State, c healCursor, ids []model.InstanceID, name, next string, isInstall bool) (*Phase, error) {
	c.Stage = next
	if len(ids) == 0 {
		return healNext(s, c)
	}
	ph, err := graphPhase(s, name, "", func(b *builder) {
		set := setOfIDs(ids)
		chosen, others := partition(b.view.snap.Instances, func(i *model.NodeInstance) bool { return set[i.ID] })
		w := work{instances: chosen, related: others, ignoreFailure: s.flagOr("ignore_failure", true)}
		if isInstall {
			b.install(w)
		} else {
			b.uninstall(w)
		}
	})
	if err != nil {
		return nil, err
	}
	ph.Cursor = rawJSON(c)
	return ph, nil
}

// notAllowed refuses a reinstallation that the user did not allow.
func notAllowed(ids []model.InstanceID) error {
	ids = slices.Sorted(slices.Values(ids))
	more := ""
	if n := len(ids) - 5; n > 0 {
		ids, more = ids[:5], fmt.Sprintf(" (and %d more)", n)
	}
	names := make([]string, len(ids))
	for k, id := range ids {
		names[k] = string(id)
	}
	return fmt.Errorf("allow_reinstall is false, but would need to reinstall instances: %s%s", strings.Join(names, ", "), more)
}

func idsOf(instances []*model.NodeInstance) []model.InstanceID {
	out := make([]model.InstanceID, len(instances))
	for k, i := range instances {
		out[k] = i.ID
	}
	return out
}

// withContained adds to instances everything contained in them.
func withContained(v *view, ids []model.InstanceID) []model.InstanceID {
	set := make(idSet)
	for _, id := range ids {
		if i := v.instances[id]; i != nil {
			for _, c := range v.subtree(i) {
				set[c.ID] = true
			}
		}
	}
	all, _ := partition(v.snap.Instances, func(i *model.NodeInstance) bool { return set[i.ID] })
	return idsOf(all)
}
