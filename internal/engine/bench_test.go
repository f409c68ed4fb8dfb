package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// BenchmarkInstall installs chains side by side: durable engine, SQLite with synchronous=FULL, membus and an executor
// that does nothing. Each instance has two operations.
func BenchmarkInstall(b *testing.B) {
	for _, f := range []struct{ deployments, nodes int }{{1, 1000}, {20, 50}, {200, 1}} {
		b.Run(fmt.Sprintf("%dx%d", f.deployments, f.nodes), func(b *testing.B) {
			operations, workflows := 0, 0
			for n := range b.N {
				b.StopTimer()
				h := newHouse(b)
				var ids []model.ExecutionID
				for d := range f.deployments {
					h.deploy(model.DeploymentID(fmt.Sprintf("d%d-%d", n, d)), f.nodes)
				}
				h.start("m1")
				b.StartTimer()
				for d := range f.deployments {
					ids = append(ids, h.execute(model.DeploymentID(fmt.Sprintf("d%d-%d", n, d)), "install", model.ExecutionPending))
				}
				for _, id := range ids {
					h.ended(id)
				}
				b.StopTimer()
				h.stop()
				operations += 2 * f.deployments * f.nodes
				workflows += f.deployments
			}
			b.ReportMetric(float64(operations)/b.Elapsed().Seconds(), "operations/s")
			b.ReportMetric(float64(workflows)/b.Elapsed().Seconds(), "workflows/s")
		})
	}
}

// BenchmarkQueue measures the end of an execution that lets the next of many queued ones start.
func BenchmarkQueue(b *testing.B) {
	for _, queued := range []int{0, 100000} {
		b.Run(fmt.Sprintf("queued=%d", queued), func(b *testing.B) {
			h := newHouse(b)
			h.deploy("busy", 1)
			h.deploy("d", 1)
			h.update(func(tx store.Tx) error {
				for i := range queued {
					x := &model.Execution{Resource: model.Resource{Tenant: model.DefaultTenant, CreatedBy: "admin", Visibility: model.VisibilityTenant},
						ID: model.ExecutionID(fmt.Sprintf("q%d", i)), Workflow: "install", Deployment: "busy", Blueprint: "bp",
						Status: model.ExecutionQueued, TokenHash: strings.Repeat("0", 8) + fmt.Sprint(i), TokenSerial: 1}
					if err := tx.InsertExecution(x); err != nil {
						return err
					}
				}
				// What keeps the queue from moving.
				x := &model.Execution{Resource: model.Resource{Tenant: model.DefaultTenant, CreatedBy: "admin", Visibility: model.VisibilityTenant},
					ID: "holder", Workflow: "sys_wait", Deployment: "busy", Blueprint: "bp", Status: model.ExecutionPending, TokenSerial: 1}
				return tx.InsertExecution(x)
			})
			h.start("m1")
			b.ResetTimer()
			for range b.N {
				h.ended(h.execute("d", "sys_ok", model.ExecutionPending))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "executions/s")
			b.StopTimer()
			h.stop()
		})
	}
}
