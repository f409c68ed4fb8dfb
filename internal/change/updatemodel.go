package change

import (
	"errors"
	"reflect"
	"slices"

	"github.com/reifyhq/reify/internal/dependency"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// attributes gives the deployment what is its own in the new plan; labels are only ever added (workflows, section 12.5).
func (up *updating) attributes() error {
	d, p := up.d, up.next
	d.Workflows, d.Outputs, d.Description, d.Capabilities = p.Workflows, p.Outputs, p.Description, p.Capabilities
	d.Inputs, d.RuntimeOnlyEvaluation, d.Blueprint = p.Inputs, up.u.RuntimeOnlyEvaluation, up.u.NewBlueprint
	d.Labels = append(d.Labels, p.NewLabels(d, up.env.Now)...)
	if d.Workflows == nil {
		d.Workflows = map[string]model.Workflow{}
	}
	return dependency.Relabel(up.tx, dependency.Env{Now: up.env.Now, NewID: up.env.NewID}, d)
}

// dependencies makes what the functions of the new plan depend on the dependencies of the deployment. Instances that the
// update adds count, those that it removes do not.
func (up *updating) dependencies() error {
	in, err := up.moving()
	if err != nil {
		return err
	}
	var list []*model.NodeInstance
	removed, _ := divide(in.Removed, markRemoved)
	for _, i := range up.instances {
		if !slices.Contains(removed, i.ID) {
			list = append(list, i)
		}
	}
	for k := range in.Added {
		if in.Added[k].Mark == markAdded {
			list = append(list, &in.Added[k].NodeInstance)
		}
	}
	_, err = dependency.Replace(up.tx, dependency.Env{Now: up.env.Now, NewID: up.env.NewID}, up.d.Tenant, up.d.ID,
		up.next.Dependencies(up.d, list))
	return err
}

// changeNodes brings nodes up to date and creates new ones. Relationships that are gone stay until nothing is done with
// them any more.
func (up *updating) changeNodes() error {
	var fresh []*model.Node
	for _, n := range up.next.NewNodes(up.d) {
		old := up.node(n.ID)
		if old == nil {
			n.CreatedAt = up.env.Now
			fresh = append(fresh, n)
			continue
		}
		n.Resource = old.Resource
		for _, r := range old.Relationships {
			if !hasRelationship(n.Relationships, r) {
				n.Relationships = append(slices.Clip(n.Relationships), r)
			}
		}
		if err := up.tx.UpdateNode(n); err != nil {
			return err
		}
	}
	return up.tx.InsertNodes(fresh)
}

func hasRelationship(list []model.NodeRelationship, r model.NodeRelationship) bool {
	return slices.ContainsFunc(list, func(o model.NodeRelationship) bool { return o.Type == r.Type && o.TargetID == r.TargetID })
}

func (up *updating) moving() (model.ModificationInstances, error) {
	if up.u.Instances == nil {
		return model.ModificationInstances{}, fault.New(fault.IllegalAction,
			"deployment update %s does not know yet what changes; start the update again", up.u.ID)
	}
	return *up.u.Instances, nil
}

func (up *updating) changeInstances() error {
	in, err := up.moving()
	if err != nil {
		return err
	}
	return up.extend(in)
}

// dropRelationships deletes the relationships that are gone, and puts those that stay in the order of the plan.
func (up *updating) dropRelationships() error {
	in, err := up.moving()
	if err != nil {
		return err
	}
	for _, n := range up.nodes {
		p := up.wanted(n.ID)
		if p == nil {
			continue
		}
		n.Relationships = p.Relationships
		if err := up.tx.UpdateNode(n); err != nil {
			return err
		}
	}
	if err := up.reduce(in); err != nil {
		return err
	}
	for _, i := range up.instances {
		if up.wanted(i.Node) == nil {
			continue
		}
		list := up.sorted(i.Node, slices.Clone(i.Relationships))
		if slices.Equal(list, i.Relationships) {
			continue
		}
		i.Relationships = list
		if err := up.put(i); err != nil {
			return err
		}
	}
	return nil
}

func (up *updating) dropInstances() error {
	in, err := up.moving()
	if err != nil {
		return err
	}
	removed, _ := divide(in.Removed, markRemoved)
	return up.drop(removed)
}

func (up *updating) dropNodes() error {
	var errs []error
	for _, n := range up.nodes {
		if up.wanted(n.ID) == nil {
			errs = append(errs, up.tx.DeleteNode(up.d.Tenant, up.d.ID, n.ID))
		}
	}
	return errors.Join(errs...)
}

// operations brings the stored operations of executions that may go on up to date, so that a resume runs what the new
// blueprint says (workflows, section 12.5, update-stored).
func (up *updating) operations() error {
	page, err := up.tx.Executions(store.Query{
		Scope: store.Scope{Tenants: []model.TenantName{up.d.Tenant}, Admin: true}, Limit: -1,
		Where: []store.Condition{
			{Field: "deployment_id", Values: []string{string(up.d.ID)}},
			{Field: "status", Values: []string{string(model.ExecutionPending), string(model.ExecutionStarted),
				string(model.ExecutionCancelled), string(model.ExecutionFailed)}},
		},
	})
	if err != nil {
		return err
	}
	for _, x := range page.Items {
		if x.ID == up.u.Execution || x.Progress.Graph == "" {
			continue
		}
		tasks, err := up.tx.GraphTasks(x.Progress.Graph)
		if err != nil {
			return err
		}
		var changed []*model.Task
		for _, t := range tasks {
			isOpen := t.State == model.TaskPending || t.State == model.TaskFailed || t.State == model.TaskRescheduled
			if isOpen && up.renew(t.Parameters.Operation) {
				changed = append(changed, t)
			}
		}
		if err := up.tx.PutTasks(changed); err != nil {
			return err
		}
	}
	return nil
}

// renew gives a stored call the operation of the new plan; what the caller had laid over the inputs stays.
func (up *updating) renew(call *model.OperationCall) bool {
	if call == nil {
		return false
	}
	next, ok := up.declared(call)
	if !ok || reflect.DeepEqual(next, call.Operation) {
		return false
	}
	kwargs := model.Document{}
	for k, v := range next.Inputs {
		kwargs[k] = v
	}
	for k, v := range call.Kwargs {
		if was, isInput := call.Operation.Inputs[k]; !isInput || !reflect.DeepEqual(was, v) {
			kwargs[k] = v
		}
	}
	call.Operation, call.Kwargs = next, kwargs
	return true
}

// declared finds the operation of a call in the new plan.
func (up *updating) declared(call *model.OperationCall) (model.Operation, bool) {
	side := func(source, target model.NodeID, of func(model.NodeRelationship) map[string]model.Operation) (model.Operation, bool) {
		if n := up.wanted(source); n != nil {
			for _, r := range slices.Backward(n.Relationships) {
				if r.TargetID == target {
					op, ok := of(r)[call.Name]
					return op, ok
				}
			}
		}
		return model.Operation{}, false
	}
	switch call.Side {
	case "source":
		return side(call.Node, call.RelatedNode, func(r model.NodeRelationship) map[string]model.Operation { return r.SourceOperations })
	case "target":
		return side(call.RelatedNode, call.Node, func(r model.NodeRelationship) map[string]model.Operation { return r.TargetOperations })
	}
	if n := up.wanted(call.Node); n != nil {
		op, ok := n.Operations[call.Name]
		return op, ok
	}
	return model.Operation{}, false
}
