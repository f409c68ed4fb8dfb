// Package scripttest is a manager in memory for tests of what runs operations: nodes, instances with versions, files, and
// the records that were posted. It is test code: only tests import it.
package scripttest

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/script"
)

// Manager answers like a manager. Fill the maps before use; it is then safe for concurrent use.
type Manager struct {
	Nodes     map[model.NodeID]*model.Node
	Instances map[model.InstanceID]*model.NodeInstance
	// Files are the contents below /resources/ by path, Documents the answers of Get by path.
	Files     map[string]string
	Documents map[string]string
	// Status is the status of every execution, started when empty; Refuse makes every call fail with it.
	Status model.ExecutionStatus
	Refuse error

	mu      sync.Mutex
	records []script.Record
	batches []script.Batch
	saves   []model.InstanceID
}

// New returns a manager with nothing in it.
func New() *Manager {
	return &Manager{
		Nodes: map[model.NodeID]*model.Node{}, Instances: map[model.InstanceID]*model.NodeInstance{},
		Files: map[string]string{}, Documents: map[string]string{},
	}
}

var _ script.Manager = (*Manager)(nil)

// Node returns a node.
func (m *Manager) Node(_ context.Context, _ model.DeploymentID, id model.NodeID, _ model.InstanceID) (*model.Node, error) {
	if n := m.Nodes[id]; n != nil {
		return n, nil
	}
	return nil, fault.Missing("Node", string(id))
}

// NodeInstance returns a copy of an instance.
func (m *Manager) NodeInstance(_ context.Context, id model.InstanceID) (*model.NodeInstance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.Instances[id]
	if i == nil {
		return nil, fault.Missing("NodeInstance", string(id))
	}
	c := *i
	data, err := json.Marshal(i.RuntimeProperties)
	if err != nil {
		return nil, err
	}
	return &c, json.Unmarshal(data, &c.RuntimeProperties)
}

// UpdateNodeInstance stores runtime properties and refuses a version that is not the current one.
func (m *Manager) UpdateNodeInstance(_ context.Context, id model.InstanceID, version int, properties model.Document,
	_ model.InstanceState) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.Instances[id]
	if i == nil {
		return fault.Missing("NodeInstance", string(id))
	}
	if i.Version > version {
		return fault.New(fault.Conflict, "conflict")
	}
	i.Version++
	i.RuntimeProperties = maps.Clone(properties)
	m.saves = append(m.saves, id)
	return nil
}

// PostEvents keeps the batch.
func (m *Manager) PostEvents(_ context.Context, batch script.Batch) error {
	if m.Refuse != nil {
		return m.Refuse
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches = append(m.batches, batch)
	m.records = append(append(m.records, batch.Logs...), batch.Events...)
	return nil
}

// Emit keeps one record, for use as script.Request.Emit.
func (m *Manager) Emit(r script.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, r)
}

// Evaluate replaces every {"get_secret": name} by "secret " and the name.
func (m *Manager) Evaluate(_ context.Context, _ model.DeploymentID, _ script.Scope, d model.Document) (model.Document, error) {
	out := model.Document{}
	for key, value := range d {
		if f, ok := value.(map[string]any); ok && f["get_secret"] != nil {
			value = "secret " + f["get_secret"].(string)
		}
		out[key] = value
	}
	return out, nil
}

// Download opens a file.
func (m *Manager) Download(_ context.Context, path string) (io.ReadCloser, error) {
	text, ok := m.Files[path]
	if !ok {
		return nil, fault.New(fault.NotFound, "no file %s", path)
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// Get returns a document.
func (m *Manager) Get(_ context.Context, path string) (json.RawMessage, error) {
	text, ok := m.Documents[path]
	if !ok {
		return nil, fault.New(fault.NotFound, "no document %s", path)
	}
	return json.RawMessage(text), nil
}

// ExecutionStatus returns Status.
func (m *Manager) ExecutionStatus(context.Context, model.ExecutionID) (model.ExecutionStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Refuse != nil {
		return "", m.Refuse
	}
	if m.Status == "" {
		return model.ExecutionStarted, nil
	}
	return m.Status, nil
}

// SetStatus changes Status while operations run.
func (m *Manager) SetStatus(s model.ExecutionStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Status = s
}

// Records returns what was logged so far.
func (m *Manager) Records() []script.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records)
}

// Lines returns the texts of the log lines of a level.
func (m *Manager) Lines(level string) []string {
	var lines []string
	for _, r := range m.Records() {
		if r.Type == model.KindLog && r.Level == level {
			lines = append(lines, r.Message.Text)
		}
	}
	return lines
}

// Batches returns the batches posted so far.
func (m *Manager) Batches() []script.Batch {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.batches)
}

// Saves returns the instances in the order in which they were stored.
func (m *Manager) Saves() []model.InstanceID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.saves)
}

// Properties returns the stored runtime properties of an instance.
func (m *Manager) Properties(id model.InstanceID) model.Document {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.Instances[id].RuntimeProperties)
}
