package progress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 1, 31, 14, 30, 0, 123e6, time.UTC)

// jumping is a clock on which every wait is over at once.
type jumping struct{ now time.Time }

func (j *jumping) Now() time.Time { return j.now }

func (j *jumping) NewTimer(d time.Duration) clock.Timer {
	j.now = j.now.Add(d)
	c := make(chan time.Time, 1)
	c <- j.now
	return fired(c)
}

type fired chan time.Time

func (f fired) C() <-chan time.Time { return f }
func (f fired) Stop() bool          { return false }

// recorder is a view that keeps what it is shown.
type recorder struct {
	lines []string
	last  Snapshot
}

func (r *recorder) Event(e client.Event) { r.lines = append(r.lines, e.Message) }
func (r *recorder) Progress(s Snapshot)  { r.last = s }
func (r *recorder) Note(text string)     { r.lines = append(r.lines, "*** "+text) }
func (r *recorder) Close()               {}

// manager answers the n-th look at an execution with the n-th stage; the last one stays.
type manager struct {
	stages []stage
	looks  int
	events []map[string]any
}

type stage struct {
	httpStatus int
	status     string
	// events is how many events there are by now.
	events int
	state  string
}

func (m *manager) start(t *testing.T) *client.Client {
	t.Helper()
	at := stage{}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) { json.NewEncoder(w).Encode(v) }
	mux.HandleFunc("GET /api/v3.1/executions/x", func(w http.ResponseWriter, _ *http.Request) {
		at = m.stages[min(m.looks, len(m.stages)-1)]
		m.looks++
		if at.httpStatus != 0 {
			w.WriteHeader(at.httpStatus)
			return
		}
		answer(w, map[string]any{"id": "x", "workflow_id": "install", "deployment_id": "d", "status": at.status,
			"total_operations": 3, "finished_operations": at.events})
	})
	mux.HandleFunc("GET /api/v3.1/events", func(w http.ResponseWriter, r *http.Request) {
		offset, _ := strconv.Atoi(r.URL.Query().Get("_offset"))
		size, _ := strconv.Atoi(r.URL.Query().Get("_size"))
		items := m.events[:at.events]
		items = items[min(offset, len(items)):]
		answer(w, map[string]any{"items": items[:min(size, len(items))],
			"metadata": map[string]any{"pagination": map[string]any{"total": at.events}}})
	})
	mux.HandleFunc("GET /api/v3.1/node-instances", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"items": []any{
			map[string]any{"id": "web_1", "node_id": "web", "state": at.state},
			map[string]any{"id": "db_1", "node_id": "db", "state": "started"}, map[string]any{"id": "db_2", "node_id": "db", "state": "creating"}}})
	})
	mux.HandleFunc("GET /api/v3.1/operations", func(w http.ResponseWriter, _ *http.Request) {
		task := func(retried any) any {
			return map[string]any{"type": "RemoteWorkflowTask", "parameters": map[string]any{"retried_task": retried,
				"task_kwargs": map[string]any{"kwargs": map[string]any{"__cloudify_context": map[string]any{"node_id": "web_1"}}}}}
		}
		answer(w, map[string]any{"items": []any{task(nil), task(nil), task("t1"), map[string]any{"type": "SubgraphTask"}}})
	})
	server := httptest.NewServer(mux)
	c, err := client.New(client.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); server.Close() })
	return c
}

func event(id int, eventType, message string) map[string]any {
	return map[string]any{"_storage_id": id, "type": "cloudify_event", "event_type": eventType, "message": message,
		"node_instance_id": "web_1", "node_name": "web", "timestamp": "2026-01-31T14:30:00.123Z"}
}

func life() []map[string]any {
	return []map[string]any{
		event(1, "sending_task", "sending"), event(2, "task_rescheduled", "again"),
		event(3, "sending_task", "sending [retry 1/3]"), event(4, "task_succeeded", "done"),
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	m := &manager{events: life(), stages: []stage{{status: "pending", state: "uninitialized"},
		{status: "started", events: 1, state: "creating"}, {status: "started", events: 3, state: "creating"},
		{httpStatus: 503}, {httpStatus: 502}, {status: "terminated", events: 4, state: "started"}}}
	view := &recorder{}
	x, err := Follower{Client: m.start(t), Clock: &jumping{epoch}, View: view, Nodes: true}.Follow(t.Context(), "x")
	if err != nil || x.Status != model.ExecutionTerminated {
		t.Fatalf("got %v, %v", x.Status, err)
	}
	want := []string{"sending", "again", "sending [retry 1/3]",
		"*** the manager does not answer; waiting for it, the execution goes on by itself", "done", "*** the manager answers again"}
	if diff := cmp.Diff(want, view.lines); diff != "" {
		t.Error(diff)
	}
	nodes := view.last.Nodes
	for i := range nodes {
		nodes[i].Elapsed = 0
	}
	if diff := cmp.Diff([]NodeProgress{{Node: "web", State: "started", Done: 1, Total: 2}, {Node: "db", State: "1 creating, 1 started"}}, nodes); diff != "" {
		t.Error(diff)
	}
}

func TestFollowEnds(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name    string
		ctx     context.Context
		stages  []stage
		timeout time.Duration
		check   func(error) bool
	}{
		{"timeout", t.Context(), []stage{{status: "started"}}, 3 * time.Second, func(err error) bool {
			var s *Stopped
			return errors.As(err, &s) && s.Timeout == 3*time.Second && s.Execution.ID == "x" && errors.Is(err, context.DeadlineExceeded)
		}},
		{"interrupt", cancelled, []stage{{status: "started"}}, 0, func(err error) bool {
			var s *Stopped
			return errors.As(err, &s) && s.Execution.ID == "x" && errors.Is(err, context.Canceled)
		}},
		{"gone", t.Context(), []stage{{status: "started"}, {httpStatus: 404}}, 0, client.IsNotFound},
		{"away for too long", t.Context(), []stage{{status: "started"}, {httpStatus: 503}}, 0, func(err error) bool {
			var e *client.Error
			return errors.As(err, &e) && e.Status == 503
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &manager{stages: tt.stages}
			_, err := Follower{Client: m.start(t), Clock: &jumping{epoch}, View: Quiet{}, Timeout: tt.timeout}.Follow(tt.ctx, "x")
			if !tt.check(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestFeed checks that no event is lost or shown twice, however many there are and however late one is reported.
func TestFeed(t *testing.T) {
	t.Parallel()
	m := &manager{stages: []stage{{status: "started", events: 2500}}}
	for i := range 2500 {
		m.events = append(m.events, event(i+1, "", fmt.Sprint(i+1)))
	}
	c := m.start(t)
	if _, err := c.GetExecution(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	feed := NewFeed(c, client.EventQuery{Execution: "x"})
	first, err := feed.Next(t.Context())
	if err != nil || len(first) != 2500 {
		t.Fatalf("%d events, %v", len(first), err)
	}
	late := append([]map[string]any{event(9001, "", "very late")}, m.events[:2450]...)
	late = append(late, event(9002, "", "late"))
	m.events = append(late, m.events[2450:]...)
	m.stages[0].events = 2502
	if _, err := c.GetExecution(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	next, err := feed.Next(t.Context())
	if err != nil || len(next) != 1 || next[0].Message != "late" {
		t.Errorf("got %d events, %v; want the late one", len(next), err)
	}
	rest, err := feed.Drain(t.Context())
	if err != nil || len(rest) != 1 || rest[0].Message != "very late" {
		t.Errorf("got %d events, %v; want the very late one", len(rest), err)
	}
	if none, err := feed.Drain(t.Context()); err != nil || len(none) != 0 {
		t.Errorf("got %d events, %v; want none", len(none), err)
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	at := client.Time{Time: epoch}
	tests := []struct {
		name string
		e    client.Event
		want string
	}{
		{"workflow", client.Event{Timestamp: at, Kind: model.KindEvent, Deployment: "d", Message: "Starting 'install' workflow execution"},
			"2026-01-31 14:30:00.123  CFY <d> Starting 'install' workflow execution"},
		{"operation", client.Event{Timestamp: at, Kind: model.KindEvent, Deployment: "d", Instance: "web_1",
			Operation: "cloudify.interfaces.lifecycle.create", Message: "m"}, "2026-01-31 14:30:00.123  CFY <d> [web_1.create] m"},
		{"node event", client.Event{Reported: at, Kind: model.KindEvent, Deployment: "d", Instance: "web_1", Message: "m"},
			"2026-01-31 14:30:00.123  CFY <d> [web_1] m"},
		{"relationship", client.Event{Timestamp: at, Kind: model.KindEvent, Deployment: "d", Instance: "a", Source: "a", Target: "b",
			Operation: "i.establish", Message: "m"}, "2026-01-31 14:30:00.123  CFY <d> [a->b.establish] m"},
		{"log of an agent", client.Event{Timestamp: at, Kind: model.KindLog, Deployment: "d", Level: "warning", AgentName: "agent1",
			ManagerName: "m1", Message: "a\x1b[2Jb"}, "2026-01-31 14:30:00.123 agent1 LOG <d> WARNING: a [2Jb"},
		{"one cause", client.Event{Timestamp: at, Kind: model.KindEvent, Deployment: "d", Message: "m",
			ErrorCauses: []model.ErrorCause{{Traceback: "t1\n"}}}, "2026-01-31 14:30:00.123  CFY <d> m\nt1"},
		{"causes", client.Event{Timestamp: at, Kind: model.KindEvent, Deployment: "d", Message: "m",
			ErrorCauses: []model.ErrorCause{{Traceback: "t1"}, {Message: "no traceback"}, {Traceback: "t2"}}},
			"2026-01-31 14:30:00.123  CFY <d> m\nCauses (most recent cause last):\n--------------------------------\nt1\n" +
				"--------------------------------\nt2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, Line(tt.e)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLive checks the block, and that each picture removes exactly the one before.
func TestLive(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLive(&out, false, func() (int, int) { return 60, 7 })
	l.Event(client.Event{Timestamp: client.Time{Time: epoch}, Kind: model.KindEvent, Deployment: "d", Message: "first"})
	s := Snapshot{
		Execution: client.Execution{ID: "x", Workflow: "install", Deployment: "d", Status: "started", TotalOperations: 4, FinishedOperations: 1},
		Elapsed:   1500 * time.Millisecond,
		Nodes: []NodeProgress{{Node: "web", State: "creating", Done: 1, Total: 3, IsBusy: true, Elapsed: time.Second},
			{Node: "a-database-with-a-long-name", State: "started", Done: 2, Total: 2, Elapsed: 61 * time.Second}, {Node: "host"}},
	}
	l.Progress(s)
	l.Note("hello")
	s.Nodes = append(s.Nodes, NodeProgress{Node: "late", State: "failed", Failed: 1, IsBusy: true})
	l.Progress(s)
	l.Close()
	got := strings.ReplaceAll(out.String(), "\x1b", "^")
	const block = "install of d: started, 1/4 tasks, 1.5 s\n" +
		"  ⠙ web                   creating        1/3  1.0 s\n" +
		"  ✓ a-database-with-a-l…  started         2/2  1 min 1 s\n" +
		"  · host\n"
	const want = "\r^[J2026-01-31 14:30:00.123  CFY <d> first\n" +
		"\r^[J" + block +
		"^[4A\r^[J*** hello\n" + block +
		"^[4A\r^[Jinstall of d: started, 1/4 tasks, 1.5 s\n" +
		"  ⠹ web   creating        1/3  1.0 s\n" +
		"  ✗ late  failed\n" +
		"  … and 2 more nodes\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := Lines{Out: &out, Colour: true}
	l.Event(client.Event{Timestamp: client.Time{Time: epoch}, Kind: model.KindEvent, Deployment: "d", EventType: model.EventTaskFailed, Message: "m"})
	l.Progress(Snapshot{})
	l.Note("n")
	l.Close()
	if want := "\x1b[31m2026-01-31 14:30:00.123  CFY <d> m\x1b[0m\n*** n\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{0: "0.0 s", 1500 * time.Millisecond: "1.5 s", 184 * time.Second: "3 min 4 s", 62 * time.Minute: "1 h 2 min"} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}
