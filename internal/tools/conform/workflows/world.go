package workflows

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/workflow"
)

// blueprint is what the replayer needs of a parsed blueprint.
type blueprint struct {
	Nodes     []*model.Node
	Groups    map[string]model.ScalingGroup
	Workflows map[string]model.Workflow
}

// world is a manager with one deployment, its agents and the scripted plugin.
type world struct {
	nodes     []*model.Node
	instances []*model.NodeInstance
	groups    map[string]model.ScalingGroup
	plugin    plugin
	now       time.Time
	lastID    int
	counters  map[string]int
	records   []record
	updates   map[string]*update
	mods      map[string]*modification
}

func newWorld(c *testCase, bp *blueprint) *world {
	w := &world{
		nodes: bp.Nodes, groups: bp.Groups,
		plugin:   plugin{calls: make(map[invocationKey]int)},
		now:      time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
		counters: make(map[string]int),
		updates:  make(map[string]*update),
		mods:     make(map[string]*modification),
	}
	for _, i := range c.Instances {
		inst := &model.NodeInstance{
			ID: model.InstanceID(i.ID), Node: model.NodeID(i.NodeID), State: model.InstanceState(i.State),
			Relationships: slices.Clone(i.Relationships), ScalingGroups: i.ScalingGroups,
			RuntimeProperties: model.Document{}, SystemProperties: model.Document{},
		}
		if i.HostID != nil {
			inst.HostID = model.InstanceID(*i.HostID)
		}
		w.instances = append(w.instances, inst)
		w.count(string(inst.Node), i.ID)
		for _, g := range i.ScalingGroups {
			w.count(g.Name, g.ID)
		}
	}
	return w
}

// count makes the id generator go on after an id that exists.
func (w *world) count(name, id string) {
	var n int
	if _, err := fmt.Sscanf(id[len(name):], "_%d", &n); err == nil && n > w.counters[name] {
		w.counters[name] = n
	}
}

func (w *world) newInstanceID(name string) model.InstanceID {
	w.counters[name]++
	return model.InstanceID(fmt.Sprintf("%s_%06d", name, w.counters[name]))
}

func (w *world) newTaskID() model.TaskID {
	w.lastID++
	return model.TaskID(fmt.Sprintf("t%07d", w.lastID))
}

func (w *world) instance(id model.InstanceID) *model.NodeInstance {
	for _, i := range w.instances {
		if i.ID == id {
			return i
		}
	}
	return nil
}

// snapshot is a deep enough copy for a program or a run.
func (w *world) snapshot() *workflow.Snapshot {
	snap := &workflow.Snapshot{Deployment: "dep", Nodes: w.nodes, ScalingGroups: w.groups, Modifications: w.started()}
	for _, i := range w.instances {
		c := *i
		c.SystemProperties = maps.Clone(i.SystemProperties)
		snap.Instances = append(snap.Instances, &c)
	}
	return snap
}

func (w *world) add(r record) { w.records = append(w.records, r) }

// finalInstances are the instances in the form of the recordings.
func (w *world) finalInstances() []instance {
	var out []instance
	for _, i := range w.instances {
		f := instance{
			ID: string(i.ID), NodeID: string(i.Node), State: string(i.State), Relationships: slices.Clone(i.Relationships),
			ScalingGroups: i.ScalingGroups, RuntimeProperties: i.RuntimeProperties, SystemProperties: i.SystemProperties,
		}
		if i.HostID != "" {
			host := string(i.HostID)
			f.HostID = &host
		}
		out = append(out, f)
	}
	return out
}
