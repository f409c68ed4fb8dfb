package component

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// deploymentLimit is how long a deployment may take to be made or removed (workflows, section 17.1).
const deploymentLimit = 1800 * time.Second

// maxSuffix is the greatest number that is tried for the id of a deployment with auto_inc_suffix.
const maxSuffix = 9

// createDeployment is configure of a component (workflows, section 13.1).
func (r *run) createDeployment() error {
	r.value = true
	if err := r.createSecrets(); err != nil {
		return err
	}
	if err := r.uploadPlugins(); err != nil {
		return err
	}
	config := r.config("deployment")
	id, err := r.chooseID(config)
	if err != nil {
		return err
	}
	if err := r.set("deployment", map[string]any{"id": string(id)}); err != nil {
		return err
	}
	if truth(config["external_resource"], false) {
		there, err := r.exists("deployments", string(id))
		if err == nil && !there {
			err = fmt.Errorf("Deployment ID %q does not exist on tenant %q, but external_resource is True.", id, r.context().Tenant.Name) //nolint:staticcheck // reads on in an error of the reference
		}
		if err != nil {
			return err
		}
		r.logf("info", "Using external deployment %q.", id)
	} else if err := r.putDeployment(id, config); err != nil {
		return err
	}
	if r.properties()["_component_create_idd"] == nil {
		if err := r.depend(model.CreatorComponent, id); err != nil {
			return err
		}
		if err := r.set("_component_create_idd", true); err != nil {
			return err
		}
	}
	return r.awaitEnvironment(id)
}

// chooseID returns the id of the nested deployment: the one that was chosen before, the one that is asked for, or the id
// of the instance; with auto_inc_suffix the first that is free of <id>-0 to <id>-9.
func (r *run) chooseID(config model.Document) (model.DeploymentID, error) {
	if id := text(r.properties()["_component_create_deployment_id"]); id != "" {
		return model.DeploymentID(id), nil
	}
	id := string(r.deployment())
	if id == "" {
		id = string(r.instance.ID)
	}
	isExternal := truth(config["external_resource"], false)
	if truth(config["auto_inc_suffix"], false) && !isExternal {
		for n := 0; ; n++ {
			if n > maxSuffix {
				return "", fmt.Errorf("No free id for the deployment: %s-0 to %s-%d are in use", id, id, maxSuffix) //nolint:staticcheck // reads on in an error of the reference
			}
			there, err := r.exists("deployments", fmt.Sprintf("%s-%d", id, n))
			if err != nil {
				return "", err
			}
			if !there {
				id = fmt.Sprintf("%s-%d", id, n)
				break
			}
		}
	} else if !isExternal {
		there, err := r.exists("deployments", id)
		if err == nil && there {
			err = fmt.Errorf("Component's deployment ID %q already exists, please verify the chosen name.", id) //nolint:staticcheck // the text of the reference
		}
		if err != nil {
			return "", err
		}
	}
	return model.DeploymentID(id), r.set("_component_create_deployment_id", id)
}

// putDeployment creates the deployment unless an earlier attempt did.
func (r *run) putDeployment(id model.DeploymentID, config model.Document) error {
	there, err := r.exists("deployments", string(id))
	if err != nil || there {
		return err
	}
	blueprint := text(object(r.properties()["blueprint"])["id"])
	if blueprint == "" {
		blueprint = text(r.config("blueprint")["id"])
	}
	labels, _ := config["labels"].([]any)
	if !r.isFar {
		labels = append([]any{map[string]any{model.LabelParent: string(r.context().DeploymentID)}}, labels...)
	}
	inputs := object(config["inputs"])
	body := model.Document{"blueprint_id": blueprint, "inputs": map[string]any(inputs), "labels": labels}
	if v := text(config["display_name"]); v != "" {
		body["display_name"] = v
	}
	r.logf("info", "Creating %q component deployment", id)
	return r.there.Call(r.ctx, http.MethodPut, "deployments/"+url.PathEscape(string(id))+"?async_create=true", body, nil)
}

// awaitEnvironment waits until the environment of the deployment is made.
func (r *run) awaitEnvironment(id model.DeploymentID) error {
	late := fmt.Errorf("Timed out waiting for deployment %q to be created", id) //nolint:staticcheck // reads on in an error of the reference
	return r.poll(deploymentLimit, pollInterval/5, late, func() (bool, error) {
		x, err := r.latest(id, model.WorkflowCreateEnvironment)
		switch {
		case err != nil:
			return false, err
		case x == nil:
			return true, nil
		case x.Status.Ended() && x.Status != model.ExecutionTerminated:
			return false, fmt.Errorf("The environment of deployment %q was not created: %s %s", id, x.Status, x.Error) //nolint:staticcheck // as above
		}
		return x.Status.Ended(), nil
	})
}

// latest returns the latest execution of a workflow of a deployment, nil when there is none.
func (r *run) latest(id model.DeploymentID, workflow string) (*client.Execution, error) {
	var page client.Page[client.Execution]
	err := r.there.Call(r.ctx, http.MethodGet, "executions?_include_system_workflows=true&_sort=-created_at&_size=1&deployment_id="+
		url.QueryEscape(string(id))+"&workflow_id="+workflow, nil, &page)
	if err != nil || len(page.Items) == 0 {
		return nil, err
	}
	return &page.Items[0], nil
}

// running returns the executions of a deployment that have not ended.
func (r *run) running(id model.DeploymentID) ([]client.Execution, error) {
	var page client.Page[client.Execution]
	err := r.there.Call(r.ctx, http.MethodGet, "executions?_include_system_workflows=true&_sort=-created_at&_size=50&deployment_id="+
		url.QueryEscape(string(id)), nil, &page)
	var out []client.Execution
	for _, x := range page.Items {
		if !x.Status.Ended() {
			out = append(out, x)
		}
	}
	return out, err
}

// deleteDeployment is delete of a component: the deployment, then what was made for it. The dependency goes first: it
// would keep its own target.
func (r *run) deleteDeployment() error {
	r.value = true
	id := r.deployment()
	made := text(r.properties()["_component_create_deployment_id"])
	if id == "" || made == "" {
		r.logf("info", "The component has no deployment; nothing is deleted.")
		return r.clean()
	}
	if err := r.idle(id); err != nil {
		return err
	}
	if err := r.release(model.CreatorComponent, id); err != nil {
		return err
	}
	if !truth(r.config("deployment")["external_resource"], false) {
		if err := r.removeDeployment(id); err != nil {
			return err
		}
	}
	if err := r.deleteBlueprint(); err != nil {
		return err
	}
	return r.clean()
}

// idle waits until nothing runs on the deployment.
func (r *run) idle(id model.DeploymentID) error {
	late := fmt.Errorf("Timed out waiting for the executions of deployment %q", id) //nolint:staticcheck // reads on in an error of the reference
	return r.poll(deploymentLimit, pollInterval, late, func() (bool, error) {
		list, err := r.running(id)
		return len(list) == 0, err
	})
}

func (r *run) removeDeployment(id model.DeploymentID) error {
	err := r.there.DeleteDeployment(r.ctx, id, client.DeleteParams{})
	if client.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	late := fmt.Errorf("Timed out waiting for deployment %q to be deleted", id) //nolint:staticcheck // reads on in an error of the reference
	return r.poll(deploymentLimit, pollInterval/5, late, func() (bool, error) {
		there, err := r.exists("deployments", string(id))
		if err != nil || !there {
			return !there, err
		}
		x, err := r.latest(id, model.WorkflowDeleteEnvironment)
		if x != nil && x.Status.Ended() && x.Status != model.ExecutionTerminated {
			return false, fmt.Errorf("Deployment %q was not deleted: %s %s", id, x.Status, x.Error) //nolint:staticcheck // as above
		}
		return false, err
	})
}

// refresh reads the capabilities of the nested deployment again.
func (r *run) refresh() error {
	id := r.deployment()
	if id == "" {
		return errors.New("the node instance has no deployment to refresh from")
	}
	return r.populate(id)
}

// populate copies the capabilities of a deployment into the runtime properties.
func (r *run) populate(id model.DeploymentID) error {
	r.logf("info", "Fetching %q deployment capabilities..", id)
	values, err := r.there.Capabilities(r.ctx, id)
	if err != nil {
		return err
	}
	if values == nil {
		values = model.Document{}
	}
	return r.set("capabilities", map[string]any(maps.Clone(values)))
}
