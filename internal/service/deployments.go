package service

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/reifyhq/reify/internal/dependency"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// NewDeployment is a request to create a deployment of an uploaded blueprint.
type NewDeployment struct {
	ID                    model.DeploymentID
	Blueprint             model.BlueprintID
	Inputs                model.Document
	Visibility            model.Visibility
	DisplayName           string
	Labels                []model.Label
	Site                  model.SiteName
	RuntimeOnlyEvaluation bool
	SkipPluginsValidation bool
	// Async answers before the deployment's environment is made.
	Async bool
	// Group is the execution group of the execution that makes the environment, empty for none.
	Group model.ExecutionGroupID
}

// CreateDeployment makes a deployment and starts create_deployment_environment, which makes its nodes and instances.
// Unless Async is set it waits for that, and a failure is fault.DeploymentCreation with its reason (rest-api, 3.3).
func (s *Service) CreateDeployment(ctx context.Context, a *Actor, n NewDeployment) (*model.Deployment, error) {
	if err := a.RequireTenant("deployment_create"); err != nil {
		return nil, err
	}
	if err := checkID("deployment_id", string(n.ID), true); err != nil {
		return nil, err
	}
	if err := checkLabels(n.Labels); err != nil {
		return nil, err
	}
	if a.Execution != nil && a.Execution.Status.Cancelling() {
		return nil, fault.New(fault.ForbiddenWhileCancelling, "a cancelling execution may not create deployments")
	}
	var b *model.Blueprint
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		b, err = deployable(tx, a, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := checkInputNames(b, n.Inputs); err != nil {
		return nil, err
	}
	var d *model.Deployment
	err = s.Store.Update(ctx, func(tx store.Tx) (err error) {
		d, err = s.insertDeployment(tx, a, n, model.ExecutionPending)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.wake(d.CreateExecution)
	if n.Async {
		return d, nil
	}
	return s.awaitCreation(ctx, a, d)
}

// insertDeployment stores a checked deployment with the execution that makes its environment, which begins as status.
func (s *Service) insertDeployment(tx store.Tx, a *Actor, n NewDeployment, status model.ExecutionStatus) (*model.Deployment, error) {
	if n.DisplayName == "" {
		n.DisplayName = string(n.ID)
	}
	d := &model.Deployment{
		Resource: s.resource(a, n.Visibility), ID: n.ID, Blueprint: n.Blueprint, DisplayName: n.DisplayName, Inputs: n.Inputs,
		RuntimeOnlyEvaluation: n.RuntimeOnlyEvaluation, InstallationStatus: model.InstallationInactive,
		Status: model.DeploymentRequiresAttention, Labels: s.stamp(a, n.Labels), SiteName: string(n.Site),
	}
	d.UpdatedAt = d.CreatedAt
	x := s.systemExecution(a, model.WorkflowCreateEnvironment, model.Document{
		"inputs": n.Inputs, "labels": []any{}, "display_name": n.DisplayName,
		"skip_plugins_validation": n.SkipPluginsValidation,
	})
	x.Deployment, x.Blueprint, x.Group, x.Status = d.ID, n.Blueprint, n.Group, status
	d.CreateExecution, d.LatestExecution = x.ID, x.ID
	if err := replaceFailedCreation(tx, s.dependencyEnv(), a.Tenant, d.ID); err != nil {
		return nil, err
	}
	if err := dependency.CheckParents(tx, d); err != nil {
		return nil, err
	}
	if err := tx.InsertDeployment(d); err != nil {
		return nil, err
	}
	if err := dependency.Adopt(tx, s.dependencyEnv(), d.Tenant, model.Parents(d.Labels)); err != nil {
		return nil, err
	}
	return d, tx.InsertExecution(x)
}

// deployable returns the blueprint of a new deployment, or why it cannot be deployed so.
func deployable(tx store.Reader, a *Actor, n NewDeployment) (*model.Blueprint, error) {
	b, err := visibleBlueprint(tx, a, n.Blueprint)
	if err != nil {
		return nil, err
	}
	if !n.SkipPluginsValidation && b.State == model.BlueprintUploaded {
		if err := checkPlugins(tx, a, b); err != nil {
			return nil, err
		}
	}
	if err := checkSite(tx, a, n.Site, n.ID, n.Visibility); err != nil {
		return nil, err
	}
	if b.State != model.BlueprintUploaded {
		return nil, fault.New(fault.DeploymentCreation,
			"Required blueprint `%s` is not ready: its state is `%s`. Upload it successfully first", b.ID, b.State)
	}
	if n.Visibility.Wider(b.Visibility) {
		return nil, fault.New(fault.IllegalAction,
			"The visibility of deployment `%s` can't be wider than the visibility of its blueprint `%s`. Current blueprint visibility is %s",
			n.ID, b.ID, b.Visibility)
	}
	return b, nil
}

// checkInputNames refuses missing and undeclared inputs before anything is stored.
func checkInputNames(b *model.Blueprint, inputs model.Document) error {
	var plan struct {
		Inputs map[string]struct {
			Default  any   `json:"default"`
			Required *bool `json:"required"`
			Type     string
		} `json:"inputs"`
		DataTypes map[string]any `json:"data_types"`
	}
	if err := model.DecodeJSON(b.Plan, &plan); err != nil {
		return fmt.Errorf("read the plan of blueprint %s: %w", b.ID, err)
	}
	var missing, unknown []string
	for name, in := range plan.Inputs {
		_, given := inputs[name]
		_, complex := plan.DataTypes[in.Type]
		if !given && in.Default == nil && (in.Required == nil || *in.Required) && !complex {
			missing = append(missing, name)
		}
	}
	for name := range inputs {
		if _, ok := plan.Inputs[name]; !ok {
			unknown = append(unknown, name)
		}
	}
	sort.Strings(missing)
	sort.Strings(unknown)
	if len(missing) > 0 {
		return fault.New(fault.MissingDeploymentInput, "Cannot create deployment - missing inputs: %s", strings.Join(missing, ", "))
	}
	if len(unknown) > 0 {
		return fault.New(fault.UnknownDeploymentInput, "Cannot create deployment - unknown inputs: %s", strings.Join(unknown, ", "))
	}
	return nil
}

// replaceFailedCreation removes a deployment whose only execution is a creation that failed, and refuses any other.
func replaceFailedCreation(tx store.Tx, env dependency.Env, t model.TenantName, id model.DeploymentID) error {
	old, err := tx.Deployment(t, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	runs, err := tx.Executions(store.Query{
		Scope: store.Scope{Tenants: []model.TenantName{t}, Admin: true}, Limit: 2,
		Where: []store.Condition{{Field: "deployment_id", Values: []string{string(id)}}},
	})
	if err != nil {
		return err
	}
	if old.Tenant == t && runs.Total == 1 && runs.Items[0].ID == old.CreateExecution && runs.Items[0].Status == model.ExecutionFailed {
		return dependency.Leave(tx, env, t, id)
	}
	return fault.New(fault.Conflict, "<Deployment id=`%s` tenant=`%s`> already exists on <Tenant name=`%s`> or with global visibility",
		id, old.Tenant, t)
}

func (s *Service) awaitCreation(ctx context.Context, a *Actor, d *model.Deployment) (*model.Deployment, error) {
	x, err := s.await(ctx, d.CreateExecution, SyncLimit)
	if err != nil {
		return nil, err
	}
	switch {
	case x.Status == model.ExecutionTerminated:
	case x.Status.Ended():
		lines := strings.Split(strings.TrimSpace(x.Error), "\n")
		return nil, fault.New(fault.DeploymentCreation, "%s", lines[len(lines)-1])
	default:
		return nil, fault.New(fault.EnvironmentInProgress, "Deployment environment creation is still in progress, try again in a minute")
	}
	return s.deployment(ctx, a, d.ID)
}

func (s *Service) deployment(ctx context.Context, a *Actor, id model.DeploymentID) (d *model.Deployment, err error) {
	err = s.Store.View(ctx, func(tx store.Reader) error {
		d, err = visibleDeployment(tx, a, id)
		return err
	})
	return d, err
}

func visibleDeployment(tx store.Reader, a *Actor, id model.DeploymentID) (*model.Deployment, error) {
	d, err := tx.Deployment(a.Tenant, id)
	if err == nil && !a.visible(d.Resource) {
		return nil, fault.Missing("Deployment", string(id))
	}
	return d, err
}

// DeploymentView is a deployment with what its answer needs of other entities.
type DeploymentView struct {
	*model.Deployment
	// Latest is the latest execution, nil when there is none.
	Latest *model.Execution
	// States counts the node instances by state.
	States map[model.InstanceState]int
	// NodeTypes is the set of all types in the nodes' hierarchies, for availability rules.
	NodeTypes map[string]bool
	// Groups are the groups that it is in.
	Groups []model.DeploymentGroupID
	// Unhealthy counts the instances whose last status check was not good, Drifted those with configuration drift.
	Unhealthy, Drifted int
}

// Deployment returns a deployment of the actor's tenant, or a global one.
func (s *Service) Deployment(ctx context.Context, a *Actor, id model.DeploymentID) (v *DeploymentView, err error) {
	if err := a.RequireTenant("deployment_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		d, err := visibleDeployment(tx, a, id)
		if err != nil {
			return err
		}
		v, err = viewDeployment(tx, d)
		return err
	})
	return v, err
}

func viewDeployment(tx store.Reader, d *model.Deployment) (*DeploymentView, error) {
	v := &DeploymentView{Deployment: d, NodeTypes: map[string]bool{}}
	if d.LatestExecution != "" {
		x, err := tx.Execution(d.LatestExecution)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		v.Latest = x
	}
	instances, err := tx.DeploymentInstances(d.Tenant, d.ID)
	if err != nil {
		return nil, err
	}
	v.States = map[model.InstanceState]int{}
	for _, i := range instances {
		v.States[i.State]++
		if !i.StatusCheckOK() {
			v.Unhealthy++
		}
		if i.HasDrift() {
			v.Drifted++
		}
	}
	if v.Groups, err = tx.GroupsOfDeployment(d.Tenant, d.ID); err != nil {
		return nil, err
	}
	nodes, err := tx.DeploymentNodes(d.Tenant, d.ID)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		for _, t := range n.TypeHierarchy {
			v.NodeTypes[t] = true
		}
	}
	return v, nil
}

// Deployments lists deployments. With views the parts of other entities are read too.
func (s *Service) Deployments(ctx context.Context, a *Actor, q store.Query, allTenants bool) (p store.Page[*DeploymentView], err error) {
	if err := a.RequireTenant("deployment_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("deployment_list", allTenants)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		found, err := tx.Deployments(q)
		if err != nil {
			return err
		}
		p = store.Page[*DeploymentView]{Total: found.Total}
		for _, d := range found.Items {
			v, err := viewDeployment(tx, d)
			if err != nil {
				return err
			}
			p.Items = append(p.Items, v)
		}
		return nil
	})
	return p, err
}

// SetDeploymentLabels replaces the labels of a deployment.
func (s *Service) SetDeploymentLabels(ctx context.Context, a *Actor, id model.DeploymentID, labels []model.Label) (*DeploymentView, error) {
	if err := a.RequireTenant("deployment_update"); err != nil {
		return nil, err
	}
	if err := checkLabels(labels); err != nil {
		return nil, err
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		d, err := visibleDeployment(tx, a, id)
		if err != nil {
			return err
		}
		if err := foreign(a, d.Resource, string(id)); err != nil {
			return err
		}
		d.Labels, d.UpdatedAt = s.stamp(a, labels), s.Clock.Now()
		return dependency.Relabel(tx, s.dependencyEnv(), d)
	})
	if err != nil {
		return nil, err
	}
	return s.Deployment(ctx, a, id)
}

// Deletion says how a deployment is deleted.
type Deletion struct {
	Force, DeleteLogs, Recursive bool
	// Group is the execution group of the execution that deletes it, empty for none.
	Group model.ExecutionGroupID
}

// DeleteDeployment starts delete_deployment_environment; the deployment disappears when that ends. Running executions
// and, unless forced, live node instances are fault.DependentExists (rest-api, section 3.5).
func (s *Service) DeleteDeployment(ctx context.Context, a *Actor, id model.DeploymentID, how Deletion) error {
	if err := a.RequireTenant("deployment_delete"); err != nil {
		return err
	}
	var x *model.Execution
	err := s.Store.Update(ctx, func(tx store.Tx) (err error) {
		x, err = s.beginDeletion(tx, a, id, how, model.ExecutionPending)
		return err
	})
	if err != nil {
		return err
	}
	s.wake(x.ID)
	return nil
}

func (s *Service) beginDeletion(tx store.Tx, a *Actor, id model.DeploymentID, how Deletion, status model.ExecutionStatus) (*model.Execution, error) {
	d, err := visibleDeployment(tx, a, id)
	if err != nil {
		return nil, err
	}
	if err := foreign(a, d.Resource, string(id)); err != nil {
		return nil, err
	}
	if err := deletable(tx, a, d, how); err != nil {
		return nil, err
	}
	x := s.systemExecution(a, model.WorkflowDeleteEnvironment, model.Document{
		"delete_logs": how.DeleteLogs, "force": how.Force, "recursive": how.Recursive,
	})
	x.Deployment, x.Blueprint, x.Group, x.Status = d.ID, d.Blueprint, how.Group, status
	d.Status = model.DeploymentInProgress
	if err := tx.UpdateDeployment(d); err != nil {
		return nil, err
	}
	return x, tx.InsertExecution(x)
}

func deletable(tx store.Reader, a *Actor, d *model.Deployment, how Deletion) error {
	running, err := unfinished(tx, d)
	if err != nil {
		return err
	}
	if len(running) > 0 {
		ids := make([]string, 0, len(running))
		for _, x := range running {
			ids = append(ids, string(x.ID))
		}
		return fault.New(fault.DependentExists, "Can't delete deployment %s - There are running or queued executions for this "+
			"deployment. Running executions ids: %s", d.ID, strings.Join(ids, ","))
	}
	if how.Force {
		return nil
	}
	blockers, err := dependency.Find(tx, d, dependency.Question{IsRecursive: how.Recursive, By: a.deployment()})
	if err != nil {
		return err
	}
	if text := blockers.Text(); text != "" {
		return fault.New(fault.DependentExists, "Can't delete deployment %s - the following existing installations depend on it:\n%s", d.ID, text)
	}
	instances, err := tx.DeploymentInstances(d.Tenant, d.ID)
	if err != nil {
		return err
	}
	var live []string
	for _, i := range instances {
		if !i.State.Dead() {
			live = append(live, string(i.ID))
		}
	}
	if len(live) > 0 {
		slices.Sort(live)
		return fault.New(fault.DependentExists, "Can't delete deployment %s - There are live nodes for this deployment. "+
			"Live nodes ids: %s", d.ID, strings.Join(live, ","))
	}
	return nil
}

// unfinished returns the active and queued executions of a deployment.
func unfinished(tx store.Reader, d *model.Deployment) ([]*model.Execution, error) {
	statuses := []string{string(model.ExecutionQueued)}
	for _, st := range model.ExecutionStatuses {
		if st.Active() {
			statuses = append(statuses, string(st))
		}
	}
	page, err := tx.Executions(store.Query{
		Scope: store.Scope{Tenants: []model.TenantName{d.Tenant}, Admin: true}, Limit: -1,
		Where: []store.Condition{
			{Field: "deployment_id", Values: []string{string(d.ID)}},
			{Field: "status", Values: statuses},
		},
	})
	return page.Items, err
}
