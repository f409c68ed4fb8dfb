package service

import (
	"context"
	"fmt"
	"sort"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// runtime lets intrinsic functions read the stored state of a deployment (dsl, section 10). Nodes and instances are read
// once, at the first need.
type runtime struct {
	s         *Service
	d         *model.Deployment
	nodes     map[string]*model.Node
	instances []*model.NodeInstance
}

func (s *Service) runtime(d *model.Deployment) *runtime { return &runtime{s: s, d: d} }

func (r *runtime) load(ctx context.Context) error {
	if r.nodes != nil {
		return nil
	}
	return r.s.Store.View(ctx, func(tx store.Reader) error {
		nodes, err := tx.DeploymentNodes(r.d.Tenant, r.d.ID)
		if err != nil {
			return err
		}
		if r.instances, err = tx.DeploymentInstances(r.d.Tenant, r.d.ID); err != nil {
			return err
		}
		r.nodes = make(map[string]*model.Node, len(nodes))
		for _, n := range nodes {
			r.nodes[string(n.ID)] = n
		}
		return nil
	})
}

func (r *runtime) node(ctx context.Context, id string) (*model.Node, error) {
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	if n := r.nodes[id]; n != nil {
		return n, nil
	}
	return nil, diag.New(diag.KeyError, fmt.Sprintf("deployment %s has no node %s", r.d.ID, id))
}

// Node returns a node's properties.
func (r *runtime) Node(ctx context.Context, id string) (*fn.NodeData, error) {
	n, err := r.node(ctx, id)
	if err != nil {
		return nil, err
	}
	properties, err := change.ToValue(n.Properties)
	return &fn.NodeData{ID: id, Properties: properties}, err
}

// NodeInstance returns an instance by id.
func (r *runtime) NodeInstance(ctx context.Context, id string) (*fn.NodeInstance, error) {
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	for _, i := range r.instances {
		if string(i.ID) == id {
			return instanceData(i)
		}
	}
	return nil, diag.New(diag.KeyError, fmt.Sprintf("deployment %s has no node instance %s", r.d.ID, id))
}

// NodeInstances returns the instances of a node.
func (r *runtime) NodeInstances(ctx context.Context, node string) ([]*fn.NodeInstance, error) {
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	var out []*fn.NodeInstance
	for _, i := range r.instances {
		if string(i.Node) != node {
			continue
		}
		data, err := instanceData(i)
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

func instanceData(i *model.NodeInstance) (*fn.NodeInstance, error) {
	properties, err := change.ToValue(i.RuntimeProperties)
	if err != nil {
		return nil, err
	}
	out := &fn.NodeInstance{ID: string(i.ID), NodeID: string(i.Node), Index: int64(i.Index), RuntimeProperties: properties}
	for _, rel := range i.Relationships {
		out.Relationships = append(out.Relationships, fn.InstanceRelationship{
			Type: rel.Type, TargetName: string(rel.TargetName), TargetID: string(rel.TargetID),
		})
	}
	for _, g := range i.ScalingGroups {
		out.ScalingGroups = append(out.ScalingGroups, fn.GroupRef{Name: g.Name, ID: g.ID})
	}
	return out, nil
}

// Inputs returns the deployment's inputs.
func (r *runtime) Inputs(context.Context) (*value.Map, error) { return change.ToValue(r.d.Inputs) }

// Secret returns the value of a secret that the deployment may use.
func (r *runtime) Secret(ctx context.Context, name string) (any, error) {
	return r.s.secretValue(ctx, r.d.Resource, name)
}

// Lookup answers what reaches beyond nodes and instances.
func (r *runtime) Lookup(ctx context.Context, kind fn.Kind, args []any) (any, error) {
	switch kind {
	case fn.Capability:
		if len(args) >= 2 {
			return r.capability(ctx, value.Text(args[0]), args[1:])
		}
	case fn.EnvironmentCapability:
		if parent := r.labels("csys-obj-parent"); len(parent) > 0 {
			return r.capability(ctx, value.Text(parent[0]), args)
		}
		return nil, evaluation("deployment %s has no environment: the label csys-obj-parent is not set", r.d.ID)
	case fn.Label:
		return r.label(args)
	case fn.Sys:
		return r.sys(args)
	}
	return nil, evaluation("%s of %v cannot be evaluated by this manager", kind, args)
}

func evaluation(format string, args ...any) error {
	return diag.New(diag.FunctionEvaluation, fmt.Sprintf(format, args...))
}

// capability evaluates a capability of another deployment of the tenant and follows the path into it.
func (r *runtime) capability(ctx context.Context, id string, path []any) (any, error) {
	other, err := r.s.ownDeployment(ctx, r.d.Tenant, model.DeploymentID(id))
	if fault.Is(err, fault.NotFound) {
		return nil, evaluation("Requested `Deployment` with ID `%s` was not found", id)
	}
	if err != nil {
		return nil, err
	}
	name := value.Text(path[0])
	entry, ok := other.Capabilities[name]
	if !ok {
		return nil, evaluation("Requested capability `%s` is not declared in deployment `%s`", name, id)
	}
	entries, err := change.ToValue(model.Document{name: entry})
	if err != nil {
		return nil, err
	}
	values, err := fn.EvaluateCapabilities(ctx, entries, r.s.runtime(other))
	if err != nil {
		return nil, err
	}
	v := values.At(name)
	for _, key := range path[1:] {
		if v, ok = step(v, key); !ok {
			return nil, evaluation("Attribute `%s` was not found in capability `%s` of deployment `%s`", value.Text(key), name, id)
		}
	}
	return v, nil
}

func step(v, key any) (any, bool) {
	switch v := v.(type) {
	case *value.Map:
		return v.Get(value.Text(key))
	case []any:
		n, ok := key.(int64)
		if !ok || n < 0 || int(n) >= len(v) {
			return nil, false
		}
		return v[n], true
	}
	return nil, false
}

// labels returns the values of a label key, by creation and then value.
func (r *runtime) labels(key string) []any {
	found := make([]model.Label, 0, 1)
	for _, l := range r.d.Labels {
		if l.Key == key {
			found = append(found, l)
		}
	}
	sort.SliceStable(found, func(i, j int) bool {
		if !found[i].CreatedAt.Equal(found[j].CreatedAt) {
			return found[i].CreatedAt.Before(found[j].CreatedAt)
		}
		return found[i].Value < found[j].Value
	})
	out := make([]any, len(found))
	for i, l := range found {
		out[i] = l.Value
	}
	return out
}

func (r *runtime) label(args []any) (any, error) {
	values := r.labels(value.Text(args[0]))
	if len(args) < 2 {
		return values, nil
	}
	n, ok := args[1].(int64)
	if !ok || n < 0 || int(n) >= len(values) {
		return nil, evaluation("deployment %s has %d values of the label %s; there is none at %s", r.d.ID, len(values),
			value.Text(args[0]), value.Text(args[1]))
	}
	return values[n], nil
}

func (r *runtime) sys(args []any) (any, error) {
	if len(args) == 2 {
		switch value.Text(args[0]) + "." + value.Text(args[1]) {
		case "tenant.name":
			return string(r.d.Tenant), nil
		case "deployment.id":
			return string(r.d.ID), nil
		case "deployment.name":
			return r.d.DisplayName, nil
		case "deployment.blueprint":
			return string(r.d.Blueprint), nil
		case "deployment.owner":
			return string(r.d.CreatedBy), nil
		}
	}
	return nil, evaluation("get_sys knows no %v", args)
}
