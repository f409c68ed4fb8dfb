// Package agent runs operations on a host, or beside the manager as the central executor.
//
// An Agent takes task messages from its queue, runs each with the function that its task names, and reports to the
// engine. It supervises: a journal on disk remembers which attempts were started and how they ended, so that an attempt
// that comes twice is run once, and processes that a dead predecessor left are ended before their attempt is run again.
//
// The agent never decides about retries, never touches a database and knows the manager only through Manager.
//
// Invariants: the result of an attempt is in the journal before it is reported, and reported before its message is
// acknowledged; its logs reach the manager before its result; a killed attempt has no result; no process of an
// attempt outlives its kill.
//
//	message ─▶ journal? ─▶ execution still wanted? ─▶ started ─▶ function ─▶ logs ─▶ journal ─▶ finished ─▶ ack
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/pyhost"
	"github.com/reifyhq/reify/internal/script"
)

// DefaultSlots is the number of operations that the central executor runs at the same time (operations, section 2).
const DefaultSlots = 20

// Manager is what an agent needs of its manager on behalf of one task, with that task's execution token.
type Manager interface {
	script.Manager
	// ExecutionStatus returns the status of an execution; fault.Unauthorized when the token is no longer valid.
	ExecutionStatus(ctx context.Context, id model.ExecutionID) (model.ExecutionStatus, error)
	// Open opens a file of the API, such as plugins/ID/archive; the caller closes it.
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	// Put writes a JSON document of the API, such as plugins/ID.
	Put(ctx context.Context, path string, body any) error
}

// Options configure an agent. Bus, WorkDir and ManagerFor are required.
type Options struct {
	// Name is what the agent calls itself in reports, logs and to operations.
	Name string
	// Queue is the address from which it takes tasks; empty is the central executor's.
	Queue operation.Address
	// WorkDir holds the journal, logs, the Python side and the ctx command. One running agent per directory.
	WorkDir string
	// TempDir is where scripts and downloads are put; empty is tmp in WorkDir.
	TempDir string
	Bus     bus.Bus
	// Clock is the machine's when nil.
	Clock clock.Clock
	// Slots is the number of operations at the same time; DefaultSlots when zero.
	Slots int
	// ManagerFor returns the manager for a task.
	ManagerFor func(*operation.Message) Manager
	// CtxCommand is the program that is linked as ctx; the running program when empty.
	CtxCommand string
	// Python is the interpreter of Python scripts, python3 when empty.
	Python string
	// Env is the environment of operations before the agent's own additions; the agent's own when nil.
	Env []string
	// Functions are further functions by the names of their tasks. Nil has none.
	Functions map[string]Function
	// Find returns more functions, such as those of installed plugins; it is asked after the built-in ones. Nil has none.
	Find func(*operation.Message) (Function, bool)
	// Plugins runs what is not built in: the operations of Python plugins. Nil has none. It must be started before Run
	// and closed after it.
	Plugins *pyhost.Host
	// Log receives what happens to the agent itself; nil discards it.
	Log *slog.Logger
}

// Agent runs operations. See New.
type Agent struct {
	o         Options
	log       *slog.Logger
	functions map[string]Function
	journal   *journal
	running   registry
	// quit ends Run.
	quit context.CancelCauseFunc
	// waiting are the attempts that run beyond the slots.
	waiting sync.WaitGroup
}

// New returns an agent that has not started anything yet.
func New(o Options) *Agent {
	if o.Queue == "" {
		o.Queue = operation.CentralQueue
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Slots <= 0 {
		o.Slots = DefaultSlots
	}
	if o.TempDir == "" {
		o.TempDir = filepath.Join(o.WorkDir, "tmp")
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	functions := builtin()
	if o.Queue != operation.CentralQueue {
		functions[stopTask] = Function{Run: stopAgent, Resumable: true, Instant: true}
	}
	maps.Copy(functions, o.Functions)
	return &Agent{o: o, log: o.Log, functions: functions, running: registry{attempts: map[string]*attempt{}}}
}

// errStopped is why an agent ends that was told to by an operation.
var errStopped = errors.New("the agent was stopped")

// errKilled is why the context of a killed attempt ends.
var errKilled = errors.New("execution was killed")

// Run serves until ctx ends: it takes tasks, answers pings and obeys cancels. When ctx ends it ends the processes of the
// running attempts, whose messages go back to the queue. It returns nil then, and an error when it could not go on.
func (a *Agent) Run(ctx context.Context) error {
	if err := a.prepare(); err != nil {
		return fmt.Errorf("prepare agent %s: %w", a.o.Name, err)
	}
	j, err := openJournal(filepath.Join(a.o.WorkDir, journalName), a.o.Clock)
	if err != nil {
		return fmt.Errorf("open journal of agent %s: %w", a.o.Name, err)
	}
	defer func() {
		if err := j.close(); err != nil {
			a.log.Error("close journal", "error", err)
		}
	}()
	a.journal = j
	a.endLeftovers()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a.quit = cancel
	var parts sync.WaitGroup
	for _, part := range []func(context.Context) error{a.watchCancels, a.servePings, a.receive, a.relieve} {
		parts.Go(func() {
			if err := part(ctx); err != nil {
				cancel(err)
			}
		})
	}
	parts.Wait()
	a.waiting.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, errStopped) && !errors.Is(err, context.Canceled) &&
		!errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("agent %s: %w", a.o.Name, err)
	}
	return nil
}

func (a *Agent) receive(ctx context.Context) error {
	return a.o.Bus.Receive(ctx, a.o.Queue.TaskQueue(), bus.ReceiveOptions{Slots: a.o.Slots}, func(inner context.Context, m bus.Message) error {
		return a.handle(ctx, inner, m)
	})
}

func (a *Agent) servePings(ctx context.Context) error {
	return a.o.Bus.Serve(ctx, a.o.Queue.PingTopic(), func([]byte) []byte {
		now := a.o.Clock.Now()
		// A struct of one number always encodes.
		pong, _ := json.Marshal(operation.Pong{Time: float64(now.UnixMicro()) / 1e6})
		return pong
	})
}

func (a *Agent) watchCancels(ctx context.Context) error {
	return a.o.Bus.Watch(ctx, operation.CancelTopic, func(data []byte) {
		c, err := operation.DecodeCancel(data)
		if err != nil {
			a.log.Warn("ignored a cancel", "error", err)
			return
		}
		if n := a.running.kill(c); n > 0 {
			a.log.Info("killing operations", "execution", c.Execution, "operations", n)
		}
		a.tellKilled(slices.DeleteFunc(c.Attempts, func(id string) bool {
			past := a.journal.lookup(id)
			return !past.dropped && past.result == nil
		}))
	})
}

// tellKilled says that nothing runs any more of attempts. Nobody depends on it: the question is repeated.
func (a *Agent) tellKilled(attempts []string) {
	if len(attempts) == 0 {
		return
	}
	data, err := json.Marshal(operation.Killed{Attempts: attempts})
	if err == nil {
		err = a.o.Bus.Notify(operation.KilledTopic, data)
	}
	if err != nil {
		a.log.Warn("tell that operations were killed", "attempts", len(attempts), "error", err)
	}
}

// endLeftovers ends the process groups that a dead predecessor left running.
func (a *Agent) endLeftovers() {
	var ends sync.WaitGroup
	for id, p := range a.journal.processes() {
		if !p.same() {
			continue
		}
		a.log.Warn("ending a process of a dead predecessor", "attempt", id, "pid", p.PID)
		ends.Go(func() { script.EndGroup(a.o.Clock, p.PID) })
	}
	for id, group := range groupsOf(a.journal.unknown()) {
		a.log.Warn("ending a process of a dead predecessor that it had not noted yet", "attempt", id, "group", group)
		ends.Go(func() { script.EndGroup(a.o.Clock, group) })
	}
	ends.Wait()
}

// registry knows the attempts that are running now. It is safe for concurrent use.
type registry struct {
	mu       sync.Mutex
	attempts map[string]*attempt
	// latest is when the last attempt began.
	latest time.Time
}

// begin adds an attempt that starts now and reports false when it is running already, be it for an earlier dispatch: an
// execution that was cancelled and resumed sends again what may still be at work.
func (r *registry) begin(t *attempt, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.attempts[t.key()] != nil {
		return false
	}
	r.attempts[t.key()], r.latest = t, now
	return true
}

// stuck reports whether all slots are taken and nothing began after since.
func (r *registry) stuck(slots int, since time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, t := range r.attempts {
		if !t.waits {
			n++
		}
	}
	return n >= slots && !r.latest.After(since)
}

func (r *registry) end(t *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.attempts, t.key())
}

// kill ends the attempts that are meant and returns how many there are.
func (r *registry) kill(c operation.Cancel) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, t := range r.attempts {
		if c.Means(t.id) {
			t.cancel(errKilled)
			n++
		}
	}
	return n
}
