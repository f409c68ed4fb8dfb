package workflow

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// sim is a small engine for tests: it keeps the tasks as a store would (as JSON) and plays the executors.
type sim struct {
	t       testing.TB
	opt     RunOptions
	snap    *Snapshot
	run     *Run
	order   []model.TaskID
	durable map[model.TaskID][]byte
	states  map[model.TaskID]model.TaskState
	tasks   map[model.TaskID]*model.Task
	now     time.Time
	wake    time.Time
	sent    []model.TaskID
	lastID  int
	// answer says how an attempt ends.
	answer func(t *model.Task) (json.RawMessage, *model.TaskError)
	// onEffects, when set, sees every step.
	onEffects func(Effects)
	events    []Event
	end       *End
	total     int
	ended     int
	// begun is set once the first run was made: later ones are restored from what is stored.
	begun bool
}

func newSim(t testing.TB, tasks []*model.Task, snap *Snapshot) *sim {
	s := &sim{
		t: t, snap: snap, now: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
		durable: map[model.TaskID][]byte{}, tasks: map[model.TaskID]*model.Task{}, states: map[model.TaskID]model.TaskState{},
		answer: func(*model.Task) (json.RawMessage, *model.TaskError) { return nil, nil },
	}
	s.opt = RunOptions{Settings: DefaultSettings, NewTaskID: s.newID}
	s.opt.Settings.WaitAfterFail = 1000 * time.Hour
	s.save(tasks)
	return s
}

func (s *sim) newID() model.TaskID {
	s.lastID++
	return model.TaskID(fmt.Sprintf("new%04d", s.lastID))
}

func (s *sim) save(tasks []*model.Task) {
	for _, t := range tasks {
		raw, err := json.Marshal(t)
		if err != nil {
			s.t.Fatal(err)
		}
		if _, old := s.durable[t.ID]; !old {
			s.order = append(s.order, t.ID)
		}
		s.durable[t.ID] = raw
		s.tasks[t.ID] = t
		s.states[t.ID] = t.State
	}
}

// saveStates stores the states of the tasks that a step says are all that changed of them; whatever else did is lost with
// the next crash.
func (s *sim) saveStates(out Effects) {
	whole := map[model.TaskID]bool{}
	for _, t := range out.Written {
		whole[t.ID] = true
	}
	for _, t := range out.Tasks {
		if whole[t.ID] {
			continue
		}
		stored := &model.Task{}
		if err := json.Unmarshal(s.durable[t.ID], stored); err != nil {
			s.t.Fatal(err)
		}
		stored.State = t.State
		raw, err := json.Marshal(stored)
		if err != nil {
			s.t.Fatal(err)
		}
		if now, err := json.Marshal(t); err != nil || string(now) != string(raw) {
			s.t.Fatalf("a step says that only the state of a task changed, from\n%s\nto\n%s", raw, now)
		}
		s.durable[t.ID], s.states[t.ID] = raw, t.State
	}
}

// start makes a run from what is stored and begins it, as after a crash.
func (s *sim) start() {
	var tasks []*model.Task
	for _, id := range s.order {
		t := &model.Task{}
		if err := json.Unmarshal(s.durable[id], t); err != nil {
			s.t.Fatal(err)
		}
		tasks = append(tasks, t)
		s.tasks[id] = t
	}
	opt := s.opt
	opt.Fresh = !s.begun
	s.begun = true
	run, err := NewRun(tasks, s.snap, opt)
	if err != nil {
		s.t.Fatal(err)
	}
	s.run, s.sent, s.wake = run, nil, time.Time{}
	s.apply(run.Advance(s.now, Begin{}))
}

func (s *sim) apply(out Effects) {
	s.save(out.Written)
	s.saveStates(out)
	if s.onEffects != nil {
		s.onEffects(out)
	}
	for _, t := range out.Send {
		s.sent = append(s.sent, t.ID)
	}
	s.events = append(s.events, out.Events...)
	s.total += out.Total
	s.ended += out.Finished
	s.wake, s.end = out.Wake, out.End
}

// step answers one sent task, or lets time pass. It reports whether there was anything to do.
func (s *sim) step(pick int) bool {
	s.now = s.now.Add(time.Millisecond)
	switch {
	case len(s.sent) > 0:
		k := pick % len(s.sent)
		id := s.sent[k]
		s.sent = append(s.sent[:k:k], s.sent[k+1:]...)
		result, err := s.answer(s.tasks[id])
		s.apply(s.run.Advance(s.now, Finished{Task: id, Result: result, Err: err}))
	case !s.wake.IsZero():
		if s.wake.After(s.now) {
			s.now = s.wake
		}
		s.apply(s.run.Advance(s.now, Due{}))
	default:
		return false
	}
	return true
}

// finish steps to the end.
func (s *sim) finish() *End {
	s.t.Helper()
	for range 100000 {
		if s.end != nil {
			return s.end
		}
		if !s.step(0) {
			s.t.Fatal("the run neither ends nor waits for anything")
		}
	}
	s.t.Fatal("the run does not end")
	return nil
}

func (s *sim) messages() []string {
	var out []string
	for _, e := range s.events {
		out = append(out, e.Message)
	}
	return out
}

// remote makes an operation task.
func remote(id string, deps ...model.TaskID) *model.Task {
	return &model.Task{
		ID: model.TaskID(id), Name: "plugin.op_" + id, Type: model.TaskRemote, State: model.TaskPending, Dependencies: deps,
		Parameters: model.TaskParameters{
			SendTaskEvents: true, TotalRetries: 2, RetryInterval: 5,
			Operation: &model.OperationCall{Name: "iface." + id, Instance: "i_1"},
		},
	}
}

func recoverable(message string, after *float64) *model.TaskError {
	return &model.TaskError{ExceptionType: "ValueError", Message: message, Known: model.ErrorRecoverable, RetryAfter: after}
}

func fatal(message string) *model.TaskError {
	return &model.TaskError{ExceptionType: "NonRecoverableError", Message: message, Known: model.ErrorNonRecoverable}
}
