package workflow

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/model"
)

func TestRemoteTaskEvents(t *testing.T) {
	t.Parallel()
	s := newSim(t, []*model.Task{remote("a"), remote("b", "a")}, nil)
	attempts := 0
	s.answer = func(task *model.Task) (json.RawMessage, *model.TaskError) {
		if task.Name != "plugin.op_a" {
			return json.RawMessage(`{"x": [1, true, null, "it's"]}`), nil
		}
		attempts++
		switch attempts {
		case 1:
			return nil, recoverable("not yet", nil)
		case 2:
			zero := 0.0
			return nil, &model.TaskError{Message: "later", Known: model.ErrorRetry, RetryAfter: &zero}
		}
		return json.RawMessage(`"fine"`), nil
	}
	began := s.now
	s.start()
	if end := s.finish(); end.Failure != nil || end.Cancelled {
		t.Fatalf("end = %+v", end)
	}
	want := []string{
		"Sending task 'plugin.op_a'", "Task started 'plugin.op_a'", "Task failed 'plugin.op_a' -> not yet",
		"Sending task 'plugin.op_a' [retry 1/2]", "Task started 'plugin.op_a' [retry 1/2]",
		"Task rescheduled 'plugin.op_a' -> later [retry 1/2]",
		"Sending task 'plugin.op_a' [retry 2/2]", "Task started 'plugin.op_a' [retry 2/2]",
		"Task succeeded 'plugin.op_a' - fine [retry 2/2]",
		"Sending task 'plugin.op_b'", "Task started 'plugin.op_b'",
		`Task succeeded 'plugin.op_b' - {'x': [1, True, None, "it's"]}`,
	}
	if diff := cmp.Diff(want, s.messages()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if waited := s.now.Sub(began); waited < 5*time.Second || waited > 6*time.Second {
		t.Errorf("waited %v, want the retry interval of 5s once", waited)
	}
	if s.total != 4 || s.ended != 4 {
		t.Errorf("operations: total %d, finished %d, want 4 and 4", s.total, s.ended)
	}
}

func TestFailureText(t *testing.T) {
	t.Parallel()
	answer := func(task *model.Task) (json.RawMessage, *model.TaskError) {
		err := fatal("no " + task.Name)
		err.Causes = []model.ErrorCause{{Type: "ValueError", Message: "one"}, {Type: "KeyError", Message: "two"}}
		if task.Name == "plugin.op_b" {
			err.Causes = nil
		} else {
			err.Traceback = "Traceback (most recent call last):\n  File x\nValueError: one"
		}
		return nil, err
	}
	one := newSim(t, []*model.Task{remote("a"), remote("c", "a")}, nil)
	one.answer = answer
	one.start()
	want := "Task failed: plugin.op_a (i_1:iface.a): ValueError `one`\nKeyError `two`" +
		"\nTraceback of plugin.op_a (i_1:iface.a) (most recent call last):\n  File x\nValueError: one"
	if got := one.finish().Failure.Message; got != want {
		t.Errorf("one failure:\n%s\nwant:\n%s", got, want)
	}
	two := newSim(t, []*model.Task{remote("b"), remote("a")}, nil)
	two.answer = answer
	two.start()
	want = "2 operation errors:\nplugin.op_b (i_1:iface.b): NonRecoverableError `no plugin.op_b`" +
		"\nplugin.op_a (i_1:iface.a): ValueError `one`\nKeyError `two`"
	if got := two.finish().Failure.Message; got != want {
		t.Errorf("two failures:\n%s\nwant:\n%s", got, want)
	}
}

func TestIndependentBranchesGoOnForATime(t *testing.T) {
	t.Parallel()
	s := newSim(t, []*model.Task{remote("bad"), remote("slow"), remote("after", "slow"), remote("never", "bad")}, nil)
	s.opt.Settings.WaitAfterFail = time.Minute
	s.start()
	failed := s.now
	s.apply(s.run.Advance(failed, Finished{Task: "bad", Err: fatal("x")}))
	if s.end != nil || !s.wake.Equal(failed.Add(time.Minute)) {
		t.Fatalf("end %v, wake %v; want to go on and to wake after a minute", s.end, s.wake)
	}
	s.apply(s.run.Advance(failed.Add(time.Second), Finished{Task: "slow"}))
	if s.states["after"] != model.TaskSending || s.states["never"] != model.TaskPending {
		t.Fatalf("after is %s, never is %s", s.states["after"], s.states["never"])
	}
	s.apply(s.run.Advance(failed.Add(time.Minute), Due{}))
	if s.end == nil || s.end.Failure == nil {
		t.Fatalf("end = %v, want a failure when the time is over", s.end)
	}
}

func TestCancelEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSim(t, []*model.Task{remote("a"), remote("b", "a")}, nil)
	s.start()
	s.apply(s.run.Advance(s.now, Cancel{}))
	if s.end == nil || !s.end.Cancelled || s.end.Failure != nil {
		t.Fatalf("end = %+v", s.end)
	}
	late := s.run.Advance(s.now, Finished{Task: "a"})
	if len(late.Tasks)+len(late.Events)+len(late.Send) > 0 || late.End != nil {
		t.Errorf("effects after the end: %+v", late)
	}
}

func TestDuplicatesAndStrangersAreIgnored(t *testing.T) {
	t.Parallel()
	s := newSim(t, []*model.Task{remote("a"), remote("b", "a")}, nil)
	s.start()
	for _, in := range []Input{Finished{Task: "b"}, Finished{Task: "nobody"}, Started{Task: "nobody"}, Started{Task: "b"}} {
		if out := s.run.Advance(s.now, in); len(out.Tasks) > 0 {
			t.Errorf("%+v changed %v", in, out.Tasks[0])
		}
	}
	s.apply(s.run.Advance(s.now, Finished{Task: "a"}))
	for _, in := range []Input{Finished{Task: "a", Err: fatal("no")}, Started{Task: "a"}} {
		if out := s.run.Advance(s.now, in); len(out.Tasks) > 0 {
			t.Errorf("%+v changed %v", in, out.Tasks[0])
		}
	}
	if end := s.finish(); end.Failure != nil {
		t.Error(end.Failure)
	}
}

func TestBrokenGraphsAreErrors(t *testing.T) {
	t.Parallel()
	inside := func(task *model.Task, sub model.TaskID) *model.Task {
		task.Parameters.ContainingSubgraph = &sub
		return task
	}
	sub := func(id string, deps ...model.TaskID) *model.Task {
		return &model.Task{ID: model.TaskID(id), Name: id, Type: model.TaskSubgraph, State: model.TaskPending, Dependencies: deps}
	}
	cases := map[string][]*model.Task{
		"is not in the graph":      {remote("a", "b")},
		"not a subgraph":           {inside(remote("a"), "b"), remote("b")},
		"circle":                   {remote("a", "b"), remote("b", "a")},
		"contains itself":          {inside(sub("a"), "b"), inside(sub("b"), "a")},
		"twice":                    {remote("a"), remote("a")},
		"circle or wait":           {sub("s"), inside(remote("a", "b"), "s"), remote("b", "s")},
		"2 of 2 tasks are in a ci": {sub("s", "a"), inside(remote("a"), "s")},
	}
	for want, tasks := range cases {
		if _, err := NewRun(tasks, nil, RunOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want one with %q", err, want)
		}
	}
}

func TestEmptyGraphSucceeds(t *testing.T) {
	t.Parallel()
	s := newSim(t, nil, nil)
	s.start()
	if s.end == nil || s.end.Failure != nil {
		t.Errorf("end = %+v", s.end)
	}
}

func subgraph(id string, handler string, deps ...model.TaskID) *model.Task {
	t := &model.Task{ID: model.TaskID(id), Name: id, Type: model.TaskSubgraph, State: model.TaskPending, Dependencies: deps}
	t.Parameters.SendTaskEvents = true
	if handler != "" {
		t.Parameters.OnFailure = &model.Handler{Kind: handler, Args: model.Document{"node_instance_id": "i_1", "mode": modeUninstall}}
	}
	return t
}

func within(sub string, t *model.Task) *model.Task {
	id := model.TaskID(sub)
	t.Parameters.ContainingSubgraph = &id
	t.Dependencies = append([]model.TaskID{id}, t.Dependencies...)
	return t
}

func TestFailedMemberFailsItsSubgraphs(t *testing.T) {
	t.Parallel()
	tasks := []*model.Task{
		subgraph("life", onLifecycle), within("life", remote("first")), within("life", subgraph("rels", onRelationships, "first")),
		within("rels", remote("bad")), within("rels", remote("slow")), within("rels", remote("rest", "bad")),
		within("life", remote("last", "rels")), remote("outside", "rest"), remote("after", "life"), remote("free"),
	}
	s := newSim(t, tasks, nil)
	s.start()
	s.apply(s.run.Advance(s.now, Finished{Task: "first"}))
	s.apply(s.run.Advance(s.now, Finished{Task: "bad", Err: fatal("no")}))
	if s.states["rels"] != model.TaskFailed || s.states["life"] != model.TaskFailed {
		t.Fatalf("rels is %s, life is %s; want both failed at once", s.states["rels"], s.states["life"])
	}
	s.apply(s.run.Advance(s.now, Finished{Task: "free"}))
	if s.end != nil {
		t.Fatal("the run ended while an operation of the failed subgraph was running")
	}
	s.start() // which must not change anything
	s.apply(s.run.Advance(s.now, Finished{Task: "slow"}))
	want := "Task failed: plugin.op_bad (i_1:iface.bad): NonRecoverableError `no`"
	if s.end == nil || s.end.Failure == nil || s.end.Failure.Message != want {
		t.Fatalf("end = %+v, want %q", s.end, want)
	}
	for _, id := range []model.TaskID{"rest", "last", "outside", "after"} {
		if s.states[id] != model.TaskPending {
			t.Errorf("%s is %s, want it never started", id, s.states[id])
		}
	}
}

func TestSubgraphWithoutHandlerLetsTheRestRun(t *testing.T) {
	t.Parallel()
	s := newSim(t, []*model.Task{subgraph("s", ""), within("s", remote("bad")), within("s", remote("rest", "bad")), remote("after", "s")}, nil)
	s.answer = func(task *model.Task) (json.RawMessage, *model.TaskError) {
		if task.ID == "bad" {
			return nil, fatal("no")
		}
		return nil, nil
	}
	s.start()
	if end := s.finish(); end.Failure == nil {
		t.Fatal("the graph succeeded")
	}
	if s.states["rest"] != model.TaskSucceeded || s.states["after"] != model.TaskPending {
		t.Errorf("rest is %s, after is %s", s.states["rest"], s.states["after"])
	}
}

func TestHostStateIsAskedUntilItIsTrue(t *testing.T) {
	t.Parallel()
	task := remote("state")
	task.Parameters.TotalRetries = 0
	task.Parameters.OnSuccess = &model.Handler{Kind: onHostState}
	s := newSim(t, []*model.Task{task}, nil)
	asked := 0
	s.answer = func(*model.Task) (json.RawMessage, *model.TaskError) {
		asked++
		if asked < 4 {
			return json.RawMessage("false"), nil
		}
		return json.RawMessage("true"), nil
	}
	s.start()
	if end := s.finish(); end.Failure != nil || asked != 4 {
		t.Errorf("end %+v after %d questions", end, asked)
	}
}

// TestWhatWasSentDoesNotWaitForItsTime restores a repetition that was sent by a manager whose clock was ahead: it is sent
// again at once, and its end counts.
func TestWhatWasSentDoesNotWaitForItsTime(t *testing.T) {
	t.Parallel()
	sent := remote("a")
	s := newSim(t, []*model.Task{sent}, nil)
	sent.State, sent.Parameters.ExecuteAfter = model.TaskSending, s.now.Add(time.Minute)
	s.save([]*model.Task{sent})
	s.begun = true
	s.start()
	if len(s.sent) != 1 {
		t.Fatalf("%d operations are sent, want the one that was on its way", len(s.sent))
	}
	if s.apply(s.run.Advance(s.now, Finished{Task: "a"})); s.end == nil || s.states["a"] != model.TaskSucceeded {
		t.Errorf("the report changed nothing: the task is %s", s.states["a"])
	}
}
