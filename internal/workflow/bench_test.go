package workflow

import (
	"fmt"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// chains makes a graph of n operations in chains of ten, every chain in a subgraph of its own.
func chains(n int) []*model.Task {
	tasks := make([]*model.Task, 0, n+n/10)
	for k := 0; k < n; k += 10 {
		sub := model.TaskID(fmt.Sprintf("s%d", k))
		tasks = append(tasks, &model.Task{ID: sub, Name: string(sub), Type: model.TaskSubgraph, State: model.TaskPending})
		for j := k; j < min(k+10, n); j++ {
			t := remote(fmt.Sprintf("t%d", j), sub)
			if j > k {
				t.Dependencies = append(t.Dependencies, tasks[len(tasks)-1].ID)
			}
			t.Parameters.ContainingSubgraph = &sub
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// drive runs a graph to its end and returns the number of steps.
func drive(tb testing.TB, tasks []*model.Task) int {
	r, err := NewRun(tasks, nil, RunOptions{Settings: DefaultSettings})
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Unix(0, 0)
	out := r.Advance(now, Begin{})
	var queue []*model.Task
	steps := 1
	for out.End == nil {
		queue = append(queue, out.Send...)
		t := queue[0]
		queue = queue[1:]
		out = r.Advance(now, Finished{Task: t.ID})
		steps++
	}
	if out.End.Failure != nil {
		tb.Fatal(out.End.Failure)
	}
	return steps
}

func BenchmarkAdvance(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			steps := 0
			for b.Loop() {
				b.StopTimer()
				tasks := chains(n)
				b.StartTimer()
				steps += drive(b, tasks)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/step")
		})
	}
}

func BenchmarkMillionTasks(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		tasks := chains(1_000_000)
		b.StartTimer()
		drive(b, tasks)
	}
}

func BenchmarkInstallGraph(b *testing.B) {
	snap := &Snapshot{Deployment: "dep"}
	for k := range 10_000 {
		id := fmt.Sprintf("n%d", k)
		node := &model.Node{
			ID: model.NodeID(id), TypeHierarchy: []string{"cloudify.nodes.Root"}, Plugins: []model.PlanPlugin{{Name: "p"}},
			Operations: map[string]model.Operation{
				lifecycle + "create": {Plugin: "p", Function: "m.create"}, lifecycle + "start": {Plugin: "p", Function: "m.start"},
			},
		}
		snap.Nodes = append(snap.Nodes, node)
		snap.Instances = append(snap.Instances, &model.NodeInstance{ID: model.InstanceID(id + "_1"), Node: node.ID, State: "uninitialized"})
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		_, err := install(&State{Model: snap, Settings: DefaultSettings, NewTaskID: func() model.TaskID {
			n++
			return model.TaskID(fmt.Sprint(n))
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
}
