package component

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// The values of the type label that let a shared resource be installed and uninstalled by who uses it.
const (
	onDemand             = "on-demand-resource"
	onDemandUninstallOff = "on-demand-uninstall-off"
)

func labelled(d client.Deployment, key string) []string {
	var out []string
	for _, l := range d.Labels {
		if l.Key == key {
			out = append(out, l.Value)
		}
	}
	return out
}

// connect is create of a shared resource (workflows, section 13.2).
func (r *run) connect() error {
	r.value = true
	id := model.DeploymentID(text(r.config("deployment")["id"]))
	r.logf("info", "Validating that %q SharedResource's deployment exists on tenant %q...", id, r.context().Tenant.Name)
	there, err := r.exists("deployments", string(id))
	if err == nil && (!there || id == "") {
		err = fmt.Errorf("SharedResource's deployment ID %q does not exist on tenant %q, please verify the given ID.", id, r.context().Tenant.Name) //nolint:staticcheck // the text of the reference
	}
	if err != nil {
		return err
	}
	if err := r.set("deployment", map[string]any{"id": string(id)}); err != nil {
		return err
	}
	if err := r.checkIn(id); err != nil {
		return err
	}
	if err := r.populate(id); err != nil {
		return err
	}
	return r.depend(model.CreatorSharedResource, id)
}

// checkIn installs a resource on demand, and refuses any other that is not installed.
func (r *run) checkIn(id model.DeploymentID) error {
	d, err := r.there.GetDeployment(r.ctx, id)
	if err != nil || d.InstallationStatus == model.InstallationActive {
		return err
	}
	if !slices.Contains(labelled(d, model.LabelType), onDemand) {
		return fmt.Errorf("SharedResource's deployment %q is in an inactive state and isn't labeled as `csys-obj-type: %s`. "+ //nolint:staticcheck // the text of the reference
			"Please install the deployment first", id, onDemand)
	}
	x, err := r.start(id, model.WorkflowInstall, model.Document{"queue": true, "parameters": map[string]any{}, "allow_custom_parameters": true})
	if err != nil {
		return err
	}
	return r.follow(x, deploymentLimit, pollInterval)
}

// disconnect is delete of a shared resource.
func (r *run) disconnect() error {
	r.value = true
	id := r.deployment()
	r.logf("info", "Removing inter-deployment dependency between this deployment (%q) and %q SharedResource's deployment...",
		r.context().DeploymentID, id)
	if id == "" {
		return nil
	}
	if err := r.release(model.CreatorSharedResource, id); err != nil {
		return err
	}
	if err := r.checkOut(id); err != nil {
		return err
	}
	return r.forget("deployment", "capabilities", "_component_execution")
}

// checkOut uninstalls a resource on demand that nobody uses any more.
func (r *run) checkOut(id model.DeploymentID) error {
	d, err := r.there.GetDeployment(r.ctx, id)
	if client.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	types := labelled(d, model.LabelType)
	if !slices.Contains(types, onDemand) || slices.Contains(types, onDemandUninstallOff) || len(labelled(d, model.LabelConsumer)) > 0 ||
		d.InstallationStatus != model.InstallationActive {
		return nil
	}
	x, err := r.start(id, model.WorkflowUninstall, model.Document{"parameters": map[string]any{}, "allow_custom_parameters": true})
	var refused *client.Error
	if errors.As(err, &refused) && refused.Status == 400 {
		r.logf("warning", "Uninstall of shared resource deployment %q is blocked. Error: %v.", id, err)
		return nil
	}
	if err != nil {
		return err
	}
	return r.follow(x, deploymentLimit, pollInterval)
}

// executeShared is the target's establish and unlink of the relationships to shared resources.
func (r *run) executeShared() error {
	r.value = true
	name := text(r.op.Message.Kwargs["workflow_id"])
	if name == "" {
		return nil
	}
	id := r.deployment()
	x, err := r.start(id, name, model.Document{"parameters": map[string]any(object(r.op.Message.Kwargs["parameters"])), "allow_custom_parameters": true})
	if err != nil {
		return err
	}
	if err := r.follow(x, deploymentLimit, pollInterval); err != nil {
		return err
	}
	return r.populate(id)
}

// componentDrift lets the nested deployment check itself, then tells what differs from the node's properties.
func (r *run) componentDrift() error {
	if err := r.perform(r.deployment(), "check_drift"); err != nil {
		return err
	}
	return r.sharedDrift()
}

// sharedDrift tells which of client, capabilities, deployment and blueprint are not what the node says.
func (r *run) sharedDrift() error {
	id := r.deployment()
	d, err := r.there.GetDeployment(r.ctx, id)
	if err != nil {
		return err
	}
	values, err := r.there.Capabilities(r.ctx, id)
	if err != nil {
		return err
	}
	config := object(r.node.Properties["resource_config"])
	drift := map[string]any{}
	if keys := differences(values, object(r.properties()["capabilities"])); len(keys) > 0 {
		drift["capabilities"] = keys
	}
	wanted := object(config["deployment"])
	now, want := model.Document{"inputs": map[string]any(d.Inputs)}, model.Document{"inputs": map[string]any(object(wanted["inputs"]))}
	if strings.HasPrefix(r.name, "component.") && wanted["inputs"] != nil {
		if keys := differences(now, want); len(keys) > 0 {
			drift["deployment"] = keys
		}
	}
	if b := text(object(config["blueprint"])["id"]); b != "" && b != string(d.Blueprint) {
		drift["blueprint"] = []string{"id"}
	}
	if len(drift) > 0 {
		r.value = drift
	}
	return nil
}

// differences are the keys whose values differ, sorted.
func differences(a, b model.Document) []string {
	out := []string{}
	for k, v := range a {
		if w, ok := b[k]; !ok || !reflect.DeepEqual(v, w) {
			out = append(out, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			out = append(out, k)
		}
	}
	sort.Strings(out)
	return out
}

// componentStatus lets the nested deployment check itself and then judges it.
func (r *run) componentStatus() error {
	if err := r.perform(r.deployment(), "check_status"); err != nil {
		return err
	}
	return r.sharedStatus()
}

// sharedStatus wants a deployment that is installed, good, and whose instances are all well (workflows, section 13.1).
func (r *run) sharedStatus() error {
	id := r.deployment()
	var d struct {
		Installation model.InstallationStatus `json:"installation_status"`
		Status       model.DeploymentStatus   `json:"deployment_status"`
		Latest       string                   `json:"latest_execution_status"`
		Unavailable  int                      `json:"unavailable_instances"`
		Drifted      int                      `json:"drifted_instances"`
	}
	if err := r.there.Call(r.ctx, "GET", "deployments/"+string(id), nil, &d); err != nil {
		return err
	}
	switch {
	case d.Installation != model.InstallationActive:
		return fmt.Errorf("Expected deployment %q to be installed, but its status is %q", id, d.Installation) //nolint:staticcheck // reads on in an error of the reference
	case d.Status != model.DeploymentGood:
		return fmt.Errorf("Expected the status of deployment %q to be good, but it is %q", id, d.Status) //nolint:staticcheck // as above
	case d.Latest == string(model.ExecutionFailed):
		return fmt.Errorf("The latest execution of deployment %q failed", id) //nolint:staticcheck // as above
	case d.Unavailable > 0 || d.Drifted > 0:
		return fmt.Errorf("Deployment %q has %d unavailable and %d drifted instances", id, d.Unavailable, d.Drifted) //nolint:staticcheck // as above
	}
	return nil
}
