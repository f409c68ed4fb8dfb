// Package planning shows what a workflow would do before it does it, and runs what was shown.
//
// It is a room of package service and follows its rules. A plan is a rehearsal (package rehearsal) of a copy of the
// deployment; making one writes nothing. A plan says which versions of what it read it is about and is signed with the
// installation's key, so that Apply runs exactly what was shown, or refuses and says why.
package planning

import (
	"context"
	"time"

	"github.com/reifyhq/reify/internal/dependency"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/rehearsal"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/revision"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/workflow"
)

// Format names the form of a saved plan.
const Format = "reify-plan/1"

// Service makes and applies plans. It is safe for concurrent use.
type Service struct {
	*service.Service
	revision *revision.Service
}

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s, revision.New(s)} }

// Request says what to plan: a workflow with parameters, or an update.
type Request struct {
	Deployment            model.DeploymentID `json:"deployment_id"`
	Workflow              string             `json:"workflow_id"`
	Parameters            model.Document     `json:"parameters,omitempty"`
	AllowCustomParameters bool               `json:"allow_custom_parameters,omitempty"`
	Force                 bool               `json:"force,omitempty"`
	Update                *Update            `json:"update,omitempty"`
}

// Update is what a planned update brings a deployment to.
type Update struct {
	Blueprint             model.BlueprintID `json:"blueprint_id,omitempty"`
	Inputs                model.Document    `json:"inputs,omitempty"`
	RuntimeOnlyEvaluation *bool             `json:"runtime_only_evaluation,omitempty"`
	ReinstallList         []any             `json:"reinstall_list,omitempty"`
	Flags                 map[string]bool   `json:"flags,omitempty"`
}

func (u *Update) request(force bool) revision.NewUpdate {
	return revision.NewUpdate{Blueprint: u.Blueprint, Inputs: u.Inputs, RuntimeOnlyEvaluation: u.RuntimeOnlyEvaluation,
		ReinstallList: u.ReinstallList, Force: force, Flags: u.Flags}
}

// Plan is what would be done.
type Plan struct {
	Format    string           `json:"format"`
	Manager   string           `json:"manager"`
	Tenant    model.TenantName `json:"tenant"`
	CreatedAt time.Time        `json:"created_at"`
	CreatedBy model.UserName   `json:"created_by"`
	Request   Request          `json:"request"`
	// Steps are the operations in an order that their After allows.
	Steps     []rehearsal.Step `json:"steps"`
	Instances []InstanceChange `json:"instances"`
	Nodes     []NodeChange     `json:"nodes"`
	// Dependents are who depends on the deployment; Blocked says that they keep the workflow from being started without
	// force.
	Dependents []dependency.Summary `json:"dependents"`
	Blocked    string               `json:"blocked,omitempty"`
	// Estimate is nil when no operation of the plan ever ran here.
	Estimate *Estimate `json:"estimate"`
	Read     Versions  `json:"read"`
	// Signature covers everything else.
	Signature string `json:"signature"`
}

// Estimate is how long a plan takes if its operations take as long as they did before, the slowest of those that run at
// the same time counted.
type Estimate struct {
	Seconds float64 `json:"seconds"`
	// Known and Unknown count the operations with and without a history.
	Known   int `json:"known"`
	Unknown int `json:"unknown"`
}

// Plan rehearses a workflow. It needs the permission to start it; what would refuse the start is a fault here too, except
// dependents, which the plan shows.
func (s *Service) Plan(ctx context.Context, a *service.Actor, r Request) (*Plan, error) {
	if err := a.RequireTenant("execution_start"); err != nil {
		return nil, err
	}
	if r.Update != nil {
		r.Workflow = model.WorkflowUpdate
	}
	p := &Plan{Format: Format, Manager: s.Manager, Tenant: a.Tenant, CreatedAt: s.Clock.Now().UTC().Truncate(time.Microsecond), CreatedBy: a.User.Name, Request: r}
	var w *rehearsal.World
	var parameters model.Document
	var past history
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		if w, err = load(tx, a, r.Deployment); err != nil {
			return err
		}
		if parameters, err = s.parameters(tx, a, w, r); err != nil {
			return err
		}
		if p.Read, err = versions(tx, w.Deployment.Tenant, r); err != nil {
			return err
		}
		recursive, _ := parameters["recursive"].(bool)
		blockers, err := dependency.Find(tx, w.Deployment, dependency.Question{Workflow: r.Workflow, IsRecursive: recursive})
		if err != nil {
			return err
		}
		p.Dependents = append([]dependency.Summary{}, blockers.Dependents...)
		if dependency.TakesDown(r.Workflow) {
			p.Blocked = blockers.Text()
		}
		past, err = remember(tx, w.Deployment)
		return err
	})
	if err != nil {
		return nil, err
	}
	before := world{w.Nodes, w.Instances}.copy()
	steps, err := rehearsal.Play(ctx, w, rehearsal.Script{
		Workflow: r.Workflow, Parameters: parameters, Settings: workflow.DefaultSettings, Secrets: s.SecretsOf, Now: p.CreatedAt,
	})
	if err != nil {
		return nil, err
	}
	p.Estimate = past.estimate(steps)
	p.Steps = masked(steps)
	p.Instances, p.Nodes = before.changes(world{w.Nodes, w.Instances}, steps)
	p.Signature, err = s.sign(p)
	return p, err
}

// load copies a deployment.
func load(tx store.Reader, a *service.Actor, id model.DeploymentID) (*rehearsal.World, error) {
	d, err := service.ReadyDeployment(tx, a, id)
	if err != nil {
		return nil, err
	}
	w := &rehearsal.World{Deployment: d}
	if w.Nodes, err = tx.DeploymentNodes(d.Tenant, d.ID); err != nil {
		return nil, err
	}
	if w.Instances, err = tx.DeploymentInstances(d.Tenant, d.ID); err != nil {
		return nil, err
	}
	p, err := tx.Modifications(store.Query{Scope: store.Scope{Tenants: []model.TenantName{d.Tenant}, Admin: true}, Limit: -1,
		Where: []store.Condition{{Field: "deployment_id", Values: []string{string(d.ID)}}, {Field: "status", Values: []string{string(model.ModificationStarted)}}}})
	w.Modifications = p.Items
	return w, err
}

// parameters are what the workflow would get.
func (s *Service) parameters(tx store.Reader, a *service.Actor, w *rehearsal.World, r Request) (model.Document, error) {
	if r.Update == nil {
		declared, ok := w.Deployment.Workflows[r.Workflow]
		if !ok {
			return nil, fault.New(fault.NonexistentWorkflow, "Workflow %s does not exist in the deployment %s", r.Workflow, w.Deployment.ID)
		}
		return workflow.MergeParameters(r.Workflow, declared, r.Parameters, r.AllowCustomParameters)
	}
	u, parameters, err := s.revision.Draft(tx, a, w.Deployment, r.Update.request(r.Force))
	if err != nil {
		return nil, err
	}
	b, err := tx.Blueprint(w.Deployment.Tenant, u.NewBlueprint)
	w.Update, w.Blueprints = u, []*model.Blueprint{b}
	return parameters, err
}

// Apply starts what a plan shows, if the plan is this manager's own and everything it read is still the same. Otherwise it
// is fault.Conflict and says what changed.
func (s *Service) Apply(ctx context.Context, a *service.Actor, p *Plan) (*model.Execution, error) {
	if err := a.RequireTenant("execution_start"); err != nil {
		return nil, err
	}
	signature, err := s.sign(p)
	switch {
	case err != nil:
		return nil, err
	case p.Format != Format:
		return nil, fault.New(fault.BadParameters, "this is no plan of a form that this manager knows: %q instead of %q", p.Format, Format)
	case p.Manager != s.Manager:
		return nil, fault.New(fault.Conflict, "the plan was made by manager %s, this is %s; make a plan here", p.Manager, s.Manager)
	case signature != p.Signature:
		return nil, fault.New(fault.Conflict, "the plan was changed after it was made; make a new one with reify plan")
	case p.Tenant != a.Tenant:
		return nil, fault.New(fault.Conflict, "the plan is about tenant %s, the request about %s", p.Tenant, a.Tenant)
	}
	check := func(tx store.Reader) error {
		now, err := versions(tx, p.Tenant, p.Request)
		if err != nil {
			return err
		}
		if text := p.Read.changed(now); text != "" {
			return fault.New(fault.Conflict, "Deployment %s is not what the plan was made for: %s. Make a new plan", p.Request.Deployment, text)
		}
		return nil
	}
	r := p.Request
	if r.Update == nil {
		return s.StartExecution(ctx, a, service.Start{Deployment: r.Deployment, Workflow: r.Workflow, Parameters: r.Parameters,
			AllowCustomParameters: r.AllowCustomParameters, Force: r.Force, Check: check})
	}
	n := r.Update.request(r.Force)
	n.Check = check
	u, err := s.revision.StartUpdate(ctx, a, r.Deployment, n)
	if err != nil {
		return nil, err
	}
	return s.Execution(ctx, a, u.Execution)
}
