package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/bus/membus"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/sqlite"
	"github.com/reifyhq/reify/internal/workflow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a manager's storeys below the API, with a scripted executor in place of agents.
type house struct {
	t     testing.TB
	store store.Store
	bus   *membus.Bus
	exec  *executor
	// under, when set, is what engines use in place of store.
	under store.Store
	// patience is how long anything may take.
	patience time.Duration
	// quiet leaves out the log of engines.
	quiet bool
	// stop ends the engine that runs now.
	stop func()
}

// newHouse is a house whose executor sends every report twice: the engine must not mind.
func newHouse(t testing.TB) *house { return newHouseWith(t, &executor{copies: 2, slots: 8}) }

func newHouseWith(t testing.TB, x *executor) *house {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "reify.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, store: st, bus: membus.New(clock.Real{}), exec: x, patience: 30 * time.Second}
	x.bus, x.runs = h.bus, map[string]int{}
	x.outcome = func(*operation.Message, int) operation.Result { return operation.Result{} }
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { h.exec.run(ctx) })
	t.Cleanup(func() {
		if h.stop != nil {
			h.stop()
		}
		cancel()
		wg.Wait()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// start runs an engine until the returned function or the end of the test.
func (h *house) start(owner string) func() {
	return h.startWith(func(o *engine.Options) { o.Owner = owner })
}

// startWith is start with options changed.
func (h *house) startWith(change func(*engine.Options)) func() {
	ctx, cancel := context.WithCancel(context.Background())
	st := h.store
	if h.under != nil {
		st = h.under
	}
	o := engine.Options{
		Store: st, Bus: h.bus, Clock: clock.Real{}, Log: h.log(), Owner: "m1",
		Settings:      workflow.Settings{TaskRetries: 2, RetryInterval: time.Millisecond, WaitAfterFail: time.Minute},
		Evaluate:      plain{},
		Token:         func(x *model.Execution) string { return "token-" + string(x.ID) },
		NewTaskID:     func() model.TaskID { return model.TaskID(uuid.NewString()) },
		NewGraphID:    func() model.GraphID { return model.GraphID(uuid.NewString()) },
		NewID:         uuid.NewString,
		NewInstanceID: func(name string) string { return name + "_" + uuid.NewString()[:6] },
		System: map[string]engine.SystemWorkflow{
			"sys_ok":                        func(context.Context, engine.Job) error { return nil },
			model.WorkflowDeleteEnvironment: func(context.Context, engine.Job) error { return nil },
			"sys_fail":                      func(context.Context, engine.Job) error { return fmt.Errorf("no luck") },
			"sys_panic":                     func(context.Context, engine.Job) error { panic("broken invariant") },
			"sys_wait": func(ctx context.Context, _ engine.Job) error {
				<-ctx.Done()
				return ctx.Err()
			},
		},
	}
	change(&o)
	e := engine.New(o)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := e.Run(ctx); err != nil {
			h.t.Errorf("engine: %v", err)
		}
	})
	h.stop = sync.OnceFunc(func() {
		cancel()
		wg.Wait()
	})
	return h.stop
}

func (h *house) log() *slog.Logger {
	if h.quiet {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(h.t.Output(), nil))
}

// plain evaluates nothing.
type plain struct{}

func (plain) Inputs(_ context.Context, _ *model.Execution, c *model.OperationCall) (model.Document, error) {
	if c.Kwargs["broken"] != nil {
		return nil, fmt.Errorf("no value for broken")
	}
	return c.Kwargs, nil
}

func (plain) Properties(context.Context, model.TenantName, *model.NodeInstance) (model.Document, error) {
	return nil, nil
}

// executor answers every task; outcome decides how, given the message and the number of this run of the operation.
type executor struct {
	bus bus.Bus
	// copies is how often each report is sent, slots how many operations run at the same time.
	copies, slots int

	mu      sync.Mutex
	runs    map[string]int
	outcome func(m *operation.Message, run int) operation.Result
	// hold, when set, is called before the answer.
	hold func(m *operation.Message)
}

func (x *executor) run(ctx context.Context) {
	queue := operation.Address(operation.CentralQueue).TaskQueue()
	_ = x.bus.Receive(ctx, queue, bus.ReceiveOptions{Slots: x.slots}, func(ctx context.Context, m bus.Message) error {
		msg, err := operation.DecodeMessage(m.Data)
		if err != nil {
			return err
		}
		key := msg.Context.Operation.Name + "@" + string(msg.Context.NodeID)
		x.mu.Lock()
		x.runs[key]++
		n := x.runs[key]
		hold, outcome := x.hold, x.outcome
		x.mu.Unlock()
		if err := x.report(ctx, m.ID, operation.ReportStarted, nil); err != nil {
			return err
		}
		if hold != nil {
			hold(msg)
		}
		result := outcome(msg, n)
		return x.report(ctx, m.ID, operation.ReportFinished, &result)
	})
}

func (x *executor) report(ctx context.Context, id string, kind operation.ReportKind, result *operation.Result) error {
	execution, task, _, err := operation.ParseDispatchID(id)
	if err != nil {
		return err
	}
	r := &operation.Report{Kind: kind, Execution: execution, Task: task, Attempt: id, Result: result}
	data, err := r.Encode()
	if err != nil {
		return err
	}
	for n := range x.copies {
		if err := x.bus.Send(ctx, operation.ResultsQueue, r.MessageID(n), data); err != nil {
			return err
		}
	}
	return nil
}

// set changes how operations end from now on.
func (x *executor) set(outcome func(m *operation.Message, run int) operation.Result) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.outcome = outcome
}

func (x *executor) count(key string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.runs[key]
}

// failing is a store that takes some commits and then fails as if the machine had died.
type failing struct {
	store.Store
	mu   sync.Mutex
	left int
	down chan struct{}
}

func (f *failing) Update(ctx context.Context, fn func(store.Tx) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		select {
		case <-f.down:
		default:
			close(f.down)
		}
		return errors.New("the store has died")
	}
	f.left--
	return f.Store.Update(ctx, fn)
}

func (f *failing) isDown() bool {
	select {
	case <-f.down:
		return true
	default:
		return false
	}
}

const (
	create    = "cloudify.interfaces.lifecycle.create"
	configure = "cloudify.interfaces.lifecycle.configure"
	start     = "cloudify.interfaces.lifecycle.start"
	stop      = "cloudify.interfaces.lifecycle.stop"
)

// deploy stores a deployment of a chain of n nodes, each depending on the one before.
func (h *house) deploy(id model.DeploymentID, n int) { h.deployAs(id, n, true, create, start, stop) }

// perNode is the number of instances of each node of a wide deployment.
const perNode = 100

// deployAs stores a deployment of n nodes with the operations, in a chain or side by side.
func (h *house) deployAs(id model.DeploymentID, n int, chain bool, operations ...string) {
	h.t.Helper()
	res := model.Resource{Tenant: model.DefaultTenant, CreatedBy: "admin", CreatedAt: time.Now().UTC(), Visibility: model.VisibilityTenant}
	op := model.Operation{Plugin: "script", Function: "script_runner.tasks.run", Executor: model.ExecutorCentral, Inputs: model.Document{}}
	all := map[string]model.Operation{}
	for _, name := range operations {
		all[name] = op
	}
	var nodes []*model.Node
	var instances []*model.NodeInstance
	for i := range n {
		if !chain && i%perNode != 0 {
			// One more instance of the node.
			of := nodes[len(nodes)-1]
			of.Number, of.Planned, of.Deploy = of.Number+1, of.Planned+1, of.Deploy+1
			instances = append(instances, &model.NodeInstance{Resource: res, ID: model.InstanceID(fmt.Sprintf("%s_%06d", of.ID, i)),
				Node: of.ID, Deployment: id, Index: of.Number, State: model.InstanceUninitialized, Version: 1, RuntimeProperties: model.Document{}})
			continue
		}
		name := model.NodeID(fmt.Sprintf("%s-n%d", id, i))
		node := &model.Node{
			Resource: res, ID: name, Deployment: id, Type: "cloudify.nodes.Root", TypeHierarchy: []string{"cloudify.nodes.Root"},
			Operations: all,
			Plugins:    []model.PlanPlugin{{Name: "script", Executor: model.ExecutorCentral}},
			Number:     1, Planned: 1, Deploy: 1, Max: -1,
		}
		instance := &model.NodeInstance{
			Resource: res, ID: model.InstanceID(name) + "_000000", Node: name, Deployment: id, Index: 1,
			State: model.InstanceUninitialized, Version: 1, RuntimeProperties: model.Document{},
		}
		if chain && i > 0 {
			target := nodes[i-1].ID
			node.Relationships = []model.NodeRelationship{{Type: "cloudify.relationships.depends_on", TargetID: target,
				TypeHierarchy: []string{"cloudify.relationships.depends_on"}}}
			instance.Relationships = []model.InstanceRelationship{{Type: "cloudify.relationships.depends_on", TargetName: target,
				TargetID: instances[i-1].ID}}
		}
		nodes, instances = append(nodes, node), append(instances, instance)
	}
	workflows := map[string]model.Workflow{}
	for _, w := range []string{"install", "uninstall", "execute_operation"} {
		workflows[w] = model.Workflow{Plugin: "default_workflows", Operation: "cloudify.plugins.workflows." + w}
	}
	workflows["custom"] = model.Workflow{Plugin: "my", Operation: "wf.run"}
	h.update(func(tx store.Tx) error {
		if _, err := tx.Blueprint(res.Tenant, "bp"); err != nil {
			if err := tx.PutTenant(res.Tenant); err != nil {
				return err
			}
			b := &model.Blueprint{Resource: res, ID: "bp", State: model.BlueprintUploaded, Plan: json.RawMessage("{}")}
			if err := tx.InsertBlueprint(b); err != nil {
				return err
			}
		}
		d := &model.Deployment{Resource: res, ID: id, Blueprint: "bp", DisplayName: string(id), Workflows: workflows,
			InstallationStatus: model.InstallationInactive, Status: model.DeploymentRequiresAttention}
		if err := tx.InsertDeployment(d); err != nil {
			return err
		}
		if err := tx.InsertNodes(nodes); err != nil {
			return err
		}
		return tx.InsertInstances(instances)
	})
}

func (h *house) update(fn func(store.Tx) error) {
	h.t.Helper()
	if err := h.store.Update(context.Background(), fn); err != nil {
		h.t.Fatal(err)
	}
}

// execute stores an execution and wakes the engine.
func (h *house) execute(d model.DeploymentID, workflow string, status model.ExecutionStatus) model.ExecutionID {
	h.t.Helper()
	return h.executeWith(d, workflow, status, model.Document{})
}

func (h *house) executeWith(d model.DeploymentID, workflow string, status model.ExecutionStatus, parameters model.Document) model.ExecutionID {
	h.t.Helper()
	x := &model.Execution{
		Resource: model.Resource{Tenant: model.DefaultTenant, CreatedBy: "admin", CreatedAt: time.Now().UTC(), Visibility: model.VisibilityTenant},
		ID:       model.ExecutionID(uuid.NewString()), Workflow: workflow, Deployment: d, Blueprint: "bp", Status: status,
		Parameters: parameters, TokenSerial: 1,
	}
	h.update(func(tx store.Tx) error { return tx.InsertExecution(x) })
	if err := h.bus.Notify(engine.TopicWake, []byte(x.ID)); err != nil {
		h.t.Fatal(err)
	}
	return x.ID
}

func (h *house) get(id model.ExecutionID) *model.Execution {
	h.t.Helper()
	var x *model.Execution
	err := h.store.View(context.Background(), func(tx store.Reader) (err error) {
		x, err = tx.Execution(id)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return x
}

// await polls until the condition holds.
func (h *house) await(what string, cond func() bool) {
	h.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(h.patience)
	defer limit.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-limit.C:
			h.t.Fatalf("waited too long for %s", what)
		}
	}
}

func (h *house) ended(id model.ExecutionID) *model.Execution {
	h.t.Helper()
	h.await("the end of execution "+string(id), func() bool { return h.get(id).Status.Ended() })
	return h.get(id)
}

// messages returns the texts of an execution's events in order.
func (h *house) messages(id model.ExecutionID) []string {
	h.t.Helper()
	var out []string
	err := h.store.View(context.Background(), func(tx store.Reader) error {
		p, err := tx.Events(store.EventQuery{Scope: store.Scope{Admin: true}, Limit: -1,
			Where: []store.Condition{{Field: "execution_id", Values: []string{string(id)}}}})
		for _, e := range p.Items {
			out = append(out, e.Message)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *house) states(d model.DeploymentID) map[model.InstanceState]int {
	h.t.Helper()
	var out map[model.InstanceState]int
	err := h.store.View(context.Background(), func(tx store.Reader) (err error) {
		out, err = tx.InstanceStates(model.DefaultTenant, d)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *house) tasks(id model.ExecutionID) []*model.Task {
	h.t.Helper()
	var out []*model.Task
	err := h.store.View(context.Background(), func(tx store.Reader) error {
		graphs, err := tx.Graphs(id)
		for _, g := range graphs {
			tasks, err := tx.GraphTasks(g.ID)
			if err != nil {
				return err
			}
			out = append(out, tasks...)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}
