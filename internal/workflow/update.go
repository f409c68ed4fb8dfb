package workflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// updateCursor is what an update keeps between its phases.
type updateCursor struct {
	// Stage is the index of the current stage in updateStages.
	Stage   int           `json:"stage"`
	Steps   UpdateSteps   `json:"steps"`
	Changes UpdateChanges `json:"changes"`
	// ToUpdate and ToReinstall are the unchanged instances that need it.
	ToUpdate    []model.InstanceID `json:"to_update,omitempty"`
	ToReinstall []model.InstanceID `json:"to_reinstall,omitempty"`
}

// updating is one call of the update program.
type updating struct {
	*updateCursor
	s *State
	v *view
}

// updateStage is one step of an update. Begin makes its phase, or none when there is nothing to do; end, when set, draws
// conclusions from a phase that succeeded. A stage that carries on does so after a failure too.
type updateStage struct {
	begin     func(u *updating) (*Phase, error)
	end       func(u *updating) error
	carriesOn bool
}

// update brings a deployment to another blueprint or other inputs (workflows, section 12.5): first the model is
// prepared, then instances are unlinked, uninstalled, updated or reinstalled, installed and connected, then what is gone
// is deleted. Unlike the reference it fails when the custom workflow of the update fails (workflows, section 16, 11).
func update(s *State) (*Phase, error) {
	u := &updating{updateCursor: &updateCursor{Stage: -1}, s: s, v: newView(s.Model)}
	if len(s.Cursor) > 0 {
		if err := json.Unmarshal(s.Cursor, u.updateCursor); err != nil {
			return nil, fmt.Errorf("update: read the cursor: %w", err)
		}
	}
	stages := updateStages()
	if s.Cancelled || u.Stage >= len(stages) {
		return nil, nil
	}
	if u.Stage >= 0 {
		stage := stages[u.Stage]
		if s.Failure != nil && !stage.carriesOn {
			return nil, s.Failure
		}
		if stage.end != nil {
			if err := stage.end(u); err != nil {
				return nil, err
			}
		}
	}
	for u.Stage++; u.Stage < len(stages); u.Stage++ {
		ph, err := stages[u.Stage].begin(u)
		if err != nil {
			return nil, err
		}
		if ph != nil {
			ph.Cursor = rawJSON(u.updateCursor)
			return ph, nil
		}
	}
	return nil, nil
}

// updateStages lists the stages. A stage's place is stored, so stages are only ever added at the end of a list.
func updateStages() []updateStage {
	custom := func(u *updating) bool { return u.s.text("workflow_id") != "" }
	preview := func(u *updating) bool { return u.s.flag("preview") }
	always := func(kind string) updateStage {
		return updateStage{begin: func(u *updating) (*Phase, error) { return u.change(kind), nil }}
	}
	real := func(kind string) updateStage {
		return updateStage{begin: func(u *updating) (*Phase, error) {
			if preview(u) {
				return nil, nil
			}
			return u.change(kind), nil
		}}
	}
	own := func(st updateStage) updateStage {
		begin := st.begin
		st.begin = func(u *updating) (*Phase, error) {
			if preview(u) || custom(u) {
				return nil, nil
			}
			return begin(u)
		}
		return st
	}
	steps, prepare := always(ChangeUpdateSteps), always(ChangeUpdatePrepare)
	steps.end = func(u *updating) error { return u.read(&u.Steps) }
	prepare.end = func(u *updating) error { return u.read(&u.Changes) }
	return []updateStage{
		always(ChangeUpdatePlan), steps, {begin: (*updating).refuse, end: (*updating).refused},
		prepare, always(ChangeUpdatePluginsPrepare),
		real(ChangeUpdateAttributes), real(ChangeUpdateDependencies), real(ChangeUpdateNodes), real(ChangeUpdateInstances),
		{begin: (*updating).customWorkflow},
		own(updateStage{begin: (*updating).unlink}),
		own(updateStage{begin: (*updating).uninstall}),
		own(updateStage{begin: (*updating).checkDrift}),
		own(updateStage{begin: (*updating).decide}),
		own(updateStage{begin: (*updating).checkStatus}),
		own(updateStage{begin: (*updating).heal, carriesOn: true}),
		own(updateStage{begin: (*updating).afterHeal}),
		own(updateStage{begin: (*updating).updateInstances, carriesOn: true}),
		own(updateStage{begin: (*updating).afterUpdate}),
		own(updateStage{begin: (*updating).reinstallDown}),
		own(updateStage{begin: (*updating).reinstallUp}),
		own(updateStage{begin: (*updating).clearDrift}),
		own(updateStage{begin: (*updating).install}),
		own(updateStage{begin: (*updating).establish}),
		real(ChangeUpdateDropRelationships), real(ChangeUpdateDropInstances), real(ChangeUpdateDropNodes),
		real(ChangeUpdateSchedules), real(ChangeUpdateOperations),
		always(ChangeUpdateDone),
	}
}

func (u *updating) change(kind string) *Phase {
	return changePhase(kind, UpdateArgs{ID: u.s.text("update_id")}, nil)
}

// read takes the result of a change.
func (u *updating) read(into any) error {
	if len(u.s.Result) == 0 {
		return nil
	}
	if err := json.Unmarshal(u.s.Result, into); err != nil {
		return fmt.Errorf("update: read the result of a change: %w", err)
	}
	return nil
}

// refuse says why an update is impossible before anything is changed.
func (u *updating) refuse() (*Phase, error) {
	if len(u.Steps.Unsupported) == 0 {
		return nil, nil
	}
	ph := &Phase{Graph: &Graph{Name: "update-refused"}}
	for _, text := range u.Steps.Unsupported {
		ph.Logs = append(ph.Logs, LogLine{Level: "error", Message: text})
	}
	return ph, nil
}

func (u *updating) refused() error {
	return errors.New("Cannot update: unsupported steps found") //nolint:staticcheck // the text of the reference
}

func (u *updating) customWorkflow() (*Phase, error) {
	name := u.s.text("workflow_id")
	if name == "" || u.s.flag("preview") {
		return nil, nil
	}
	c := u.Changes
	return changePhase(ChangeWorkflow, WorkflowArgs{Workflow: name, Parameters: model.Document{
		"update_id":                    u.s.text("update_id"),
		"modified_entity_ids":          u.Steps.Changed,
		"added_instance_ids":           c.Added,
		"added_target_instances_ids":   c.AddedTargets,
		"removed_instance_ids":         c.Removed,
		"remove_target_instance_ids":   c.RemovedTargets,
		"extended_instance_ids":        c.Extended,
		"extend_target_instance_ids":   c.ExtendedTargets,
		"reduced_instance_ids":         c.Reduced,
		"reduce_target_instance_ids":   c.ReducedTargets,
		"skip_install":                 u.s.flag("skip_install"),
		"skip_uninstall":               u.s.flag("skip_uninstall"),
		"ignore_failure":               u.s.flag("ignore_failure"),
		"install_first":                false,
		"node_instances_to_reinstall":  nil,
		"central_plugins_to_install":   nil,
		"central_plugins_to_uninstall": nil,
		"update_plugins":               true,
	}}, nil), nil
}

// graph makes a life cycle graph about some instances, or no phase when there are none.
func (u *updating) graph(name string, do func(*builder, work), ids, related []model.InstanceID, modified []model.InstanceID) (*Phase, error) {
	if len(ids) == 0 && len(modified) == 0 {
		return nil, nil
	}
	return graphPhase(u.s, name, "", func(b *builder) {
		w := work{instances: b.view.pick(ids), modified: setOfIDs(modified), ignoreFailure: u.s.flag("ignore_failure")}
		chosen := setOf(w.instances)
		w.related, _ = partition(b.view.pick(related), func(i *model.NodeInstance) bool { return !chosen[i.ID] })
		do(b, w)
	})
}

func (u *updating) unlink() (*Phase, error) {
	if u.s.flag("skip_uninstall") || len(u.Changes.Reduced) == 0 {
		return nil, nil
	}
	return u.graph("unlink-uninstall", (*builder).uninstall, nil, u.Changes.Reduced, u.Changes.ReducedTargets)
}

func (u *updating) uninstall() (*Phase, error) {
	if u.s.flag("skip_uninstall") {
		return nil, nil
	}
	return u.graph("uninstall", (*builder).uninstall, u.Changes.Removed, u.Changes.RemovedTargets, nil)
}

func (u *updating) install() (*Phase, error) {
	if u.s.flag("skip_install") {
		return nil, nil
	}
	return u.graph("install", (*builder).install, u.Changes.Added, u.Changes.AddedTargets, nil)
}

func (u *updating) establish() (*Phase, error) {
	if u.s.flag("skip_install") || len(u.Changes.Extended) == 0 {
		return nil, nil
	}
	return u.graph("establish-install", (*builder).install, nil, u.Changes.Extended, u.Changes.ExtendedTargets)
}

// kept are the started instances that the update neither adds nor removes.
func (u *updating) kept() []*model.NodeInstance {
	isMoving := u.moving()
	kept, _ := partition(u.v.snap.Instances, func(i *model.NodeInstance) bool {
		return i.State == model.InstanceStarted && !isMoving[i.ID]
	})
	return kept
}

// moving are the instances that the update adds or removes.
func (u *updating) moving() idSet { return setOfIDs(slices.Concat(u.Changes.Added, u.Changes.Removed)) }
