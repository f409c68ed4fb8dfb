package pyhost_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/pyhost"
)

// childTime is the CPU time, in seconds, of the children that were waited for.
func childTime(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// BenchmarkOperation is the cost of a Python operation: one at a time and four at a time, warm and cold; nothing does
// nothing, full reads and writes properties, logs and renders a file.
func BenchmarkOperation(b *testing.B) {
	for _, mode := range []string{"warm", "cold"} {
		for _, function := range []string{"nothing", "full"} {
			for _, width := range []int{1, 4} {
				b.Run(fmt.Sprintf("%s/%s/%d", mode, function, width), func(b *testing.B) {
					benchmark(b, mode == "cold", function, width)
				})
			}
		}
	}
}

func benchmark(b *testing.B, cold bool, function string, width int) {
	before := 0.0
	var n atomic.Int64
	func() {
		r := newRig(b, func(o *pyhost.Options) { o.Cold = cold }).withProbe(b)
		run := func() {
			m := message(function, model.Document{"value": "v"})
			m.Context.TaskID = model.TaskID(fmt.Sprint(n.Add(1)))
			if res := r.run(b, m); res.Err != nil {
				b.Error(show(res))
			}
		}
		// The first one installs the plugin, which is not what is measured.
		run()
		before = childTime(b)
		b.ResetTimer()
		var group sync.WaitGroup
		for range width {
			group.Go(func() {
				for range (b.N + width - 1) / width {
					run()
				}
			})
		}
		group.Wait()
		b.StopTimer()
		b.ReportMetric(float64(n.Load()-1)/b.Elapsed().Seconds(), "operations/s")
		// What the zygotes used counts only when they have ended.
		if err := r.Close(); err != nil {
			b.Error(err)
		}
	}()
	b.ReportMetric((childTime(b)-before)/float64(n.Load())*1000, "cpu-ms/op")
}
