package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

// slots is how many operations the agent runs at the same time.
const slots = 20

// agent is the executor of all operations, by the rules of package agent: a journal remembers which attempts began and
// how they ended; what was finished is answered from it, what is running is not begun again.
type agent struct {
	w *world
	// address is its own: the central executor or the agent of the hosts.
	address operation.Address
	// cancels are the requests to kill that it has not heard yet; under the world's mu.
	cancels []operation.Cancel
	// boots counts its lives; up is false while it is down.
	boots int
	up    bool
	// journal survives a crash unless the crash takes it too.
	journal map[string]entry
	running map[string]*letter
}

// entry is what the journal knows of an attempt. dropped is the token for which it was dropped.
type entry struct {
	started bool
	dropped string
	result  *operation.Result
}

func newAgent(w *world, address operation.Address) *agent {
	return &agent{w: w, address: address, up: true, journal: map[string]entry{}, running: map[string]*letter{}}
}

func (a *agent) mayTake() bool { return a.up && len(a.running) < slots }

// take is one delivery of a task message.
func (a *agent) take(l *letter) {
	w := a.w
	w.moved = w.now
	l.deliveries++
	m, err := operation.DecodeMessage(l.data)
	if err != nil {
		w.broke("a task message cannot be read: %v", err)
		return
	}
	if a.running[l.id] != nil {
		// It is running: the message comes back until it is finished.
		w.broker.again(l, min(50*time.Millisecond<<min(l.deliveries, 10), 5*time.Second))
		return
	}
	past := a.journal[l.id]
	token := m.Context.ExecutionToken
	switch {
	case past.dropped != "" && past.dropped == token:
		w.broker.drop(l)
		return
	case past.result != nil:
		if w.opt.Plant != PlantMuteJournal {
			a.report(l, m, operation.ReportFinished, past.result, "")
		}
		w.broker.drop(l)
		return
	}
	x := w.disk.SharedExecution(m.Context.ExecutionID)
	if x == nil || !x.Status.Active() || x.Status == model.ExecutionKillCancelling || token != fmt.Sprintf("token-%d", x.TokenSerial) {
		past.dropped = token
		a.journal[l.id] = past
		w.note("agent drops %s", l.id)
		w.broker.drop(l)
		return
	}
	past.started = true
	a.journal[l.id] = past
	a.running[l.id] = l
	// The message stays the agent's until the attempt is over.
	w.broker.drop(l)
	w.check.begins(l.id, x, m)
	a.report(l, m, operation.ReportStarted, nil, fmt.Sprintf("%s/started/%d", l.id, l.deliveries))
	a.work(l, m)
}

// work plans the end of an attempt.
func (a *agent) work(l *letter, m *operation.Message) {
	w, life := a.w, a.boots
	s, isOwn := w.scripts[scriptKey(m.Context.Operation.Name, m.Context.NodeID)]
	if !isOwn {
		// An instance of a model that changes: its node decides.
		s = w.scripts[m.Context.Operation.Name+"@"+string(m.Context.NodeName)]
	}
	result, takes := s.outcome(m.Context.Operation.RetryNumber)
	w.after(w.upTo(takes)+time.Millisecond, "agent ends "+l.id, func() {
		if life != a.boots || a.running[l.id] != l {
			return
		}
		delete(a.running, l.id)
		w.check.ends(l.id)
		if x := w.disk.SharedExecution(m.Context.ExecutionID); x != nil && x.Status == model.ExecutionKillCancelling {
			a.journal[l.id] = entry{dropped: m.Context.ExecutionToken}
			return
		}
		a.journal[l.id] = entry{started: true, result: &result}
		a.report(l, m, operation.ReportFinished, &result, fmt.Sprintf("%s/finished/%d", l.id, l.deliveries))
	})
}

func (a *agent) report(l *letter, m *operation.Message, kind operation.ReportKind, result *operation.Result, id string) {
	r := &operation.Report{Kind: kind, Execution: m.Context.ExecutionID, Task: m.Context.TaskID, Attempt: l.id, Executor: "agent", Result: result}
	data, err := r.Encode()
	if err != nil {
		a.w.broke("a report cannot be written: %v", err)
		return
	}
	a.w.broker.send(operation.ResultsQueue, id, data)
}

// choices are the requests to kill that it may hear now.
func (a *agent) choices() []choice {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	if !a.up || len(a.cancels) == 0 {
		return nil
	}
	c := a.cancels[0]
	return []choice{{string(a.address) + " hears that " + string(c.Execution) + " is killed", func() { a.hear(c) }}}
}

// hear kills what is meant and tells of what is over.
func (a *agent) hear(c operation.Cancel) {
	w := a.w
	w.mu.Lock()
	a.cancels = a.cancels[1:]
	w.mu.Unlock()
	w.moved = w.now
	for _, id := range slices.Sorted(maps.Keys(a.running)) {
		if c.Means(id) {
			m, err := operation.DecodeMessage(a.running[id].data)
			if err != nil {
				w.broke("a task message cannot be read: %v", err)
				return
			}
			w.check.ends(id)
			a.journal[id] = entry{dropped: m.Context.ExecutionToken}
			delete(a.running, id)
		}
	}
	var over []string
	for _, id := range c.Attempts {
		if past := a.journal[id]; past.dropped != "" || past.result != nil {
			over = append(over, id)
		}
	}
	if data, err := json.Marshal(operation.Killed{Attempts: over}); err == nil && len(over) > 0 {
		w.notify(operation.KilledTopic, string(data))
	}
}

// crash ends all attempts that run; their messages come again.
func (a *agent) crash(withJournal bool) {
	w := a.w
	a.boots++
	a.up = false
	if withJournal {
		a.journal = map[string]entry{}
	}
	for _, id := range slices.Sorted(maps.Keys(a.running)) {
		l := a.running[id]
		w.check.ends(id)
		w.broker.letters = append(w.broker.letters, l)
		w.broker.again(l, w.upTo(ackWait))
	}
	clear(a.running)
	w.after(w.upTo(time.Minute), "start "+string(a.address), func() { a.up = true })
}

// script says how the attempts of an operation go.
type script struct {
	// failures is how many attempts fail before one succeeds; negative fails for ever, beyond retry.
	failures int
	kind     model.KnownError
	after    *float64
	takes    time.Duration
}

func scriptKey(operation string, instance model.InstanceID) string {
	return operation + "@" + string(instance)
}

func (s script) outcome(retry int) (operation.Result, time.Duration) {
	takes := s.takes + time.Millisecond
	switch {
	case s.failures < 0:
		return operation.Fail(operation.WithCause(operation.NonRecoverable("it never works"))), takes
	case retry >= s.failures:
		return operation.Result{}, takes
	case s.kind == model.ErrorRetry:
		return operation.Fail(operation.Retry("not yet", s.after)), takes
	case s.kind == model.ErrorRecoverable:
		return operation.Fail(operation.WithCause(operation.Recoverable("not yet", s.after))), takes
	}
	return operation.Fail(operation.WithCause(operation.Exception("ValueError", "attempt %d fails", retry))), takes
}
