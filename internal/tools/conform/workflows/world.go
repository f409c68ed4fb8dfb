package workflows

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/workflow"
)

// world is a manager with one deployment, its agents and the scripted plugin.
type world struct {
	bp        *blueprint
	instances []*model.NodeInstance
	plugin    plugin
	now       time.Time
	lastID    int
	counters  map[string]int
	records   []record
	inputs    model.Document
	updates   map[string]*update
	mods      map[string]*modification
}

// newWorld deploys the main blueprint of a case.
func newWorld(c *testCase) (*world, error) {
	w := &world{
		plugin:   plugin{calls: make(map[invocationKey]int)},
		now:      time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
		counters: make(map[string]int),
		updates:  make(map[string]*update),
		mods:     make(map[string]*modification),
		inputs:   c.Inputs,
	}
	bp, err := c.load(c.Main, c.Inputs, w.newID)
	if err != nil {
		return nil, err
	}
	w.bp = bp
	for _, i := range bp.plan.NodeInstances {
		w.instances = append(w.instances, instanceOf(i))
	}
	return w, nil
}

// newID is the id generator of the recordings: a counter per node or group.
func (w *world) newID(name string) string {
	w.counters[name]++
	return fmt.Sprintf("%s_%06d", name, w.counters[name])
}

func (w *world) newInstanceID(name string) model.InstanceID { return model.InstanceID(w.newID(name)) }

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
	snap := &workflow.Snapshot{Deployment: "dep", Nodes: w.bp.nodes, ScalingGroups: w.bp.groups, Modifications: w.started()}
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
