package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// Node is a node of a deployment.
type Node struct {
	ID              model.NodeID       `json:"id"`
	Deployment      model.DeploymentID `json:"deployment_id"`
	Blueprint       model.BlueprintID  `json:"blueprint_id"`
	Type            string             `json:"type"`
	TypeHierarchy   []string           `json:"type_hierarchy"`
	HostID          model.NodeID       `json:"host_id"`
	Properties      model.Document     `json:"properties"`
	Operations      Raw                `json:"operations,omitempty"`
	Relationships   []NodeRelationship `json:"relationships"`
	Plugins         Raw                `json:"plugins,omitempty"`
	Number          int                `json:"number_of_instances"`
	Planned         int                `json:"planned_number_of_instances"`
	Deploy          int                `json:"deploy_number_of_instances"`
	Min             int                `json:"min_number_of_instances"`
	Max             int                `json:"max_number_of_instances"`
	Visibility      model.Visibility   `json:"visibility"`
	Tenant          model.TenantName   `json:"tenant_name"`
	CreatedBy       model.UserName     `json:"created_by"`
	DeploymentName  string             `json:"deployment_display_name"`
	UnavailableOnes int                `json:"unavailable_instances"`
	DriftedOnes     int                `json:"drifted_instances"`
}

// NodeRelationship is a relationship of a node, without its operations.
type NodeRelationship struct {
	Type          string         `json:"type"`
	TargetID      model.NodeID   `json:"target_id"`
	TypeHierarchy []string       `json:"type_hierarchy"`
	Properties    model.Document `json:"properties"`
}

// NodeQuery selects nodes. Empty fields select all.
type NodeQuery struct {
	Deployment model.DeploymentID
	ID         model.NodeID
	// Evaluate replaces intrinsic functions in properties by their values.
	Evaluate bool
	// Self is the instance that SELF stands for when functions are evaluated.
	Self model.InstanceID
	ListOptions
}

// ListNodes returns the nodes of the query.
func (c *Client) ListNodes(ctx context.Context, n NodeQuery) (Page[Node], error) {
	q := n.values()
	setText(q, "deployment_id", n.Deployment)
	setText(q, "id", n.ID)
	setTrue(q, "_evaluate_functions", n.Evaluate)
	setText(q, "_instance_context", n.Self)
	return get[Page[Node]](ctx, c, path("nodes"), q)
}

// GetNode returns one node of a deployment.
func (c *Client) GetNode(ctx context.Context, d model.DeploymentID, id model.NodeID, evaluate bool) (Node, error) {
	page, err := c.ListNodes(ctx, NodeQuery{Deployment: d, ID: id, Evaluate: evaluate})
	if err != nil {
		return Node{}, err
	}
	if len(page.Items) == 0 {
		missing := fault.Missing("Node", string(id))
		return Node{}, &Error{Status: http.StatusNotFound, Code: missing.Code, Message: missing.Message}
	}
	return page.Items[0], nil
}

// NodeInstance is a runtime copy of a node.
type NodeInstance struct {
	ID                model.InstanceID             `json:"id"`
	Node              model.NodeID                 `json:"node_id"`
	Deployment        model.DeploymentID           `json:"deployment_id"`
	HostID            model.InstanceID             `json:"host_id"`
	Index             int                          `json:"index"`
	State             model.InstanceState          `json:"state"`
	Version           int                          `json:"version"`
	Relationships     []model.InstanceRelationship `json:"relationships"`
	ScalingGroups     []model.GroupMembership      `json:"scaling_groups"`
	RuntimeProperties model.Document               `json:"runtime_properties"`
	SystemProperties  model.Document               `json:"system_properties"`
	HasDrift          bool                         `json:"has_configuration_drift"`
	IsStatusOK        bool                         `json:"is_status_check_ok"`
	Visibility        model.Visibility             `json:"visibility"`
	Tenant            model.TenantName             `json:"tenant_name"`
	CreatedBy         model.UserName               `json:"created_by"`
}

// InstanceQuery selects node instances. Empty fields select all.
type InstanceQuery struct {
	Deployment model.DeploymentID
	Node       model.NodeID
	ListOptions
}

// ListNodeInstances returns the node instances of the query.
func (c *Client) ListNodeInstances(ctx context.Context, i InstanceQuery) (Page[NodeInstance], error) {
	q := i.values()
	setText(q, "deployment_id", i.Deployment)
	setText(q, "node_id", i.Node)
	return get[Page[NodeInstance]](ctx, c, path("node-instances"), q)
}

// GetNodeInstance returns a node instance; evaluate replaces intrinsic functions in its runtime properties.
func (c *Client) GetNodeInstance(ctx context.Context, id model.InstanceID, evaluate bool) (NodeInstance, error) {
	q := url.Values{}
	setTrue(q, "_evaluate_functions", evaluate)
	return get[NodeInstance](ctx, c, path("node-instances", string(id)), q)
}

// InstanceUpdate is a change of a node instance. Version is the one the change is based on; nil fields stay.
type InstanceUpdate struct {
	Version           int                  `json:"version"`
	State             *model.InstanceState `json:"state,omitempty"`
	RuntimeProperties model.Document       `json:"runtime_properties,omitzero"`
	SystemProperties  model.Document       `json:"system_properties,omitzero"`
}

// UpdateNodeInstance changes an instance. When it was changed since u.Version the answer is a conflict (IsConflict),
// unless force is set.
func (c *Client) UpdateNodeInstance(
	ctx context.Context, id model.InstanceID, u InstanceUpdate, force bool,
) (NodeInstance, error) {
	q := url.Values{}
	setTrue(q, "force", force)
	return send[NodeInstance](ctx, c, request{
		method: http.MethodPatch, path: path("node-instances", string(id)), query: q, json: u,
	})
}
