package change

import (
	"fmt"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// JoinGroup makes deployments members of a group and gives them its labels (rest-model, section 6).
func JoinGroup(tx store.Tx, now time.Time, g *model.DeploymentGroup, members []model.DeploymentID) error {
	if err := tx.AddToGroup(g.Tenant, g.ID, members); err != nil {
		return err
	}
	return LabelMembers(tx, now, g.Tenant, members, g.Labels, nil)
}

// LabelMembers adds labels to deployments and takes others away; those that have what is added already stay as they are.
func LabelMembers(tx store.Tx, now time.Time, t model.TenantName, members []model.DeploymentID, add, remove []model.Label) error {
	if len(add) == 0 && len(remove) == 0 {
		return nil
	}
	for _, id := range members {
		d, err := tx.Deployment(t, id)
		if err != nil {
			return fmt.Errorf("label a member of a group: %w", err)
		}
		before := len(d.Labels)
		d.Labels = slices.DeleteFunc(d.Labels, func(l model.Label) bool { return hasLabel(remove, l) })
		changed := len(d.Labels) != before
		for _, l := range add {
			if !hasLabel(d.Labels, l) {
				d.Labels, changed = append(d.Labels, l), true
			}
		}
		if !changed {
			continue
		}
		d.UpdatedAt = now
		if err := tx.UpdateDeployment(d); err != nil {
			return err
		}
	}
	return nil
}

func hasLabel(list []model.Label, l model.Label) bool {
	return slices.ContainsFunc(list, func(o model.Label) bool { return o.Key == l.Key && o.Value == l.Value })
}

// NoteMember records for the execution group of an execution that the execution changed its status: an event of the group
// and, when it ended, the group of deployments that collects those of its kind (workflows, section 8.8). It does nothing
// for an execution without a group.
func NoteMember(tx store.Tx, x *model.Execution, now time.Time, manager string) error {
	if x.Group == "" {
		return nil
	}
	g, err := tx.ExecutionGroup(x.Group)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	text := fmt.Sprintf("execution '%s' changed state to '%s'", x.ID, x.Status)
	if x.Error != "" {
		text += fmt.Sprintf(" with error '%s'", x.Error)
	}
	err = tx.InsertEvents([]*model.Event{{
		Tenant: g.Tenant, CreatedBy: g.CreatedBy, Visibility: g.Visibility, Kind: model.KindEvent, Execution: x.ID, Group: g.ID,
		Timestamp: now, Reported: now, Message: text, EventType: model.EventExecutionState, ManagerName: manager,
	}})
	if err != nil {
		return err
	}
	target := map[model.ExecutionStatus]model.DeploymentGroupID{
		model.ExecutionTerminated: g.SuccessGroup, model.ExecutionFailed: g.FailedGroup,
	}[x.Status]
	if target == "" || x.Deployment == "" {
		return nil
	}
	into, err := tx.DeploymentGroup(g.Tenant, target)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return JoinGroup(tx, now, into, []model.DeploymentID{x.Deployment})
}

// The types of hook events, by the status that an execution changed to (workflows, section 8.6).
var hookEvents = map[model.ExecutionStatus]string{
	model.ExecutionQueued: "workflow_queued", model.ExecutionStarted: "workflow_started", model.ExecutionTerminated: "workflow_succeeded",
	model.ExecutionFailed: "workflow_failed", model.ExecutionCancelled: "workflow_cancelled",
}

// Announce keeps the change of an execution's status for the hooks on it, when wanted says that there is one for its type
// of event. A nil wanted means that there are none.
func Announce(tx store.Tx, x *model.Execution, now time.Time, wanted func(eventType string) bool) error {
	event := hookEvents[x.Status]
	if wanted == nil || event == "" || !wanted(event) {
		return nil
	}
	about := model.Document{
		"message_type": "hook", "is_system_workflow": x.IsSystem, "blueprint_id": string(x.Blueprint), "deployment_id": string(x.Deployment),
		"execution_id": string(x.ID), "workflow_id": x.Workflow, "tenant_name": string(x.Tenant),
		"tenant": map[string]any{"name": string(x.Tenant)},
	}
	if !x.IsSystem {
		about["execution_parameters"] = map[string]any(x.Parameters)
	}
	text := fmt.Sprintf("'%s' workflow execution %s", x.Workflow, x.Status)
	if x.Status == model.ExecutionStarted {
		text = fmt.Sprintf("Starting '%s' workflow execution", x.Workflow)
		if x.IsDryRun {
			text += " (dry run)"
		}
	}
	return tx.InsertHook(&model.Hook{
		EventType: event, At: now, Message: text, Tenant: x.Tenant, User: x.CreatedBy, Execution: x.ID, Context: about,
	})
}
