package rehearsal

import (
	"slices"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// errOutside answers what a rehearsal has no copy of.
var errOutside = fault.New(fault.IllegalAction, "this workflow changes more than its deployment; it cannot be planned")

// scene is a copy of a deployment that changes like the stored one would. It is a store.Tx of this one deployment: what is
// outside is taken to be there and as it should, and is never changed. Everything that a scene does not answer is an
// error of its embedded stage.
type scene struct {
	stage
	w *World
}

// stage refuses what a rehearsal never needs. Its nil Tx is never called: every method that package change and package
// dependency use is a method of scene, which a test of this package checks by rehearsing every kind of change.
type stage struct{ store.Tx }

func copyOf[T any](v *T) *T {
	c := *v
	return &c
}

func copiesOf[T any](list []*T) []*T {
	out := make([]*T, len(list))
	for k, v := range list {
		out[k] = copyOf(v)
	}
	return out
}

func (s *scene) Deployment(t model.TenantName, id model.DeploymentID) (*model.Deployment, error) {
	if id == s.w.Deployment.ID {
		return copyOf(s.w.Deployment), nil
	}
	return &model.Deployment{Resource: model.Resource{Tenant: t}, ID: id}, nil
}

func (s *scene) UpdateDeployment(d *model.Deployment) error {
	if d.ID == s.w.Deployment.ID {
		s.w.Deployment = copyOf(d)
	}
	return nil
}

func (s *scene) DeleteDeployment(model.TenantName, model.DeploymentID) error { return errOutside }

func (s *scene) Children(model.TenantName, model.DeploymentID) ([]*model.Deployment, error) {
	return nil, nil
}

func (s *scene) Dependencies(store.Query) (store.Page[*model.Dependency], error) {
	return store.Page[*model.Dependency]{}, nil
}

func (s *scene) InsertDependency(*model.Dependency) error { return nil }
func (s *scene) UpdateDependency(*model.Dependency) error { return nil }

func (s *scene) DeleteDependency(model.TenantName, model.DependencyID) error { return nil }

func (s *scene) Blueprint(_ model.TenantName, id model.BlueprintID) (*model.Blueprint, error) {
	for _, b := range s.w.Blueprints {
		if b.ID == id {
			return copyOf(b), nil
		}
	}
	return nil, fault.Missing("Blueprint", string(id))
}

func (s *scene) DeploymentNodes(model.TenantName, model.DeploymentID) ([]*model.Node, error) {
	return copiesOf(s.w.Nodes), nil
}

func (s *scene) InsertNodes(nodes []*model.Node) error {
	s.w.Nodes = append(s.w.Nodes, copiesOf(nodes)...)
	return nil
}

func (s *scene) UpdateNode(n *model.Node) error {
	for k, o := range s.w.Nodes {
		if o.ID == n.ID {
			s.w.Nodes[k] = copyOf(n)
			return nil
		}
	}
	return fault.Missing("Node", string(n.ID))
}

func (s *scene) DeleteNode(_ model.TenantName, _ model.DeploymentID, id model.NodeID) error {
	s.w.Nodes = slices.DeleteFunc(s.w.Nodes, func(n *model.Node) bool { return n.ID == id })
	return nil
}

func (s *scene) DeploymentInstances(model.TenantName, model.DeploymentID) ([]*model.NodeInstance, error) {
	return copiesOf(s.w.Instances), nil
}

func (s *scene) Instance(_ model.TenantName, id model.InstanceID) (*model.NodeInstance, error) {
	for _, i := range s.w.Instances {
		if i.ID == id {
			return copyOf(i), nil
		}
	}
	return nil, fault.Missing("NodeInstance", string(id))
}

func (s *scene) InsertInstances(list []*model.NodeInstance) error {
	s.w.Instances = append(s.w.Instances, copiesOf(list)...)
	return nil
}

func (s *scene) UpdateInstance(i *model.NodeInstance) error {
	for k, o := range s.w.Instances {
		if o.ID == i.ID {
			s.w.Instances[k] = copyOf(i)
			return nil
		}
	}
	return fault.Missing("NodeInstance", string(i.ID))
}

func (s *scene) DeleteInstance(_ model.TenantName, id model.InstanceID) error {
	s.w.Instances = slices.DeleteFunc(s.w.Instances, func(i *model.NodeInstance) bool { return i.ID == id })
	return nil
}

func (s *scene) Modification(_ model.TenantName, id model.ModificationID) (*model.Modification, error) {
	for _, m := range s.w.Modifications {
		if m.ID == id {
			return copyOf(m), nil
		}
	}
	return nil, fault.Missing("DeploymentModification", string(id))
}

// Modifications returns the started ones: nothing else is asked for.
func (s *scene) Modifications(store.Query) (store.Page[*model.Modification], error) {
	var out []*model.Modification
	for _, m := range s.w.Modifications {
		if m.Status == model.ModificationStarted {
			out = append(out, copyOf(m))
		}
	}
	return store.Page[*model.Modification]{Items: out, Total: len(out)}, nil
}

func (s *scene) InsertModification(m *model.Modification) error {
	s.w.Modifications = append(s.w.Modifications, copyOf(m))
	return nil
}

func (s *scene) UpdateModification(m *model.Modification) error {
	for k, o := range s.w.Modifications {
		if o.ID == m.ID {
			s.w.Modifications[k] = copyOf(m)
		}
	}
	return nil
}

func (s *scene) DeploymentUpdate(model.TenantName, model.UpdateID) (*model.DeploymentUpdate, error) {
	if s.w.Update == nil {
		return nil, fault.New(fault.NotFound, "nothing is being updated")
	}
	return copyOf(s.w.Update), nil
}

func (s *scene) UpdateDeploymentUpdate(u *model.DeploymentUpdate) error {
	s.w.Update = copyOf(u)
	return nil
}

// Execution, Executions, GraphTasks and PutTasks concern other executions, which a rehearsal leaves alone.
func (s *scene) Execution(id model.ExecutionID) (*model.Execution, error) {
	return nil, fault.Missing("Execution", string(id))
}

func (s *scene) Executions(store.Query) (store.Page[*model.Execution], error) {
	return store.Page[*model.Execution]{}, nil
}

func (s *scene) GraphTasks(model.GraphID) ([]*model.Task, error) { return nil, nil }
func (s *scene) PutTasks([]*model.Task) error                    { return nil }
