package change

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// Plan is what a deployment keeps of its deployment plan (dsl, sections 11 and 12), in the types of the model.
type Plan struct {
	Description    string                        `json:"description"`
	Nodes          []PlanNode                    `json:"nodes"`
	Workflows      map[string]model.Workflow     `json:"workflows"`
	Inputs         model.Document                `json:"inputs"`
	Outputs        model.Document                `json:"outputs"`
	Capabilities   model.Document                `json:"capabilities"`
	Groups         json.RawMessage               `json:"groups"`
	PolicyTypes    json.RawMessage               `json:"policy_types"`
	PolicyTriggers json.RawMessage               `json:"policy_triggers"`
	ScalingGroups  map[string]model.ScalingGroup `json:"scaling_groups"`
	ResourceTags   json.RawMessage               `json:"resource_tags"`
	Labels         map[string]PlanLabel          `json:"labels"`
	Instances      []PlanInstance                `json:"node_instances"`
	Functions      []PlanFunction                `json:"inter_deployment_functions"`
	Settings       PlanSettings                  `json:"deployment_settings"`
}

// PlanSettings are what a deployment starts with (dsl, section 8.14).
type PlanSettings struct {
	Groups    []model.DeploymentGroupID         `json:"default_groups"`
	Schedules map[model.ScheduleID]PlanSchedule `json:"default_schedules"`
}

// PlanSchedule is an execution schedule that a plan declares.
type PlanSchedule struct {
	Workflow      string         `json:"workflow"`
	Arguments     model.Document `json:"execution_arguments"`
	Parameters    model.Document `json:"workflow_parameters"`
	Since         string         `json:"since"`
	Until         string         `json:"until"`
	Recurrence    string         `json:"recurrence"`
	Weekdays      []string       `json:"weekdays"`
	Count         *int           `json:"count"`
	Slip          int            `json:"slip"`
	StopAfterFail bool           `json:"stop_after_fail"`
	Enabled       *bool          `json:"default_enabled"`
}

// PlanLabel holds the values of a label that the plan declares.
type PlanLabel struct {
	Values []any `json:"values"`
}

// PlanNode is a node of a Plan.
type PlanNode struct {
	ID               model.NodeID               `json:"id"`
	Type             string                     `json:"type"`
	TypeHierarchy    []string                   `json:"type_hierarchy"`
	HostID           model.NodeID               `json:"host_id,omitempty"`
	Properties       model.Document             `json:"properties"`
	Operations       map[string]model.Operation `json:"operations"`
	Relationships    []model.NodeRelationship   `json:"relationships"`
	Plugins          []model.PlanPlugin         `json:"plugins"`
	PluginsToInstall []model.PlanPlugin         `json:"plugins_to_install"`
	Capabilities     PlanCapabilities           `json:"capabilities"`
	// Instances is the deprecated section that fixes a count: {deploy: n}.
	Instances model.Document `json:"instances"`
}

// PlanCapabilities holds the counts of a node.
type PlanCapabilities struct {
	Scalable struct {
		Properties model.ScaleProperties `json:"properties"`
	} `json:"scalable"`
}

// PlanInstance is a node instance of a Plan.
type PlanInstance struct {
	ID            model.InstanceID             `json:"id"`
	Node          model.NodeID                 `json:"node_id"`
	HostID        model.InstanceID             `json:"host_id"`
	Relationships []model.InstanceRelationship `json:"relationships"`
	ScalingGroups []model.GroupMembership      `json:"scaling_groups"`
}

// Prepare makes the plan of a deployment from a blueprint and inputs. What is wrong with them is a fault in the words of
// the language; with secrets nil no plan may use one. It takes time and belongs outside of transactions.
func Prepare(ctx context.Context, b *model.Blueprint, d *model.Deployment, inputs model.Document, secrets dsl.SecretGetter,
	newID func(string) string,
) (*Plan, error) {
	var parsed dsl.Plan
	if err := json.Unmarshal(b.Plan, &parsed); err != nil {
		return nil, fmt.Errorf("read the plan of blueprint %s: %w", b.ID, err)
	}
	values, err := ToValue(inputs)
	if err != nil {
		return nil, fmt.Errorf("read the inputs of deployment %s: %w", d.ID, err)
	}
	ready, err := dsl.Prepare(ctx, &parsed, dsl.PrepareInput{
		Inputs: values, Secrets: secrets, RuntimeOnlyEvaluation: d.RuntimeOnlyEvaluation, NewID: newID,
	})
	if err != nil {
		return nil, languageFault(err)
	}
	data, err := json.Marshal(ready)
	if err != nil {
		return nil, fmt.Errorf("write the plan of deployment %s: %w", d.ID, err)
	}
	var out Plan
	if err := model.DecodeJSON(data, &out); err != nil {
		return nil, fmt.Errorf("read the plan of deployment %s: %w", d.ID, err)
	}
	out.placeFunctions()
	return &out, nil
}

// languageFault gives an error of the language the code that the API has for it.
func languageFault(err error) error {
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

// ToValue converts a document to the value tree of the language.
func ToValue(d model.Document) (*value.Map, error) {
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

// planOf is the plan that a deployment has now, after all modifications and updates.
func (w *world) planOf() *Plan {
	d := w.d
	p := &Plan{
		Description: d.Description, Workflows: d.Workflows, Inputs: d.Inputs, Outputs: d.Outputs, Capabilities: d.Capabilities,
		Groups: d.Groups, PolicyTypes: d.PolicyTypes, PolicyTriggers: d.PolicyTriggers, ScalingGroups: d.ScalingGroups,
	}
	for _, n := range w.nodes {
		p.Nodes = append(p.Nodes, PlanNode{
			ID: n.ID, Type: n.Type, TypeHierarchy: n.TypeHierarchy, HostID: n.HostID, Properties: n.Properties,
			Operations: n.Operations, Relationships: n.Relationships, Plugins: n.Plugins, PluginsToInstall: n.PluginsToInstall,
		})
	}
	return p
}

// language is the plan in the form of the language, for comparisons.
func (p *Plan) language() (*plan.Plan, error) {
	data, err := model.EncodeJSON(p)
	if err != nil {
		return nil, fmt.Errorf("write a plan: %w", err)
	}
	var out plan.Plan
	if err := out.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("read a plan: %w", err)
	}
	return &out, nil
}

// keepCounts takes the counts that the deployment was scaled to, except where a node fixes its own (workflows, 12.5).
func (p *Plan) keepCounts(w *world) {
	for k := range p.Nodes {
		n := &p.Nodes[k]
		old := w.node(n.ID)
		if _, isFixed := n.Instances["deploy"]; old == nil || isFixed {
			continue
		}
		n.Capabilities.Scalable.Properties.Current, n.Capabilities.Scalable.Properties.Planned = old.Number, old.Planned
	}
	for name, g := range p.ScalingGroups {
		if old, ok := w.d.ScalingGroups[name]; ok {
			g.Properties.Current, g.Properties.Planned = old.Properties.Current, old.Properties.Planned
			p.ScalingGroups[name] = g
		}
	}
}

// NewNodes returns the nodes of the plan for a deployment.
func (p *Plan) NewNodes(d *model.Deployment) []*model.Node {
	out := make([]*model.Node, 0, len(p.Nodes))
	for _, n := range p.Nodes {
		scale := n.Capabilities.Scalable.Properties
		out = append(out, &model.Node{
			Resource: inherited(d, Env{Now: d.UpdatedAt}), ID: n.ID, Deployment: d.ID, Type: n.Type, TypeHierarchy: n.TypeHierarchy,
			HostID: n.HostID, Properties: n.Properties, Operations: n.Operations, Relationships: n.Relationships,
			Plugins: n.Plugins, PluginsToInstall: n.PluginsToInstall, Number: scale.Current, Planned: scale.Planned,
			Deploy: scale.Default, Min: scale.Min, Max: scale.Max,
		})
	}
	return out
}

// NewInstances returns the node instances of the plan for a new deployment.
func (p *Plan) NewInstances(d *model.Deployment) []*model.NodeInstance {
	out := make([]*model.NodeInstance, 0, len(p.Instances))
	index := map[model.NodeID]int{}
	for _, i := range p.Instances {
		index[i.Node]++
		out = append(out, &model.NodeInstance{
			Resource: inherited(d, Env{Now: d.UpdatedAt}), ID: i.ID, Node: i.Node, Deployment: d.ID, HostID: i.HostID,
			Index: index[i.Node], State: model.InstanceUninitialized, Version: 1, Relationships: i.Relationships,
			ScalingGroups: i.ScalingGroups, RuntimeProperties: model.Document{},
		})
	}
	return out
}

// NewLabels returns the labels of the plan that a deployment does not have yet.
func (p *Plan) NewLabels(d *model.Deployment, now time.Time) []model.Label {
	var out []model.Label
	for _, key := range slices.Sorted(maps.Keys(p.Labels)) {
		for _, v := range p.Labels[key].Values {
			label := model.Label{Key: strings.ToLower(key), Value: fmt.Sprint(v), CreatedAt: now, CreatedBy: d.CreatedBy}
			same := func(o model.Label) bool { return o.Key == label.Key && o.Value == label.Value }
			if !slices.ContainsFunc(d.Labels, same) && !slices.ContainsFunc(out, same) {
				out = append(out, label)
			}
		}
	}
	return out
}
