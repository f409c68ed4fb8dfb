// Package remote lets operations reach their manager over its REST API: it implements script.Manager on package client
// with the token of the operation's execution.
//
// It translates and nothing else: no caching, no batching; an update whose answer was lost is settled, and Patient waits
// for a manager that is away. It is safe for concurrent use.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/script"
)

// Manager is a manager seen through its API.
type Manager struct{ c *client.Client }

var (
	_ script.Manager      = (*Manager)(nil)
	_ script.AgentScripts = (*Manager)(nil)
)

// New returns the manager behind a client.
func New(c *client.Client) *Manager { return &Manager{c: c} }

// faultOf gives an error of the API the form that package script expects.
func faultOf(err error) error {
	var e *client.Error
	if errors.As(err, &e) {
		return fault.Wrap(err, e.Code, "%s", e.Message)
	}
	return err
}

// Node returns a node with its functions evaluated as seen from the instance self.
func (m *Manager) Node(ctx context.Context, d model.DeploymentID, id model.NodeID, self model.InstanceID) (*model.Node, error) {
	page, err := m.c.ListNodes(ctx, client.NodeQuery{Deployment: d, ID: id, Evaluate: true, Self: self})
	if err != nil {
		return nil, faultOf(err)
	}
	if len(page.Items) == 0 {
		return nil, fault.Missing("Node", string(id))
	}
	n := page.Items[0]
	out := &model.Node{
		ID: n.ID, Deployment: n.Deployment, Type: n.Type, TypeHierarchy: n.TypeHierarchy, HostID: n.HostID, Properties: n.Properties,
		Number: n.Number, Planned: n.Planned, Deploy: n.Deploy, Min: n.Min, Max: n.Max,
	}
	for _, r := range n.Relationships {
		out.Relationships = append(out.Relationships, model.NodeRelationship{
			Type: r.Type, TargetID: r.TargetID, TypeHierarchy: r.TypeHierarchy, Properties: r.Properties,
		})
	}
	return out, nil
}

// NodeInstance returns a node instance with its functions evaluated.
func (m *Manager) NodeInstance(ctx context.Context, id model.InstanceID) (*model.NodeInstance, error) {
	i, err := m.c.GetNodeInstance(ctx, id, true)
	if err != nil {
		return nil, faultOf(err)
	}
	return &model.NodeInstance{
		ID: i.ID, Node: i.Node, Deployment: i.Deployment, HostID: i.HostID, Index: i.Index, State: i.State, Version: i.Version,
		Relationships: i.Relationships, ScalingGroups: i.ScalingGroups, RuntimeProperties: i.RuntimeProperties,
		SystemProperties: i.SystemProperties,
	}, nil
}

// UpdateNodeInstance stores all runtime properties under the version and the state that were read.
func (m *Manager) UpdateNodeInstance(ctx context.Context, id model.InstanceID, version int, properties model.Document,
	state model.InstanceState,
) error {
	update := client.InstanceUpdate{Version: version, State: &state, RuntimeProperties: properties}
	_, err := m.c.UpdateNodeInstance(ctx, id, update, false)
	var lost *client.Unreachable
	if !errors.As(err, &lost) || ctx.Err() != nil {
		return faultOf(err)
	}
	// Whether the manager has taken the update shows in what it has now.
	now, readErr := m.c.GetNodeInstance(ctx, id, false)
	switch {
	case readErr != nil:
		return faultOf(err)
	case now.Version > version && sameDocument(now.RuntimeProperties, properties):
		return nil
	case now.Version == version:
		_, err = m.c.UpdateNodeInstance(ctx, id, update, false)
		return faultOf(err)
	}
	return fault.New(fault.Conflict, "Node instance %s was changed by somebody else while the manager could not be reached", id)
}

func sameDocument(a, b model.Document) bool {
	x, errX := model.EncodeJSON(a)
	y, errY := model.EncodeJSON(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// PostEvents stores logs and events.
func (m *Manager) PostEvents(ctx context.Context, batch script.Batch) error {
	return faultOf(m.c.Post(ctx, "events", batch))
}

// Evaluate returns the document with its intrinsic functions evaluated in the scope.
func (m *Manager) Evaluate(ctx context.Context, d model.DeploymentID, scope script.Scope, document model.Document) (model.Document, error) {
	in := client.EvaluateContext{Self: scope.Self, Source: scope.Source, Target: scope.Target}
	out, err := m.c.Evaluate(ctx, d, in, document)
	return out, faultOf(err)
}

// Download opens a file below /resources/.
func (m *Manager) Download(ctx context.Context, path string) (io.ReadCloser, error) {
	d, err := m.c.Resource(ctx, path)
	if err != nil {
		return nil, faultOf(err)
	}
	return d.Body, nil
}

// Open opens a file of the API, such as plugins/ID/archive.
func (m *Manager) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	d, err := m.c.Open(ctx, path)
	if err != nil {
		return nil, faultOf(err)
	}
	return d.Body, nil
}

// Put writes a JSON document of the API, such as the state of a plugin.
func (m *Manager) Put(ctx context.Context, path string, body any) error {
	return faultOf(m.c.Put(ctx, path, body))
}

// Get reads anything else.
func (m *Manager) Get(ctx context.Context, path string) (json.RawMessage, error) {
	raw, err := m.c.Get(ctx, path)
	return raw, faultOf(err)
}

// ExecutionStatus returns the status of an execution.
func (m *Manager) ExecutionStatus(ctx context.Context, id model.ExecutionID) (model.ExecutionStatus, error) {
	x, err := m.c.GetExecution(ctx, id, "status")
	return x.Status, faultOf(err)
}

// AgentScript makes the account of the agent of a host and returns the script that installs it there.
func (m *Manager) AgentScript(ctx context.Context, name string, host model.InstanceID, settings model.Document) (string, error) {
	body := model.Document{"node_instance_id": host}
	for k, v := range settings {
		body[k] = v
	}
	s, err := m.c.AgentScriptWith(ctx, name, body)
	return s.Script, faultOf(err)
}
