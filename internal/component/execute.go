package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

// executeStart is start and stop of a component: it runs a workflow of the nested deployment and waits for it (workflows,
// section 13.1).
func (r *run) executeStart() error {
	r.value = true
	kwargs := r.op.Message.Kwargs
	name := text(kwargs["workflow_id"])
	if name == "" {
		name = model.WorkflowInstall
	}
	id := r.deployment()
	if id == "" {
		return errors.New("the component has no deployment; its configure operation has not run")
	}
	if name == model.WorkflowUninstall {
		there, err := r.exists("deployments", string(id))
		if err != nil || !there {
			return err
		}
	}
	limit, interval := seconds(kwargs["timeout"], deploymentLimit), seconds(kwargs["interval"], pollInterval)
	x, err := r.start(id, name, object(object(r.setting("resource_config"))["executions_start_args"]))
	if client.HasCode(err, fault.UnavailableWorkflow) {
		return r.isDone(id, name, err)
	}
	if err != nil {
		return err
	}
	if err := r.follow(x, limit, interval); err != nil || name == model.WorkflowUninstall {
		return err
	}
	return r.populate(id)
}

// isDone passes over a workflow that is not available because the deployment is already what it would make of it: an
// earlier attempt may have died before it knew, and what was never installed needs no uninstall.
func (r *run) isDone(id model.DeploymentID, name string, refused error) error {
	d, err := r.there.GetDeployment(r.ctx, id)
	if err != nil {
		return err
	}
	switch {
	case name == model.WorkflowInstall && d.InstallationStatus == model.InstallationActive:
		r.logf("info", "Deployment %q is installed already", id)
		return r.populate(id)
	case name == model.WorkflowUninstall && d.InstallationStatus != model.InstallationActive:
		r.logf("info", "Deployment %q is not installed", id)
		return nil
	}
	return refused
}

// start starts a workflow, or takes up the execution that an earlier run of this very attempt started. A deployment that
// is busy asks for a later attempt.
func (r *run) start(id model.DeploymentID, name string, args model.Document) (model.ExecutionID, error) {
	attempt := fmt.Sprintf("%s/%d", r.context().TaskID, r.context().Operation.RetryNumber)
	if known := object(r.properties()["_component_execution"]); text(known["attempt"]) == attempt {
		return model.ExecutionID(text(known["id"])), nil
	}
	busy, err := r.running(id)
	if err != nil {
		return "", err
	}
	if len(busy) > 0 {
		return "", &operation.Error{Task: operation.Retry(fmt.Sprintf("Waiting for the execution %s of workflow %s of deployment %s to end",
			busy[0].ID, busy[0].Workflow, id), nil)}
	}
	parameters := object(args["parameters"])
	if name == r.context().WorkflowID && len(parameters) == 0 {
		// What the user asked of this deployment is asked of its components too; what chooses among instances is not.
		parameters = model.Document{}
		for k, v := range r.context().WorkflowParameters {
			if k != "node_ids" && k != "node_instance_ids" && k != "type_names" {
				parameters[k] = v
			}
		}
	}
	x, err := r.there.StartExecution(r.ctx, client.StartParams{
		Deployment: id, Workflow: name, Parameters: parameters, Force: truth(args["force"], false),
		AllowCustomParameters: truth(args["allow_custom_parameters"], false) || name == r.context().WorkflowID,
		DryRun:                truth(args["dry_run"], false), Queue: truth(args["queue"], false),
	})
	if err != nil {
		return "", err
	}
	r.logf("info", "Started workflow %q of deployment %q, execution %s", name, id, x.ID)
	return x.ID, r.set("_component_execution", map[string]any{"attempt": attempt, "id": string(x.ID)})
}

// follow waits for an execution and copies its log. A cancelled one counts as a success when this execution is being
// cancelled too.
func (r *run) follow(id model.ExecutionID, limit, interval time.Duration) error {
	withLogs := truth(r.config("deployment")["logs"], true)
	late := errors.New("Execution timed out when waiting for completion of " + string(id)) //nolint:staticcheck // the text of the reference
	return r.poll(limit, interval, late, func() (bool, error) {
		x, err := r.there.GetExecution(r.ctx, id)
		if err != nil {
			return false, err
		}
		if withLogs {
			if err := r.copyLogs(id); err != nil {
				return false, err
			}
		}
		switch x.Status {
		case model.ExecutionTerminated:
			return true, nil
		case model.ExecutionFailed:
			return false, fmt.Errorf("Execution %s of workflow %s of deployment %s failed: %s", id, x.Workflow, x.Deployment, x.Error) //nolint:staticcheck // reads on in an error of the reference
		case model.ExecutionCancelled:
			own, err := r.own.GetExecution(r.ctx, r.context().ExecutionID, "status")
			if err != nil || own.Status.Cancelling() || own.Status == model.ExecutionCancelled {
				return true, err
			}
			return false, fmt.Errorf("Execution %s of workflow %s of deployment %s was cancelled", id, x.Workflow, x.Deployment) //nolint:staticcheck // as above
		}
		return false, nil
	})
}

// copied is how many records one look at the log of another execution copies.
const copied = 1000

// copyLogs writes the records of an execution that were not copied yet into the own log; received_events counts them.
func (r *run) copyLogs(id model.ExecutionID) error {
	counts := object(r.properties()["received_events"])
	at := 0
	if n, ok := counts[string(id)].(json.Number); ok {
		if v, err := n.Int64(); err == nil {
			at = int(v)
		}
	} else if n, ok := counts[string(id)].(int); ok {
		at = n
	}
	var page struct {
		Items []struct {
			Message    string `json:"message"`
			Level      string `json:"level"`
			Deployment string `json:"deployment_id"`
			Instance   string `json:"node_instance_id"`
			Operation  string `json:"operation"`
		} `json:"items"`
	}
	err := r.there.Call(r.ctx, http.MethodGet, fmt.Sprintf("events?execution_id=%s&type=cloudify_event&type=cloudify_log&_sort=timestamp&_size=%d&_offset=%d",
		url.QueryEscape(string(id)), copied, at), nil, &page)
	if err != nil || len(page.Items) == 0 {
		return err
	}
	for _, e := range page.Items {
		level := e.Level
		if level == "" {
			level = "info"
		}
		where := e.Deployment
		if e.Instance != "" {
			where += "." + e.Instance
		}
		r.logf(level, "[%s] %s", where, e.Message)
	}
	next := map[string]any{}
	for k, v := range counts {
		next[k] = v
	}
	next[string(id)] = at + len(page.Items)
	return r.set("received_events", next)
}

// perform runs a workflow of the nested deployment without parameters and waits for it.
func (r *run) perform(id model.DeploymentID, name string) error {
	x, err := r.start(id, name, model.Document{"allow_custom_parameters": true})
	if err != nil {
		return err
	}
	return r.follow(x, deploymentLimit, pollInterval)
}

func (r *run) heal() error { return r.perform(r.deployment(), "heal") }

// update brings the nested deployment to the blueprint and inputs that the node has now.
func (r *run) update() error {
	id := r.deployment()
	config := object(r.node.Properties["resource_config"])
	p := client.UpdateParams{Inputs: object(object(config["deployment"])["inputs"])}
	if b := text(object(config["blueprint"])["id"]); b != "" {
		p.Blueprint = model.BlueprintID(b)
	}
	u, err := r.there.UpdateDeployment(r.ctx, id, p)
	if err != nil {
		return err
	}
	if err := r.follow(u.Execution, deploymentLimit, pollInterval); err != nil {
		return err
	}
	return r.populate(id)
}
