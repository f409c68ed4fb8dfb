package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Bench measures a store: updates with more and more callers, which share commits; bulk inserts; pages of long lists.
func Bench(b *testing.B, open Opener) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("Update/callers=%d", callers), func(b *testing.B) { benchUpdate(b, open, callers) })
	}
	b.Run("TaskTransition/callers=16", func(b *testing.B) { benchTransition(b, open, 16) })
	b.Run("InsertInstances/10000", func(b *testing.B) { benchInsert(b, open) })
	b.Run("InsertEvents/100", func(b *testing.B) { benchEvents(b, open) })
	b.Run("Lists", func(b *testing.B) { benchLists(b, open) })
}

// spread runs b.N operations on a number of goroutines.
func spread(b *testing.B, callers int, do func(n int64) error) {
	var next atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for range callers {
		group.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := do(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// benchUpdate replaces one of 1,000 instances per update.
func benchUpdate(b *testing.B, open Opener, callers int) {
	e := newEnv(b, open)
	instances := e.instances(e.nodes(e.deployment(tenantA, "d"), "vm")[0], 1000)
	spread(b, callers, func(n int64) error {
		i := *instances[n%1000]
		i.State, i.Version = model.InstanceStarted, int(n)
		i.RuntimeProperties = model.Document{"ip": "10.0.0.1", "n": n}
		return e.Update(b.Context(), func(tx store.Tx) error { return tx.UpdateInstance(&i) })
	})
}

// benchTransition does what the engine does for one transition: fence, one task, one event.
func benchTransition(b *testing.B, open Opener, callers int) {
	e := newEnv(b, open)
	x := e.execution(e.deployment(tenantA, "d"), "x", 0, model.ExecutionStarted)
	g := &model.Graph{ID: "g", Execution: x.ID}
	var tasks []*model.Task
	for i := range 1000 {
		tasks = append(tasks, task(fmt.Sprintf("task-%d", i), g, model.TaskPending))
	}
	e.must(func(tx store.Tx) error {
		if err := tx.InsertGraph(g); err != nil {
			return err
		}
		return tx.InsertTasks(tasks)
	})
	spread(b, callers, func(n int64) error {
		t := *tasks[n%1000]
		t.State = []model.TaskState{model.TaskSent, model.TaskSucceeded}[n/1000%2]
		return e.Update(b.Context(), func(tx store.Tx) error {
			if err := tx.Fence(x.ID, 0); err != nil {
				return err
			}
			if err := tx.PutTasks([]*model.Task{&t}); err != nil {
				return err
			}
			return tx.InsertEvents([]*model.Event{event(x, int(n), "Task succeeded")})
		})
	})
}

func benchInsert(b *testing.B, open Opener) {
	e := newEnv(b, open)
	for n := range b.N {
		b.StopTimer()
		node := e.nodes(e.deployment(tenantA, fmt.Sprint("d", n)), "vm")[0]
		b.StartTimer()
		e.instances(node, 10000)
	}
	b.ReportMetric(float64(10000*b.N)/b.Elapsed().Seconds(), "rows/s")
}

func benchEvents(b *testing.B, open Opener) {
	e := newEnv(b, open)
	x := e.execution(e.deployment(tenantA, "d"), "x", 0, model.ExecutionStarted)
	n := 0
	for b.Loop() {
		list := make([]*model.Event, 100)
		for i := range list {
			n++
			list[i] = event(x, n, "a line of output of a script that runs for some time")
		}
		e.must(func(tx store.Tx) error { return tx.InsertEvents(list) })
	}
	b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// benchLists reads pages out of 100,000 instances in 100 deployments.
func benchLists(b *testing.B, open Opener) {
	e := newEnv(b, open)
	for d := range 100 {
		e.instances(e.nodes(e.deployment(tenantA, fmt.Sprintf("d%02d", d)), "vm")[0], 1000)
	}
	user := store.Scope{Tenants: []model.TenantName{tenantA}, User: bob}
	for _, f := range []struct {
		name string
		q    store.Query
	}{
		{"first 100", store.Query{Limit: 100}},
		{"100 at 50000", store.Query{Limit: 100, Offset: 50000}},
		{"1000 of a deployment", store.Query{Limit: 1000, Where: where("deployment_id", "d50").Where}},
		{"one by id", store.Query{Limit: 1, Where: where("id", "vm_d50_000500").Where}},
		{"search", store.Query{Limit: 100, Search: []store.Search{{Field: "id", Text: "D50_0005"}}}},
		{"count only", store.Query{}},
	} {
		b.Run(f.name, func(b *testing.B) {
			f.q.Scope = user
			for b.Loop() {
				read(e, func(r store.Reader) (store.Page[*model.NodeInstance], error) { return r.Instances(f.q) })
			}
		})
	}
}
