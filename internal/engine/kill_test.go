package engine_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
)

// watch collects what is said on a topic until the test ends.
func (h *house) watch(topic string) func() [][]byte {
	var mu sync.Mutex
	var all [][]byte
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = h.bus.Watch(ctx, topic, func(data []byte) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, data)
		})
	})
	h.t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return func() [][]byte {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func (h *house) notify(topic string, v any) {
	h.t.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = h.bus.Notify(topic, data)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// kill writes what the service writes, without telling any executor.
func (h *house) kill(id model.ExecutionID) {
	h.t.Helper()
	h.update(func(tx store.Tx) error {
		x, err := tx.Execution(id)
		if err != nil {
			return err
		}
		x.Status = model.ExecutionKillCancelling
		x.TokenSerial++
		return tx.UpdateExecution(x)
	})
	if err := h.bus.Notify(engine.TopicWake, []byte(id)); err != nil {
		h.t.Fatal(err)
	}
}

func TestKillIsRepeatedUntilItIsKnownToBeDone(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		h := newHouse(t)
		h.deploy("d", 1)
		release := make(chan struct{})
		h.exec.hold = func(*operation.Message) { <-release }
		t.Cleanup(func() { close(release) })
		run := func() { h.startWith(func(o *engine.Options) { o.KillEvery = 10 * time.Millisecond }) }
		run()
		cancels := h.watch(operation.CancelTopic)
		id := h.execute("d", "install", model.ExecutionPending)
		h.await("the operation", func() bool { return h.exec.count(create+"@d-n0_000000") == 1 })
		if restart {
			h.stop()
		}
		h.kill(id)
		if restart {
			run()
		}
		if x := h.ended(id); x.Status != model.ExecutionCancelled {
			t.Fatalf("the execution ended as %s", x.Status)
		}
		h.await("several requests", func() bool { return len(cancels()) > 3 })
		c, err := operation.DecodeCancel(cancels()[0])
		if err != nil || c.Execution != id || c.Serial != 2 || len(c.Attempts) != 1 || !c.Means(c.Attempts[0]) {
			t.Fatalf("restart %v: the request is %+v, %v", restart, c, err)
		}
		if c.Means(operation.DispatchID(id, "t", 2)) {
			t.Error("the request means an attempt of the resumed execution too")
		}
		h.notify(operation.KilledTopic, operation.Killed{Attempts: []string{"nonsense", operation.DispatchID("other", "t", 1)}})
		h.notify(operation.KilledTopic, operation.Killed{Attempts: c.Attempts})
		h.await("the end of the requests", func() bool {
			n := len(cancels())
			<-time.After(100 * time.Millisecond)
			return len(cancels()) == n
		})
	}
}

func TestKillIsNotRepeatedForEver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deploy("d", 1)
	release := make(chan struct{})
	h.exec.hold = func(*operation.Message) { <-release }
	t.Cleanup(func() { close(release) })
	h.startWith(func(o *engine.Options) { o.KillEvery = time.Millisecond })
	cancels := h.watch(operation.CancelTopic)
	id := h.execute("d", "install", model.ExecutionPending)
	h.await("the operation", func() bool { return h.exec.count(create+"@d-n0_000000") == 1 })
	h.kill(id)
	h.ended(id)
	h.await("the last request", func() bool { return len(cancels()) == 24 })
}

// TestSilentAgentHoldsUpNobodyElse lets an agent be silent while the rest of the graph goes on, and sends its operation once
// it answers.
func TestSilentAgentHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deployAs("vm", 1, true, create)
	h.deployAs("d", 20, true, create)
	h.update(func(tx store.Tx) error {
		// The host belongs to the chain's deployment but to none of its nodes.
		nodes, err := tx.DeploymentNodes(model.DefaultTenant, "d")
		if err != nil {
			return err
		}
		host := *nodes[0]
		op := host.Operations[create]
		op.Executor = model.ExecutorHost
		host.ID, host.Operations = "host", map[string]model.Operation{create: op}
		host.Plugins = []model.PlanPlugin{{Name: "script", Executor: model.ExecutorHost}}
		if err := tx.InsertNodes([]*model.Node{&host}); err != nil {
			return err
		}
		return tx.InsertInstances([]*model.NodeInstance{{Resource: host.Resource, ID: "host_0", Node: "host", Deployment: "d", HostID: "host_0",
			Index: 1, State: model.InstanceUninitialized, Version: 1,
			RuntimeProperties: model.Document{"cloudify_agent": map[string]any{"queue": "q", "name": "a"}}}})
	})
	address := operation.AgentAddress(model.DefaultTenant, "q")
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	wg.Go(func() {
		_ = h.bus.Serve(ctx, address.PingTopic(), func([]byte) []byte {
			asked <- struct{}{}
			<-answer
			return []byte("{}")
		})
	})
	wg.Go(func() {
		_ = h.bus.Receive(ctx, address.TaskQueue(), bus.ReceiveOptions{Slots: 1}, func(ctx context.Context, m bus.Message) error {
			return h.exec.report(ctx, m.ID, operation.ReportFinished, &operation.Result{})
		})
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	h.start("m1")
	id := h.execute("d", "install", model.ExecutionPending)
	<-asked
	h.await("the whole chain", func() bool { return h.states("d")[model.InstanceStarted] == 20 })
	close(answer)
	if x := h.ended(id); x.Status != model.ExecutionTerminated {
		t.Errorf("the execution ended as %s: %s", x.Status, x.Error)
	}
}
