package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/workflow"
)

// errDead answers every call of a process that was killed; errDisk and errBroker are the injected failures.
var (
	errDead   = errors.New("the process is dead")
	errDisk   = errors.New("the disk failed")
	errBroker = errors.New("the broker failed")
)

// verdict is what becomes of a parked call.
type verdict int

const (
	proceed verdict = iota
	// fail answers with an error and does nothing.
	fail
	// torn does it and answers with an error.
	torn
	// twice lets the function of an update run, undoes it and runs it again.
	twice
	// dieBefore and dieAfter kill the process before it is done, or after but before the answer.
	dieBefore
	dieAfter
)

func (v verdict) String() string {
	return [...]string{"PROCEEDS", "FAILS", "is TORN", "runs TWICE", "CRASHES BEFORE", "CRASHES AFTER"}[v]
}

// call is a parked call of a seam.
type call struct {
	key string
	// verdicts are the faults it may meet.
	verdicts []verdict
	answer   chan verdict
	// ripe, when set, says whether it may be answered yet.
	ripe func() bool
}

// manager is a manager's place: its name and the process that runs there now.
type manager struct {
	w       *world
	name    string
	boots   int
	process *process
	// frozen is until when the process does not run.
	frozen time.Time
	// skew is how far its wall clock is off.
	skew time.Duration
}

// process is one life of a manager.
type process struct {
	m      *manager
	name   string
	cancel context.CancelFunc
	// dead is set when it was killed: from then on it has no effect on anything.
	dead  atomic.Bool
	ended atomic.Bool
	// The following are under the world's mu.
	parked    []*call
	timers    []*timer
	receivers []*receiver
	watchers  []*watcher
	ids       int
}

func (m *manager) start() {
	m.boots++
	p := &process{m: m, name: fmt.Sprintf("%s.%d", m.name, m.boots)}
	ctx, cancel := context.WithCancel(m.w.ctx)
	p.cancel = cancel
	m.process = p
	e := engine.New(engine.Options{
		Store: disk{p}, Bus: port{p}, Clock: wall{p}, Log: slog.New(slog.DiscardHandler), Owner: m.name,
		Settings:      workflow.Settings{TaskRetries: 5, RetryInterval: 15 * time.Second, WaitAfterFail: 10 * time.Minute},
		Evaluate:      plain{},
		Token:         func(x *model.Execution) string { return fmt.Sprintf("token-%d", x.TokenSerial) },
		NewTaskID:     func() model.TaskID { return model.TaskID(p.newID("t")) },
		NewGraphID:    func() model.GraphID { return model.GraphID(p.newID("g")) },
		NewID:         func() string { return p.newID("i") },
		NewInstanceID: func(name string) string { return name + "_new" + p.newID("n") },
		System:        map[string]engine.SystemWorkflow{systemWork: work, model.WorkflowDeleteEnvironment: work},
	})
	go func() {
		// Whatever ends it, the scheduler sees that it is gone and starts another.
		_ = e.Run(ctx)
		p.ended.Store(true)
	}()
}

func (p *process) newID(kind string) string {
	p.m.w.mu.Lock()
	defer p.m.w.mu.Unlock()
	p.ids++
	return fmt.Sprintf("%s-%s%d", p.name, kind, p.ids)
}

// plain evaluates nothing.
type plain struct{}

func (plain) Inputs(_ context.Context, _ *model.Execution, c *model.OperationCall) (model.Document, error) {
	return c.Kwargs, nil
}

func (plain) Properties(context.Context, model.TenantName, *model.NodeInstance) (model.Document, error) {
	return nil, nil
}

// park blocks the caller until the scheduler decides about its call.
func (p *process) park(key string, verdicts ...verdict) verdict {
	if p.dead.Load() {
		return dieBefore
	}
	c := &call{key: key, verdicts: verdicts, answer: make(chan verdict, 1)}
	p.m.w.mu.Lock()
	p.parked = append(p.parked, c)
	p.m.w.mu.Unlock()
	return <-c.answer
}

// kill ends the process as a power failure would: nothing that it still wants to do has any effect.
func (m *manager) kill() {
	p := m.process
	if p == nil {
		return
	}
	p.dead.Store(true)
	m.w.mu.Lock()
	for _, c := range p.parked {
		c.answer <- dieBefore
	}
	p.parked, p.timers = nil, nil
	m.w.mu.Unlock()
	p.cancel()
	m.process = nil
	m.frozen = time.Time{}
	m.w.broker.orphan(p)
}

// crash kills the process and has another one started a little later.
func (m *manager) crash() {
	m.kill()
	m.w.after(m.w.upTo(20*time.Second), "start "+m.name, func() {
		if m.process == nil {
			m.start()
		}
	})
}

// settle buries a process that ended by itself or was killed by one of its own calls.
func (m *manager) settle() {
	p := m.process
	if p == nil || !p.dead.Load() && !p.ended.Load() {
		return
	}
	m.w.note("%s is gone", p.name)
	m.crash()
}

func (m *manager) isRunning() bool {
	return m.process != nil && !m.frozen.After(m.w.now)
}

func (m *manager) choices() []choice {
	if !m.isRunning() {
		return nil
	}
	p, w := m.process, m.w
	w.mu.Lock()
	calls := slices.Clone(p.parked)
	timers := slices.Clone(p.timers)
	w.mu.Unlock()
	slices.SortStableFunc(calls, func(a, b *call) int { return strings.Compare(a.key, b.key) })
	slices.SortStableFunc(timers, func(a, b *timer) int {
		return cmp.Or(a.at.Compare(b.at), a.seq-b.seq)
	})
	var all []choice
	for _, c := range calls {
		if c.ripe != nil && !c.ripe() {
			continue
		}
		all = append(all, choice{p.name + " " + c.key, func() { p.decide(c, w.fate(c)) }})
	}
	for _, t := range timers {
		if !t.at.After(w.now) {
			all = append(all, choice{p.name + " timer", func() { p.fire(t) }})
		}
	}
	// Watchers register in the order in which their goroutines happened to start.
	watchers := slices.SortedFunc(slices.Values(p.watchers), func(a, b *watcher) int { return strings.Compare(a.topic, b.topic) })
	for _, watch := range watchers {
		if len(watch.notes) > 0 {
			all = append(all, choice{p.name + " is notified of " + watch.notes[0], func() { watch.next() }})
		}
	}
	return all
}

func (p *process) decide(c *call, v verdict) {
	w := p.m.w
	if v != proceed {
		w.note("%s %s %s", p.name, c.key, v)
	}
	w.mu.Lock()
	p.parked = slices.DeleteFunc(p.parked, func(o *call) bool { return o == c })
	w.mu.Unlock()
	if v == dieAfter {
		// The call marks its process dead by itself once it is done.
		c.answer <- v
		return
	}
	if v == dieBefore {
		p.dead.Store(true)
	}
	c.answer <- v
}

func (p *process) fire(t *timer) {
	w := p.m.w
	w.mu.Lock()
	defer w.mu.Unlock()
	p.timers = slices.DeleteFunc(p.timers, func(o *timer) bool { return o == t })
	t.c <- w.now.Add(p.m.skew)
}

func (m *manager) instants(earlier func(time.Time)) {
	if m.process == nil {
		return
	}
	if m.frozen.After(m.w.now) {
		earlier(m.frozen)
		return
	}
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	for _, t := range m.process.timers {
		earlier(t.at)
	}
}
