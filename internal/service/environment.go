package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// SystemWorkflows are the workflows that the manager itself runs, for the engine.
func (s *Service) SystemWorkflows() map[string]engine.SystemWorkflow {
	return map[string]engine.SystemWorkflow{
		model.WorkflowUploadBlueprint:   s.runUpload,
		model.WorkflowCreateEnvironment: s.createEnvironment,
		model.WorkflowDeleteEnvironment: s.deleteEnvironment,
	}
}

// preparedPlan is what the store keeps of a deployment plan (dsl, sections 11 and 12).
type preparedPlan struct {
	Description    string                        `json:"description"`
	Nodes          []preparedNode                `json:"nodes"`
	Workflows      map[string]model.Workflow     `json:"workflows"`
	Inputs         model.Document                `json:"inputs"`
	Outputs        model.Document                `json:"outputs"`
	Capabilities   model.Document                `json:"capabilities"`
	Groups         json.RawMessage               `json:"groups"`
	PolicyTypes    json.RawMessage               `json:"policy_types"`
	PolicyTriggers json.RawMessage               `json:"policy_triggers"`
	ScalingGroups  map[string]model.ScalingGroup `json:"scaling_groups"`
	ResourceTags   json.RawMessage               `json:"resource_tags"`
	Labels         map[string]struct {
		Values []any `json:"values"`
	} `json:"labels"`
	Instances []preparedInstance `json:"node_instances"`
}

type preparedNode struct {
	ID               model.NodeID               `json:"id"`
	Type             string                     `json:"type"`
	TypeHierarchy    []string                   `json:"type_hierarchy"`
	HostID           model.NodeID               `json:"host_id"`
	Properties       model.Document             `json:"properties"`
	Operations       map[string]model.Operation `json:"operations"`
	Relationships    []model.NodeRelationship   `json:"relationships"`
	Plugins          []model.PlanPlugin         `json:"plugins"`
	PluginsToInstall []model.PlanPlugin         `json:"plugins_to_install"`
	Capabilities     struct {
		Scalable struct {
			Properties model.ScaleProperties `json:"properties"`
		} `json:"scalable"`
	} `json:"capabilities"`
}

type preparedInstance struct {
	ID            model.InstanceID             `json:"id"`
	Node          model.NodeID                 `json:"node_id"`
	HostID        model.InstanceID             `json:"host_id"`
	Relationships []model.InstanceRelationship `json:"relationships"`
	ScalingGroups []model.GroupMembership      `json:"scaling_groups"`
}

// createEnvironment makes the nodes and node instances of a new deployment from its blueprint's plan and its inputs, in
// one transaction (workflows, section 12.2). Run again after a crash it finds them and does nothing.
func (s *Service) createEnvironment(ctx context.Context, job engine.Job) error {
	x := job.Execution
	var d *model.Deployment
	var b *model.Blueprint
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		if d, err = tx.Deployment(x.Tenant, x.Deployment); err != nil {
			return err
		}
		b, err = tx.Blueprint(x.Tenant, d.Blueprint)
		return err
	})
	if err != nil || d.Workflows != nil {
		return err
	}
	plan, err := s.prepare(ctx, b, d)
	if err != nil {
		return err
	}
	return job.Update(ctx, func(tx store.Tx) error {
		fresh, err := tx.Deployment(x.Tenant, x.Deployment)
		if err != nil {
			return err
		}
		s.fill(fresh, plan)
		if err := tx.UpdateDeployment(fresh); err != nil {
			return err
		}
		if err := tx.InsertNodes(plan.nodes(fresh)); err != nil {
			return err
		}
		return tx.InsertInstances(plan.instances(fresh))
	})
}

func (s *Service) prepare(ctx context.Context, b *model.Blueprint, d *model.Deployment) (*preparedPlan, error) {
	var plan dsl.Plan
	if err := json.Unmarshal(b.Plan, &plan); err != nil {
		return nil, fmt.Errorf("read the plan of blueprint %s: %w", b.ID, err)
	}
	inputs, err := toValue(d.Inputs)
	if err != nil {
		return nil, fmt.Errorf("read the inputs of deployment %s: %w", d.ID, err)
	}
	ready, err := dsl.Prepare(ctx, &plan, dsl.PrepareInput{
		Secrets: s.secretsOf(d), Inputs: inputs, RuntimeOnlyEvaluation: d.RuntimeOnlyEvaluation, NewID: newInstanceID,
	})
	if err != nil {
		return nil, creationFault(err)
	}
	data, err := json.Marshal(ready)
	if err != nil {
		return nil, fmt.Errorf("write the plan of deployment %s: %w", d.ID, err)
	}
	var out preparedPlan
	if err := model.DecodeJSON(data, &out); err != nil {
		return nil, fmt.Errorf("read the plan of deployment %s: %w", d.ID, err)
	}
	return &out, nil
}

// creationFault gives an error of the language the code that the API has for it.
func creationFault(err error) error {
	var e *diag.Error
	if !errors.As(err, &e) {
		return err
	}
	code := map[diag.Class]fault.Code{
		diag.MissingInput: fault.MissingDeploymentInput, diag.UnknownInput: fault.UnknownDeploymentInput,
		diag.InputEvaluation: fault.DeploymentInputEvaluation, diag.Constraint: fault.Constraint,
		diag.UnknownSecret: fault.UnknownDeploymentSecret, diag.UnsupportedSecret: fault.UnsupportedGetSecret,
	}[e.Class]
	if code == "" {
		code = fault.DeploymentCreation
	}
	return fault.Wrap(err, code, "%s", e.Message)
}

// toValue converts a document to the value tree of the language.
func toValue(d model.Document) (*value.Map, error) {
	if d == nil {
		return value.NewMap(), nil
	}
	data, err := model.EncodeJSON(d)
	if err != nil {
		return nil, err
	}
	v, err := dsl.DecodeJSON(data)
	if err != nil {
		return nil, err
	}
	m, ok := v.(*value.Map)
	if !ok {
		return nil, fmt.Errorf("expected an object but found %s", value.TypeName(v))
	}
	return m, nil
}

// fill sets what the plan decides of a deployment; labels of the plan join those the user gave.
func (s *Service) fill(d *model.Deployment, p *preparedPlan) {
	d.Description, d.Inputs, d.Outputs, d.Capabilities = p.Description, p.Inputs, p.Outputs, p.Capabilities
	d.Workflows, d.Groups, d.PolicyTypes, d.PolicyTriggers = p.Workflows, p.Groups, p.PolicyTypes, p.PolicyTriggers
	d.ScalingGroups, d.ResourceTags, d.UpdatedAt = p.ScalingGroups, p.ResourceTags, s.Clock.Now()
	if d.Workflows == nil {
		d.Workflows = map[string]model.Workflow{}
	}
	for key, l := range p.Labels {
		for _, v := range l.Values {
			label := model.Label{Key: strings.ToLower(key), Value: fmt.Sprint(v), CreatedAt: d.UpdatedAt, CreatedBy: d.CreatedBy}
			same := func(o model.Label) bool { return o.Key == label.Key && o.Value == label.Value }
			if !slices.ContainsFunc(d.Labels, same) {
				d.Labels = append(d.Labels, label)
			}
		}
	}
}

func (p *preparedPlan) nodes(d *model.Deployment) []*model.Node {
	out := make([]*model.Node, 0, len(p.Nodes))
	for _, n := range p.Nodes {
		scale := n.Capabilities.Scalable.Properties
		out = append(out, &model.Node{
			Resource: inherited(d), ID: n.ID, Deployment: d.ID, Type: n.Type, TypeHierarchy: n.TypeHierarchy, HostID: n.HostID,
			Properties: n.Properties, Operations: n.Operations, Relationships: n.Relationships, Plugins: n.Plugins,
			PluginsToInstall: n.PluginsToInstall, Number: scale.Current, Planned: scale.Planned, Deploy: scale.Default,
			Min: scale.Min, Max: scale.Max,
		})
	}
	return out
}

func (p *preparedPlan) instances(d *model.Deployment) []*model.NodeInstance {
	out := make([]*model.NodeInstance, 0, len(p.Instances))
	index := map[model.NodeID]int{}
	for _, i := range p.Instances {
		index[i.Node]++
		out = append(out, &model.NodeInstance{
			Resource: inherited(d), ID: i.ID, Node: i.Node, Deployment: d.ID, HostID: i.HostID, Index: index[i.Node],
			State: model.InstanceUninitialized, Version: 1, Relationships: i.Relationships, ScalingGroups: i.ScalingGroups,
			RuntimeProperties: model.Document{},
		})
	}
	return out
}

// inherited is what a deployment hands down to its parts.
func inherited(d *model.Deployment) model.Resource {
	return model.Resource{Tenant: d.Tenant, CreatedBy: d.CreatedBy, CreatedAt: d.UpdatedAt, Visibility: d.Visibility}
}

// deleteEnvironment removes the files of a deployment; its row goes when the execution ends (workflows, section 12.3).
func (s *Service) deleteEnvironment(ctx context.Context, job engine.Job) error {
	return s.removeFiles(ctx, workdirPrefix(job.Execution.Tenant, job.Execution.Deployment))
}

func workdirPrefix(t model.TenantName, id model.DeploymentID) string {
	return fmt.Sprintf("deployments/%s/%s", t, id)
}
