package progress

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// maxPlanned is the greatest number of operations whose plan is fetched to know the totals beforehand; beyond it the
// totals grow as operations are sent.
const maxPlanned = 2000

// refreshNodes asks for the states of the instances and, when the plan grew, for the operations that are ahead.
func (r *run) refreshNodes(ctx context.Context) error {
	if r.execution.Deployment == "" {
		return nil
	}
	page, err := r.Client.ListNodeInstances(ctx, client.InstanceQuery{
		Deployment:  r.execution.Deployment,
		ListOptions: client.ListOptions{Include: []string{"id", "node_id", "state"}, AllResults: true},
	})
	if err != nil {
		return err
	}
	r.nodes.states(page.Items)
	total := r.execution.TotalOperations
	if total == r.nodes.plannedAt || total > maxPlanned {
		return nil
	}
	operations, err := r.Client.ListOperations(ctx, r.id, client.ListOptions{
		Include: []string{"id", "type", "state", "parameters"}, AllResults: true, Size: maxPlanned,
	})
	if err != nil {
		return err
	}
	r.nodes.plannedAt = total
	r.nodes.planned(operations.Items)
	return nil
}

// tracker knows the instances of a deployment and what was done to each.
type tracker struct {
	instances map[model.InstanceID]*instance
	plannedAt int
}

type instance struct {
	node                      model.NodeID
	state                     model.InstanceState
	sent, done, failed, ahead int
	running                   int
	began, ended              time.Time
	wasSeen                   bool
}

func newTracker() *tracker {
	return &tracker{instances: map[model.InstanceID]*instance{}, plannedAt: -1}
}

func (t *tracker) at(id model.InstanceID) *instance {
	i := t.instances[id]
	if i == nil {
		i = &instance{}
		t.instances[id] = i
	}
	return i
}

func (t *tracker) states(list []client.NodeInstance) {
	present := make(map[model.InstanceID]bool, len(list))
	for _, n := range list {
		present[n.ID] = true
		i := t.at(n.ID)
		i.node, i.state, i.wasSeen = n.Node, n.State, true
	}
	for id, i := range t.instances {
		if i.wasSeen && !present[id] {
			i.state = model.InstanceDeleted
		}
	}
}

// planned counts the operations of each instance. The context that an operation is sent with names its instance; an
// operation in which none is found is not counted.
func (t *tracker) planned(list []client.Operation) {
	counts := map[model.InstanceID]int{}
	for _, o := range list {
		var parameters struct {
			RetriedTask *string `json:"retried_task"`
			TaskKwargs  struct {
				Kwargs struct {
					Context struct {
						Node   model.InstanceID `json:"node_id"`
						Source model.InstanceID `json:"source_id"`
					} `json:"__cloudify_context"`
				} `json:"kwargs"`
			} `json:"task_kwargs"`
		}
		if o.Type != model.TaskRemote || model.DecodeJSON(o.Parameters, &parameters) != nil || parameters.RetriedTask != nil {
			continue
		}
		id := parameters.TaskKwargs.Kwargs.Context.Node
		if id == "" {
			id = parameters.TaskKwargs.Kwargs.Context.Source
		}
		if id != "" {
			counts[id]++
		}
	}
	for id, n := range counts {
		t.at(id).ahead = n
	}
}

func (t *tracker) event(e client.Event, now time.Time) {
	id := e.Instance
	if id == "" {
		id = e.Source
	}
	if id == "" || e.Kind != model.KindEvent {
		return
	}
	i := t.at(id)
	if i.node == "" {
		i.node = e.Node
	}
	if i.began.IsZero() {
		i.began = now
	}
	i.ended = now
	switch e.EventType {
	case model.EventSendingTask:
		i.running++
		if !strings.Contains(e.Message, "[retry ") {
			i.sent++
		}
	case model.EventTaskSucceeded:
		i.running--
		i.done++
	case model.EventTaskFailed:
		i.running--
		i.failed++
	case model.EventTaskRescheduled:
		i.running--
	}
}

// list sums the instances up by node, in the order in which work on them began.
func (t *tracker) list(now time.Time) []NodeProgress {
	byNode := map[model.NodeID][]*instance{}
	for _, i := range t.instances {
		byNode[i.node] = append(byNode[i.node], i)
	}
	began := map[model.NodeID]time.Time{}
	names := slices.Collect(maps.Keys(byNode))
	for _, name := range names {
		for _, i := range byNode[name] {
			if !i.began.IsZero() && (began[name].IsZero() || i.began.Before(began[name])) {
				began[name] = i.began
			}
		}
	}
	slices.SortFunc(names, func(a, b model.NodeID) int {
		switch x, y := began[a], began[b]; {
		case x.IsZero() != y.IsZero():
			if x.IsZero() {
				return 1
			}
			return -1
		case !x.Equal(y):
			return x.Compare(y)
		}
		return strings.Compare(string(a), string(b))
	})
	nodes := make([]NodeProgress, 0, len(names))
	for _, name := range names {
		nodes = append(nodes, sum(name, byNode[name], began[name], now))
	}
	return nodes
}

func sum(name model.NodeID, list []*instance, began, now time.Time) NodeProgress {
	p := NodeProgress{Node: name}
	states := map[string]int{}
	var ended time.Time
	for _, i := range list {
		p.Done += i.done
		p.Failed += i.failed
		p.Total += max(i.ahead, i.sent)
		p.IsBusy = p.IsBusy || i.running > 0
		if i.state != "" {
			states[string(i.state)]++
		}
		if i.ended.After(ended) {
			ended = i.ended
		}
	}
	p.State = describe(states)
	switch {
	case began.IsZero():
	case p.IsBusy:
		p.Elapsed = now.Sub(began)
	default:
		p.Elapsed = ended.Sub(began)
	}
	return p
}

func describe(states map[string]int) string {
	names := slices.Sorted(maps.Keys(states))
	if len(names) == 1 {
		return names[0]
	}
	parts := make([]string, 0, len(names))
	for _, n := range names {
		parts = append(parts, fmt.Sprintf("%d %s", states[n], n))
	}
	return strings.Join(parts, ", ")
}
