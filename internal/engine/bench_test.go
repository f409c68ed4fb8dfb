package engine_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// The benchmarks run the durable engine over SQLite with synchronous=FULL, the in-memory bus, and an executor that does
// nothing but report that an operation started and ended.

// newBench is a house whose executor reports once and takes as many operations at the same time as come.
func newBench(b *testing.B) *house {
	b.Helper()
	h := newHouseWith(b, &executor{copies: 1, slots: 256})
	h.quiet, h.patience = true, time.Hour
	return h
}

// processorTime is how long the processors worked for this process.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOperations runs one operation on every instance, in one execution or in many: what an operation costs that
// has no life cycle around it.
func BenchmarkOperations(b *testing.B) {
	for _, f := range []struct{ executions, nodes int }{{1, 10000}, {100, 100}} {
		b.Run(fmt.Sprintf("%dx%d", f.executions, f.nodes), func(b *testing.B) {
			var work time.Duration
			for n := range b.N {
				b.StopTimer()
				h := newBench(b)
				name := func(d int) model.DeploymentID { return model.DeploymentID(fmt.Sprintf("d%d-%d", n, d)) }
				for d := range f.executions {
					h.deployAs(name(d), f.nodes, false, create)
				}
				h.start("m1")
				work -= processorTime()
				b.StartTimer()
				var ids []model.ExecutionID
				for d := range f.executions {
					ids = append(ids, h.executeWith(name(d), "execute_operation", model.ExecutionPending, model.Document{"operation": create}))
				}
				h.allEnded(ids)
				b.StopTimer()
				work += processorTime()
				h.stop()
			}
			b.ReportMetric(float64(work.Microseconds())/float64(f.executions*f.nodes*b.N), "processor-µs/operation")
			b.ReportMetric(float64(f.executions*f.nodes*b.N)/b.Elapsed().Seconds(), "operations/s")
		})
	}
}

// BenchmarkInstall installs deployments side by side. Each instance has two operations: in a chain one after the other,
// in a wide deployment all at once.
func BenchmarkInstall(b *testing.B) {
	for _, f := range []struct {
		shape              string
		deployments, nodes int
	}{{"chain", 1, 1000}, {"chain", 20, 50}, {"wide", 1, 5000}, {"wide", 50, 100}} {
		b.Run(fmt.Sprintf("%s=%dx%d", f.shape, f.deployments, f.nodes), func(b *testing.B) {
			for n := range b.N {
				b.StopTimer()
				h := newBench(b)
				var ids []model.ExecutionID
				for d := range f.deployments {
					h.deployAs(model.DeploymentID(fmt.Sprintf("d%d-%d", n, d)), f.nodes, f.shape == "chain", create, start)
				}
				h.start("m1")
				b.StartTimer()
				for d := range f.deployments {
					ids = append(ids, h.execute(model.DeploymentID(fmt.Sprintf("d%d-%d", n, d)), "install", model.ExecutionPending))
				}
				h.allEnded(ids)
				b.StopTimer()
				h.stop()
			}
			b.ReportMetric(float64(2*f.deployments*f.nodes*b.N)/b.Elapsed().Seconds(), "operations/s")
		})
	}
}

// BenchmarkWorkflows starts and finishes installs of one instance with three operations, a bounded number at a time.
func BenchmarkWorkflows(b *testing.B) {
	const workflows, atOnce = 1000, 100
	for range b.N {
		b.StopTimer()
		h := newBench(b)
		for d := range workflows {
			h.deployAs(model.DeploymentID(fmt.Sprintf("d%d", d)), 1, true, create, configure, start)
		}
		h.start("m1")
		b.StartTimer()
		for first := 0; first < workflows; first += atOnce {
			var ids []model.ExecutionID
			for d := range atOnce {
				ids = append(ids, h.execute(model.DeploymentID(fmt.Sprintf("d%d", first+d)), "install", model.ExecutionPending))
			}
			h.allEnded(ids)
		}
		b.StopTimer()
		h.stop()
	}
	b.ReportMetric(float64(workflows*b.N)/b.Elapsed().Seconds(), "workflows/s")
}

// BenchmarkLarge installs 10,000 instances with three operations each.
func BenchmarkLarge(b *testing.B) {
	const instances = 10000
	for range b.N {
		b.StopTimer()
		h := newBench(b)
		h.deployAs("large", instances, false, create, configure, start)
		h.start("m1")
		peak := watchMemory()
		b.StartTimer()
		h.allEnded([]model.ExecutionID{h.execute("large", "install", model.ExecutionPending)})
		b.StopTimer()
		b.ReportMetric(peak(), "peak-heap-MiB")
		h.stop()
	}
	b.ReportMetric(float64(3*instances*b.N)/b.Elapsed().Seconds(), "operations/s")
}

// BenchmarkMillion runs one graph of 1,000,000 tasks: an operation on each of 333,334 instances with the events around it.
func BenchmarkMillion(b *testing.B) {
	if testing.Short() {
		b.Skip("takes minutes")
	}
	const instances = 333334
	for range b.N {
		b.StopTimer()
		h := newBench(b)
		h.deployAs("million", instances, false, create)
		h.start("m1")
		peak := watchMemory()
		b.StartTimer()
		id := h.executeWith("million", "execute_operation", model.ExecutionPending, model.Document{"operation": create})
		h.allEnded([]model.ExecutionID{id})
		b.StopTimer()
		b.ReportMetric(peak(), "peak-heap-MiB")
		if n := h.get(id).TotalOperations; n < 1000000 {
			b.Errorf("the graph had %d tasks only", n)
		}
		h.stop()
	}
	b.ReportMetric(float64(instances*b.N)/b.Elapsed().Seconds(), "operations/s")
}

// BenchmarkQueue measures executions one after another, beside an empty queue and beside 100,000 queued ones. Both
// kinds take turns inside one run and the medians are compared, so that what else the machine does hits both alike.
func BenchmarkQueue(b *testing.B) {
	const queued, rounds = 100000, 60
	empty, full := queueHouse(b, 0), queueHouse(b, queued)
	var times [2][]float64
	for range b.N {
		for range rounds {
			for k, h := range []*house{empty, full} {
				begin := time.Now()
				for range 10 {
					h.allEnded([]model.ExecutionID{h.execute("d", "sys_ok", model.ExecutionPending)})
				}
				times[k] = append(times[k], time.Since(begin).Seconds()/10)
			}
		}
	}
	median := func(k int) float64 { slices.Sort(times[k]); return times[k][len(times[k])/2] }
	b.ReportMetric(1/median(0), "empty-executions/s")
	b.ReportMetric(1/median(1), "full-executions/s")
	b.ReportMetric(median(1)/median(0), "ratio")
	empty.stop()
	full.stop()
}

// queueHouse runs an engine beside queued executions of one busy deployment.
func queueHouse(b *testing.B, queued int) *house {
	h := newBench(b)
	h.deploy("busy", 1)
	h.deploy("d", 1)
	res := model.Resource{Tenant: model.DefaultTenant, CreatedBy: "admin", Visibility: model.VisibilityTenant}
	h.update(func(tx store.Tx) error {
		for i := range queued {
			x := &model.Execution{Resource: res, ID: model.ExecutionID(fmt.Sprintf("q%d", i)), Workflow: "install", Deployment: "busy",
				Blueprint: "bp", Status: model.ExecutionQueued, TokenHash: strings.Repeat("0", 8) + fmt.Sprint(i), TokenSerial: 1}
			if err := tx.InsertExecution(x); err != nil {
				return err
			}
		}
		// What keeps the queue from moving.
		return tx.InsertExecution(&model.Execution{Resource: res, ID: "holder", Workflow: "sys_wait", Deployment: "busy", Blueprint: "bp",
			Status: model.ExecutionPending, TokenSerial: 1})
	})
	h.start("m1")
	return h
}

// watchMemory samples the heap until the returned function is called, which answers the greatest size seen in MiB.
func watchMemory() func() float64 {
	runtime.GC()
	stop, done := make(chan struct{}), make(chan float64)
	go func() {
		var most uint64
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-tick.C:
			case <-stop:
				done <- float64(most) / (1 << 20)
				return
			}
		}
	}()
	return func() float64 {
		close(stop)
		return <-done
	}
}

// allEnded waits for the ends of executions, without asking the store more often than needed.
func (h *house) allEnded(ids []model.ExecutionID) {
	h.t.Helper()
	for _, id := range ids {
		if x := h.ended(id); x.Status != model.ExecutionTerminated {
			h.t.Fatalf("execution %s ended as %s: %s", id, x.Status, x.Error)
		}
	}
}

// BenchmarkDelete deletes a deployment of 100,000 instances and 100,000 events while somebody else writes, and measures
// how long that writer waits at most: for the deletion in slices and, to compare, in one transaction.
func BenchmarkDelete(b *testing.B) {
	const rows = 100000
	for _, inSlices := range []bool{false, true} {
		b.Run(fmt.Sprintf("slices=%v", inSlices), func(b *testing.B) {
			var longest time.Duration
			for range b.N {
				b.StopTimer()
				h := newBench(b)
				h.deployAs("large", rows, false)
				h.deploy("other", 1)
				holder := h.execute("large", "sys_wait", model.ExecutionTerminated)
				h.fillEvents(holder, rows)
				h.start("m1")
				stop := h.writeOften("other")
				b.StartTimer()
				if inSlices {
					h.execute("large", model.WorkflowDeleteEnvironment, model.ExecutionPending)
					h.await("the end of the deployment", func() bool { return h.isGone("large") })
				} else {
					h.update(func(tx store.Tx) error { return tx.DeleteDeployment(model.DefaultTenant, "large") })
				}
				b.StopTimer()
				longest = max(longest, stop())
				h.stop()
			}
			b.ReportMetric(float64(longest.Milliseconds()), "longest-wait-ms")
		})
	}
}

// fillEvents stores events of an execution.
func (h *house) fillEvents(id model.ExecutionID, n int) {
	x := h.get(id)
	for range n / 1000 {
		h.update(func(tx store.Tx) error {
			list := make([]*model.Event, 1000)
			for i := range list {
				list[i] = &model.Event{Tenant: x.Tenant, CreatedBy: x.CreatedBy, Visibility: x.Visibility, Kind: model.KindEvent, Execution: id,
					Timestamp: time.Now(), EventType: model.EventTaskSucceeded, Message: "Task succeeded 'script_runner.tasks.run'"}
			}
			return tx.InsertEvents(list)
		})
	}
}

// writeOften writes a deployment again and again; the returned function ends that and answers the longest time it took.
func (h *house) writeOften(id model.DeploymentID) func() time.Duration {
	stop, done := make(chan struct{}), make(chan time.Duration)
	go func() {
		var longest time.Duration
		for {
			begin := time.Now()
			h.update(func(tx store.Tx) error {
				d, err := tx.Deployment(model.DefaultTenant, id)
				if err != nil {
					return err
				}
				return tx.UpdateDeployment(d)
			})
			longest = max(longest, time.Since(begin))
			select {
			case <-stop:
				done <- longest
				return
			default:
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		return <-done
	}
}
