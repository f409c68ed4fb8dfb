package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store/memstore"
)

const (
	// patience is how long nothing may move before an unfinished execution is taken to wait for ever.
	patience = 2 * time.Hour
	maxSteps = 80000
)

var dawn = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is everything that takes part. The scheduler owns it; what goroutines of the engine touch is under mu.
type world struct {
	opt  Options
	ctx  context.Context
	rng  *rand.Rand
	disk *memstore.Store

	mu  sync.Mutex
	now time.Time
	log []string
	// failure is the first broken rule.
	failure string
	// moved is the last instant at which something happened but for the engine's own ticking.
	moved time.Time

	managers []*manager
	broker   *broker
	agents   []*agent
	check    *checker
	todo     []todo
	seq      int
	// troubles is how many faults may still happen; messages are mistreated as long as there are any.
	troubles int
	// isTransient says that the outcome must not depend on the faults.
	isTransient bool
	users       []*user
	scripts     map[string]script
}

// todo is something that will happen at an instant.
type todo struct {
	at   time.Time
	seq  int
	name string
	do   func()
	// ripe, when set, must be true too.
	ripe func() bool
}

// choice is something that may happen now.
type choice struct {
	name string
	do   func()
}

func newWorld(ctx context.Context, o Options) *world {
	w := &world{
		opt: o, ctx: ctx, rng: rand.New(rand.NewPCG(o.Seed, 17)), disk: memstore.New(), now: dawn, moved: dawn,
		scripts: map[string]script{},
	}
	w.broker = newBroker(w)
	w.agents = []*agent{newAgent(w, operation.CentralQueue), newAgent(w, operation.AgentAddress(tenant, hostQueue))}
	w.check = newChecker(w)
	w.isTransient = w.chance(2, 3)
	w.layOut()
	w.troubles = w.rng.IntN(9)
	if o.Calm {
		w.troubles = 0
	}
	for i := range 1 + w.rng.IntN(2) {
		m := &manager{w: w, name: fmt.Sprintf("m%d", i+1)}
		w.managers = append(w.managers, m)
		m.start()
	}
	return w
}

// chance is true in n of m cases.
func (w *world) chance(n, m int) bool { return w.rng.IntN(m) < n }

// upTo is a random duration.
func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) }

// note adds a line to the log.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, w.now.Sub(dawn).String()+" "+fmt.Sprintf(format, args...))
}

// broke notes a broken rule; the first one ends the simulation.
func (w *world) broke(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.note("BROKEN: %s", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == "" {
		w.failure = text
	}
}

// after plans something.
func (w *world) after(d time.Duration, name string, do func()) { w.when(d, name, nil, do) }

// when plans something that also waits for a condition.
func (w *world) when(d time.Duration, name string, ripe func() bool, do func()) {
	w.seq++
	w.todo = append(w.todo, todo{w.now.Add(d), w.seq, name, do, ripe})
}

// run lets one thing happen after the other until all is done or a rule is broken.
func (w *world) run() {
	for range maxSteps {
		synctest.Wait()
		w.settle()
		if w.failure != "" || w.isDone() {
			return
		}
		if w.trouble() {
			continue
		}
		choices := w.choices()
		if len(choices) > 0 {
			c := choices[w.rng.IntN(len(choices))]
			w.note("%s", c.name)
			c.do()
			continue
		}
		if !w.advance() {
			return
		}
	}
	w.broke("the simulation does not end: %s", w.waiting())
}

// settle handles what the goroutines left behind on their way to quiet.
func (w *world) settle() {
	for _, m := range w.managers {
		m.settle()
	}
	w.broker.settle()
}

func (w *world) choices() []choice {
	var all []choice
	for _, m := range w.managers {
		all = append(all, m.choices()...)
	}
	all = append(all, w.broker.choices()...)
	for _, a := range w.agents {
		all = append(all, a.choices()...)
	}
	for _, t := range w.todo {
		if !t.at.After(w.now) && (t.ripe == nil || t.ripe()) {
			all = append(all, choice{t.name, func() { w.perform(t) }})
		}
	}
	return all
}

func (w *world) perform(t todo) {
	w.todo = slices.DeleteFunc(w.todo, func(o todo) bool { return o.seq == t.seq })
	w.moved = w.now
	t.do()
}

// advance moves the time to the next instant at which something may happen.
func (w *world) advance() bool {
	w.check.explains()
	var next time.Time
	earlier := func(t time.Time) {
		if t.After(w.now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, t := range w.todo {
		earlier(t.at)
	}
	w.broker.instants(earlier)
	for _, m := range w.managers {
		m.instants(earlier)
	}
	if next.IsZero() || next.Sub(w.moved) > patience {
		w.broke("everybody waits for ever: %s", w.waiting())
		return false
	}
	w.mu.Lock()
	w.now = next
	w.mu.Unlock()
	return true
}

// isDone reports whether the users have what they asked for.
func (w *world) isDone() bool {
	for _, u := range w.users {
		if !u.isDone() {
			return false
		}
	}
	return w.check.atEnd()
}

// waiting says what is not done and why.
func (w *world) waiting() string {
	var out []string
	for _, x := range w.executions() {
		if x.Status.Ended() {
			continue
		}
		out = append(out, fmt.Sprintf("execution %s (%s) is %s, step %d, lease %+v", x.ID, x.Workflow, x.Status, x.Progress.Step, x.Lease))
		for _, t := range w.tasks(x.Progress.Graph) {
			if t.Type == model.TaskRemote && !t.State.Ended() && t.State != model.TaskPending {
				out = append(out, fmt.Sprintf("  task %s %s is %s", t.ID, scriptKey(t.Parameters.Operation.Name, t.Parameters.Operation.Instance), t.State))
			}
		}
	}
	for _, u := range w.users {
		out = append(out, fmt.Sprintf("user of %s has %v left", u.deployment, u.plan))
	}
	for _, t := range w.todo {
		out = append(out, "planned: "+t.name)
	}
	return strings.Join(append(out, w.broker.String()), "\n")
}

// shutdown ends everything that still runs.
func (w *world) shutdown() {
	for _, m := range w.managers {
		m.kill()
	}
	synctest.Wait()
}
