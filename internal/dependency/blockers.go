package dependency

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Summary tells of one deployment that depends on another (rest-model, section 5).
type Summary struct {
	Deployment string           `json:"deployment"`
	Type       string           `json:"dependency_type"`
	Node       string           `json:"dependent_node"`
	Tenant     model.TenantName `json:"tenant"`
}

// Blockers are who keeps a deployment from being taken down.
type Blockers struct {
	// Children are in the deployment, pairs of child and parent; Dependents depend on it or on what is below it.
	Children   [][2]model.DeploymentID
	Dependents []Summary
}

// shown is how many of each kind of blocker a message lists (workflows, section 13.4).
const shown = 3

// Text lists at most three children and three dependents, one a line; empty when there are none.
func (b Blockers) Text() string {
	var lines []string
	uses := map[string]string{
		model.CreatorComponent: "contains", model.CreatorSharedResource: "uses a shared resource from", "deployment": "uses capabilities of",
	}
	for k, d := range b.Dependents[:min(len(b.Dependents), shown)] {
		lines = append(lines, fmt.Sprintf("  [%d] Deployment `%s` %s the current deployment in its node `%s`", k+1, d.Deployment, uses[d.Type], d.Node))
	}
	for k, c := range b.Children[:min(len(b.Children), shown)] {
		lines = append(lines, fmt.Sprintf("  [%d] Deployment `%s` depends on `%s`", k+1, c[0], c[1]))
	}
	return strings.Join(lines, "\n")
}

// Question says what is about to happen to a deployment.
type Question struct {
	// Workflow is about to start; empty for a deletion.
	Workflow string
	// IsRecursive says that children go with their parent.
	IsRecursive bool
	// By is the deployment whose own execution asks: it knows what it does to what it depends on.
	By model.DeploymentID
}

// takingDown are the workflows whose running makes a dependent no obstacle.
var takingDown = []string{"stop", model.WorkflowUninstall, model.WorkflowUpdate, "heal", "csys_new_deployment_update"}

// TakesDown reports whether a workflow may take the ground from under dependents.
func TakesDown(workflow string) bool { return slices.Contains(takingDown, workflow) }

// Find returns who blocks what is asked: children that are not components of the deployment itself, unless they go with
// it, and everybody who depends on it or on one of its components, directly or not. Who is being taken down itself is no
// obstacle; who is not installed needs no capability of a deployment that is uninstalled (workflows, section 13.4).
func Find(tx store.Reader, d *model.Deployment, q Question) (Blockers, error) {
	var b Blockers
	group, err := components(tx, d)
	if err != nil {
		return b, err
	}
	if !q.IsRecursive {
		if b.Children, err = descendants(tx, d, group); err != nil {
			return b, err
		}
	}
	seen := map[Summary]bool{}
	visited := map[model.DeploymentID]bool{}
	for work := slices.Clone(group); len(work) > 0; work = work[1:] {
		list, err := On(tx, d.Tenant, work[0])
		if err != nil {
			return b, err
		}
		for _, o := range list {
			if o.Source != "" && !visited[o.Source] {
				visited[o.Source] = true
				work = append(work, o.Source)
			}
			blocks, err := q.blocks(tx, o, group)
			if err != nil {
				return b, err
			}
			if s := summary(o); blocks && !seen[s] {
				seen[s] = true
				b.Dependents = append(b.Dependents, s)
			}
		}
	}
	return b, nil
}

func summary(o *model.Dependency) Summary {
	s := Summary{Deployment: string(o.Source), Type: o.Type(), Node: o.Node(), Tenant: o.Tenant}
	if o.Source == "" {
		s.Deployment = fmt.Sprintf("%v on %v", o.ExternalSource["deployment"], o.ExternalSource["host"])
		tenant, _ := o.ExternalSource["tenant"].(string)
		s.Tenant = model.TenantName(tenant)
	}
	return s
}

func (q Question) blocks(tx store.Reader, o *model.Dependency, group []model.DeploymentID) (bool, error) {
	if o.Source == "" {
		// The other manager waits for its component's deployment by itself.
		return o.Type() != model.CreatorComponent, nil
	}
	if slices.Contains(group, o.Source) || o.Source == q.By {
		return false, nil
	}
	source, err := tx.Deployment(o.Tenant, o.Source)
	if err != nil {
		return false, err
	}
	if q.Workflow == model.WorkflowUninstall && o.IsFunction() && source.InstallationStatus != model.InstallationActive {
		return false, nil
	}
	isLeaving, err := leaving(tx, source)
	return !isLeaving, err
}

// leaving reports whether a deployment is being taken down right now.
func leaving(tx store.Reader, d *model.Deployment) (bool, error) {
	q := everybody(d.Tenant, equals("deployment_id", string(d.ID)), store.Condition{Field: "workflow_id", Values: takingDown},
		store.Condition{Field: "status", Values: []string{string(model.ExecutionPending), string(model.ExecutionStarted), string(model.ExecutionQueued)}})
	q.Limit = 1
	p, err := tx.Executions(q)
	return p.Total > 0, err
}

// components returns the deployment and the deployments of its components, theirs included.
func components(tx store.Reader, d *model.Deployment) ([]model.DeploymentID, error) {
	all, err := Components(tx, d.Tenant, d.ID)
	return append([]model.DeploymentID{d.ID}, all...), err
}

// Components returns the deployments of the components of a deployment, and of theirs, each once, nearest first.
func Components(tx store.Reader, t model.TenantName, id model.DeploymentID) ([]model.DeploymentID, error) {
	var out []model.DeploymentID
	seen := map[model.DeploymentID]bool{id: true}
	for work := []model.DeploymentID{id}; len(work) > 0; work = work[1:] {
		list, err := Of(tx, t, work[0])
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			if o.Type() == model.CreatorComponent && o.Target != "" && !seen[o.Target] {
				seen[o.Target] = true
				out, work = append(out, o.Target), append(work, o.Target)
			}
		}
	}
	return out, nil
}

// descendants returns the children of a deployment and theirs with their parents, own components left out.
func descendants(tx store.Reader, d *model.Deployment, group []model.DeploymentID) ([][2]model.DeploymentID, error) {
	var out [][2]model.DeploymentID
	seen := map[model.DeploymentID]bool{d.ID: true}
	for work := []model.DeploymentID{d.ID}; len(work) > 0; work = work[1:] {
		children, err := tx.Children(d.Tenant, work[0])
		if err != nil {
			return nil, err
		}
		for _, c := range children {
			if seen[c.ID] || slices.Contains(group, c.ID) {
				continue
			}
			seen[c.ID] = true
			out, work = append(out, [2]model.DeploymentID{c.ID, work[0]}), append(work, c.ID)
		}
	}
	return out, nil
}
