package workflows

import (
	"context"
	"encoding/json"
	"fmt"
	"path"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/model"
)

type (
	relationship = plan.InstanceRelationship
	group        = plan.GroupRef
)

// blueprint is a parsed and prepared blueprint, in the forms of the language and of the model.
type blueprint struct {
	plan      *dsl.DeploymentPlan
	nodes     []*model.Node
	groups    map[string]model.ScalingGroup
	workflows map[string]model.Workflow
}

// files answers the parser from the files of a case.
type files map[string]string

// Fetch gives the text of a file.
func (f files) Fetch(_ context.Context, u, _ string) (dsl.Fetched, error) {
	text, ok := f[path.Base(u)]
	if !ok {
		return dsl.Fetched{}, fmt.Errorf("no file %s", u)
	}
	return dsl.Fetched{Text: []byte(text)}, nil
}

// Exists reports whether the case has a file.
func (f files) Exists(_ context.Context, u string) bool {
	_, ok := f[path.Base(u)]
	return ok
}

// load parses a blueprint of the case and prepares a deployment of it.
func (c *testCase) load(name string, inputs model.Document, newID func(string) string) (*blueprint, error) {
	ctx := context.Background()
	parsed, problems := dsl.Parse(ctx, dsl.Input{
		Text: []byte(c.Files[name]), Location: "/case/" + name, WorkingDirectory: "/case", NoBuiltInTypes: true,
	}, files(c.Files))
	if problems.HasErrors() {
		return nil, fmt.Errorf("parse %s: %w", name, problems.Err())
	}
	values, err := toValue(inputs)
	if err != nil {
		return nil, err
	}
	prepared, err := dsl.Prepare(ctx, parsed, dsl.PrepareInput{Inputs: values, NewID: newID})
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", name, err)
	}
	return newBlueprint(prepared)
}

func toValue(d model.Document) (*value.Map, error) {
	if d == nil {
		return value.NewMap(), nil
	}
	raw, err := model.EncodeJSON(d)
	if err != nil {
		return nil, err
	}
	v, err := dsl.DecodeJSON(raw)
	if err != nil {
		return nil, err
	}
	m, ok := v.(*value.Map)
	if !ok {
		return nil, fmt.Errorf("inputs are no object")
	}
	return m, nil
}

// newBlueprint converts a plan to the model through its JSON form, as the manager does.
func newBlueprint(prepared *dsl.DeploymentPlan) (*blueprint, error) {
	raw, err := json.Marshal(prepared)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Nodes []struct {
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
		} `json:"nodes"`
		Workflows     map[string]model.Workflow     `json:"workflows"`
		ScalingGroups map[string]model.ScalingGroup `json:"scaling_groups"`
	}
	if err := model.DecodeJSON(raw, &doc); err != nil {
		return nil, err
	}
	bp := &blueprint{plan: prepared, groups: doc.ScalingGroups, workflows: doc.Workflows}
	for _, n := range doc.Nodes {
		scale := n.Capabilities.Scalable.Properties
		bp.nodes = append(bp.nodes, &model.Node{
			ID: n.ID, Type: n.Type, TypeHierarchy: n.TypeHierarchy, HostID: n.HostID, Properties: n.Properties,
			Operations: n.Operations, Relationships: n.Relationships, Plugins: n.Plugins, PluginsToInstall: n.PluginsToInstall,
			Number: scale.Current, Planned: scale.Planned, Deploy: scale.Default, Min: scale.Min, Max: scale.Max,
		})
	}
	return bp, nil
}

// setCount writes the current count of a node or group into a plan, which is where the next modification reads it.
func setCount(p *dsl.DeploymentPlan, entity string, n int) {
	if g := p.ScalingGroups.At(entity); g != nil {
		setBoth(g.Properties, n)
	}
	for _, node := range p.Nodes {
		if node.Name != entity {
			continue
		}
		scalable, _ := node.Capabilities.At("scalable").(*value.Map)
		if props, ok := scalable.At("properties").(*value.Map); ok {
			setBoth(props, n)
		}
	}
}

func setBoth(props *value.Map, n int) {
	props.Set("current_instances", int64(n))
	props.Set("planned_instances", int64(n))
}

// instanceOf converts a new instance of the language to the model.
func instanceOf(i dsl.Instance) *model.NodeInstance {
	out := &model.NodeInstance{
		ID: model.InstanceID(i.ID), Node: model.NodeID(i.NodeID), HostID: model.InstanceID(i.HostID),
		State: model.InstanceUninitialized, RuntimeProperties: model.Document{}, SystemProperties: model.Document{},
	}
	for _, r := range i.Relationships {
		out.Relationships = append(out.Relationships, model.InstanceRelationship{
			Type: r.Type, TargetName: model.NodeID(r.TargetName), TargetID: model.InstanceID(r.TargetID),
		})
	}
	for _, g := range i.ScalingGroups {
		out.ScalingGroups = append(out.ScalingGroups, model.GroupMembership{Name: g.Name, ID: g.ID})
	}
	return out
}
