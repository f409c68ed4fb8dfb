package planning

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/rehearsal"
	"github.com/reifyhq/reify/internal/store"
)

// The actions of a change.
const (
	ActionAdd    = "add"
	ActionChange = "change"
	ActionRemove = "remove"
)

// InstanceChange is what happens to a node instance. An added one gets its real id when the plan is applied.
type InstanceChange struct {
	Action string              `json:"action"`
	ID     model.InstanceID    `json:"instance"`
	Node   model.NodeID        `json:"node"`
	From   model.InstanceState `json:"from,omitempty"`
	To     model.InstanceState `json:"to,omitempty"`
	// Operations counts the operations that run on it.
	Operations int `json:"operations"`
}

// NodeChange is what an update does to a node.
type NodeChange struct {
	Action     string           `json:"action"`
	Node       model.NodeID     `json:"node"`
	Properties []PropertyChange `json:"properties"`
}

// PropertyChange is a property that changes; a side that has none is null.
type PropertyChange struct {
	Name string `json:"name"`
	From any    `json:"from"`
	To   any    `json:"to"`
}

// world is the part of a deployment that a plan compares.
type world struct {
	nodes     []*model.Node
	instances []*model.NodeInstance
}

func (w world) copy() world {
	var out world
	for _, n := range w.nodes {
		c := *n
		out.nodes = append(out.nodes, &c)
	}
	for _, i := range w.instances {
		c := *i
		out.instances = append(out.instances, &c)
	}
	return out
}

// changes compares what was with what would be.
func (w world) changes(next world, steps []rehearsal.Step) ([]InstanceChange, []NodeChange) {
	operations := map[model.InstanceID]int{}
	for _, s := range steps {
		operations[s.On]++
	}
	is := map[model.InstanceID]*model.NodeInstance{}
	for _, i := range next.instances {
		is[i.ID] = i
	}
	instances := []InstanceChange{}
	was := map[model.InstanceID]bool{}
	for _, i := range w.instances {
		was[i.ID] = true
		c := InstanceChange{Action: ActionChange, ID: i.ID, Node: i.Node, From: i.State, Operations: operations[i.ID]}
		switch now := is[i.ID]; {
		case now == nil:
			c.Action = ActionRemove
		case now.State == i.State && c.Operations == 0:
			continue
		default:
			c.To = now.State
		}
		instances = append(instances, c)
	}
	for _, i := range next.instances {
		if !was[i.ID] {
			instances = append(instances, InstanceChange{Action: ActionAdd, ID: i.ID, Node: i.Node, To: i.State, Operations: operations[i.ID]})
		}
	}
	return instances, w.nodeChanges(next)
}

func (w world) nodeChanges(next world) []NodeChange {
	out := []NodeChange{}
	find := func(list []*model.Node, id model.NodeID) *model.Node {
		for _, n := range list {
			if n.ID == id {
				return n
			}
		}
		return nil
	}
	for _, n := range w.nodes {
		now := find(next.nodes, n.ID)
		if now == nil {
			out = append(out, NodeChange{ActionRemove, n.ID, []PropertyChange{}})
			continue
		}
		if list := differences(n.Properties, now.Properties); len(list) > 0 {
			out = append(out, NodeChange{ActionChange, n.ID, list})
		}
	}
	for _, n := range next.nodes {
		if find(w.nodes, n.ID) == nil {
			out = append(out, NodeChange{ActionAdd, n.ID, differences(nil, n.Properties)})
		}
	}
	return out
}

func differences(a, b model.Document) []PropertyChange {
	names := map[string]bool{}
	for k := range a {
		names[k] = true
	}
	for k := range b {
		names[k] = true
	}
	out := []PropertyChange{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !reflect.DeepEqual(a[name], b[name]) {
			out = append(out, PropertyChange{name, mask(name, a[name]), mask(name, b[name])})
		}
	}
	return out
}

// hidden matches the names of values that a plan does not show. Functions such as get_secret are shown: a plan never
// evaluates them.
var hidden = regexp.MustCompile(`(?i)passw|secret|token|private_?key|credential`)

// masking is shown in place of a hidden value.
const masking = "********"

func mask(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			if strings.HasPrefix(k, "get_") {
				out[k] = x
				continue
			}
			out[k] = mask(k, x)
		}
		return out
	case model.Document:
		return mask(name, map[string]any(v))
	case []any:
		out := make([]any, len(v))
		for k, x := range v {
			out[k] = mask(name, x)
		}
		return out
	case string:
		if v != "" && hidden.MatchString(name) {
			return masking
		}
	}
	return v
}

func masked(steps []rehearsal.Step) []rehearsal.Step {
	out := make([]rehearsal.Step, len(steps))
	for k, s := range steps {
		inputs := model.Document{}
		for name, v := range s.Inputs {
			inputs[name] = mask(name, v)
		}
		s.Inputs = inputs
		out[k] = s
	}
	return out
}

// remembered is how many events of a deployment's operations an estimate looks at.
const remembered = 4000

// history knows how long operations took: by operation and node.
type history map[[2]string]time.Duration

// remember reads the latest operations of a deployment.
func remember(tx store.Reader, d *model.Deployment) (history, error) {
	page, err := tx.Events(store.EventQuery{
		Scope: store.Scope{Tenants: []model.TenantName{d.Tenant}, Admin: true}, Kinds: []model.EventKind{model.KindEvent}, Limit: remembered,
		Where: []store.Condition{{Field: "deployment_id", Values: []string{string(d.ID)}},
			{Field: "event_type", Values: []string{string(model.EventTaskStarted), string(model.EventTaskSucceeded)}}},
		Sort: []store.Order{{Field: "timestamp", Desc: true}},
	})
	if err != nil {
		return nil, err
	}
	type key struct {
		x         model.ExecutionID
		operation string
		instance  model.InstanceID
	}
	ends := map[key]time.Time{}
	sum, count := map[[2]string]time.Duration{}, map[[2]string]int{}
	for _, e := range page.Items {
		if e.Operation == "" {
			continue
		}
		k := key{e.Execution, e.Operation, e.Instance}
		if e.EventType == model.EventTaskSucceeded {
			ends[k] = e.Timestamp
			continue
		}
		if end, ok := ends[k]; ok {
			of := [2]string{e.Operation, nodeOf(e.Instance)}
			sum[of] += end.Sub(e.Timestamp)
			count[of]++
			delete(ends, k)
		}
	}
	out := history{}
	for of, n := range count {
		out[of] = sum[of] / time.Duration(n)
	}
	return out, nil
}

// nodeOf is the node of an instance id.
func nodeOf(id model.InstanceID) string {
	at := strings.LastIndexByte(string(id), '_')
	return string(id)[:max(at, 0)]
}

// estimate adds up the longest way through the steps.
func (h history) estimate(steps []rehearsal.Step) *Estimate {
	e := &Estimate{}
	ends := map[int]time.Duration{}
	var phase int
	var begin, latest time.Duration
	for _, s := range steps {
		if s.Phase != phase {
			phase, begin = s.Phase, latest
		}
		start := begin
		for _, before := range s.After {
			start = max(start, ends[before])
		}
		took, ok := h[[2]string{s.Operation, string(s.Node)}]
		if ok {
			e.Known++
		} else {
			e.Unknown++
		}
		ends[s.ID] = start + took
		latest = max(latest, ends[s.ID])
	}
	if e.Known == 0 {
		return nil
	}
	e.Seconds = latest.Seconds()
	return e
}
