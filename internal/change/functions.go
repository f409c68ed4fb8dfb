package change

import (
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// PlanFunction is a use of another deployment's capability in a plan (dsl, section 12).
type PlanFunction struct {
	Identifier string `json:"function_identifier"`
	// Target is the id of the other deployment, null when it is computed, and what computes it.
	Target  [2]any         `json:"target_deployment"`
	Context model.Document `json:"context"`
	// Node and Peer are the nodes of the instances that Context names: those of self and target.
	Node model.NodeID `json:"node,omitempty"`
	Peer model.NodeID `json:"peer,omitempty"`
}

// placeFunctions notes which nodes functions belong to, so that they outlive the instances of the plan.
func (p *Plan) placeFunctions() {
	nodes := map[any]model.NodeID{}
	for _, i := range p.Instances {
		nodes[string(i.ID)] = i.Node
	}
	for k := range p.Functions {
		f := &p.Functions[k]
		f.Node, f.Peer = nodes[f.Context["self"]], nodes[f.Context["target"]]
	}
}

// Dependencies returns what the functions of the plan depend on, for the given instances of the deployment: one for each
// place and target, and for computed targets one for each instance whose view decides.
func (p *Plan) Dependencies(d *model.Deployment, instances []*model.NodeInstance) []*model.Dependency {
	var out []*model.Dependency
	seen := map[string]bool{}
	for _, f := range p.Functions {
		if id, ok := f.Target[0].(string); ok && id != "" {
			if !seen[f.Identifier+"\x00"+id] {
				seen[f.Identifier+"\x00"+id] = true
				out = append(out, p.dependency(d, f, model.DeploymentID(id), model.Document{}))
			}
			continue
		}
		place := f.Identifier + "\x00" + string(f.Node) + "\x00" + string(f.Peer)
		if seen[place] {
			continue
		}
		seen[place] = true
		for _, c := range f.contexts(instances) {
			out = append(out, p.dependency(d, f, "", c))
		}
	}
	return out
}

func (p *Plan) dependency(d *model.Deployment, f PlanFunction, target model.DeploymentID, seenFrom model.Document) *model.Dependency {
	return &model.Dependency{
		Resource: model.Resource{Tenant: d.Tenant, CreatedBy: d.CreatedBy, Visibility: d.Visibility},
		Creator:  f.Identifier, Source: d.ID, Target: target,
		TargetFunction: model.Document{"function": f.Target[1], "context": map[string]any(seenFrom)},
	}
}

// contexts are what SELF, SOURCE and TARGET mean at the place of the function, once for each instance there.
func (f PlanFunction) contexts(instances []*model.NodeInstance) []model.Document {
	if f.Node == "" {
		return []model.Document{{}}
	}
	var out []model.Document
	for _, i := range instances {
		if i.Node != f.Node {
			continue
		}
		c := model.Document{"self": string(i.ID)}
		if f.Peer != "" {
			at := slices.IndexFunc(i.Relationships, func(r model.InstanceRelationship) bool { return r.TargetName == f.Peer })
			if at < 0 {
				continue
			}
			c["source"], c["target"] = string(i.ID), string(i.Relationships[at].TargetID)
		}
		out = append(out, c)
	}
	return out
}
