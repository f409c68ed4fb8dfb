package hook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a runner over a store in memory, with a scripted executor.
type house struct {
	*testing.T
	*Runner
	mu      sync.Mutex
	called  []*operation.Message
	revoked int
	outcome operation.Result
	noToken error
}

func newHouse(t *testing.T, file string) *house {
	t.Helper()
	h := &house{T: t}
	path := filepath.Join(t.TempDir(), "hooks.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Runner = New(Options{
		Store: memstore.New(), Clock: clock.Real{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), File: path, RestHost: "h", RestPort: 1,
		Call: func(_ context.Context, m *operation.Message, emit func(script.Record)) operation.Result {
			h.mu.Lock()
			defer h.mu.Unlock()
			emit(script.Record{})
			h.called = append(h.called, m)
			return h.outcome
		},
		Token: func(context.Context, model.UserName, time.Time) (string, func(context.Context) error, error) {
			return "token", func(context.Context) error { h.mu.Lock(); defer h.mu.Unlock(); h.revoked++; return nil }, h.noToken
		},
	})
	return h
}

// happen stores changes of executions and lets the runner look once; it returns how many are left.
func (h *house) happen(events ...string) int {
	h.Helper()
	err := h.Store.Update(h.Context(), func(tx store.Tx) error {
		for _, e := range events {
			about := model.Document{"deployment_id": "d", "workflow_id": "install"}
			if err := tx.InsertHook(&model.Hook{EventType: e, Tenant: "t", User: "alice", Execution: "x", Context: about}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	if _, err := h.pass(h.Context()); err != nil {
		h.Fatal(err)
	}
	left := 0
	err = h.Store.View(h.Context(), func(tx store.Reader) error {
		list, err := tx.Hooks(100)
		left = len(list)
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return left
}

const hooks = `hooks:
- {event_type: workflow_started, implementation: script, inputs: {script_path: a.sh}}
- {event_type: workflow_started, implementation: never.reached}
- {event_type: workflow_failed, implementation: mail.tasks.send, inputs: {to: ops}}
`

func TestFirstHookRuns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, hooks)
	if !h.Wanted("workflow_failed") || h.Wanted("workflow_queued") {
		t.Error("wanted events are wrong")
	}
	if left := h.happen("workflow_started", "workflow_failed", "workflow_queued"); left != 0 {
		t.Errorf("%d are left", left)
	}
	if len(h.called) != 2 || h.revoked != 2 {
		t.Fatalf("%d calls, %d tokens revoked", len(h.called), h.revoked)
	}
	slices.SortFunc(h.called, func(a, b *operation.Message) int { return strings.Compare(a.Context.TaskName, b.Context.TaskName) })
	mail, scripted := h.called[0], h.called[1]
	about, _ := mail.Args[0].(map[string]any)
	if mail.Context.TaskName != "mail.tasks.send" || mail.Kwargs["to"] != "ops" || len(mail.Kwargs) != 1 || about["event_type"] != "workflow_failed" ||
		about["rest_token"] != "token" || about["deployment_id"] != "d" {
		t.Errorf("%+v", mail)
	}
	told, _ := scripted.Kwargs["hook_context"].(map[string]any)
	if scripted.Context.TaskName != script.Function || scripted.Kwargs["script_path"] != "a.sh" || told["workflow_id"] != "install" {
		t.Errorf("%+v", scripted)
	}
}

// TestFailuresAreForgotten checks that a hook that fails is not repeated and stops nobody.
func TestFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	h := newHouse(t, hooks)
	h.outcome = operation.Fail(operation.NonRecoverable("no"))
	if left := h.happen("workflow_failed", "workflow_failed"); left != 0 || len(h.called) != 2 {
		t.Errorf("%d are left, %d calls", left, len(h.called))
	}
	h.noToken = errors.New("no such user")
	if left := h.happen("workflow_failed"); left != 0 || len(h.called) != 2 {
		t.Errorf("%d are left, %d calls", left, len(h.called))
	}
}

func TestFileIsReadAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, hooks)
	for _, f := range []struct {
		text string
		want bool
	}{{"hooks: []\n", false}, {hooks + "# more\n", true}, {"hooks: [\n", true}, {"", false}} {
		if f.text == "" {
			if err := os.Remove(h.File); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(h.File, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		h.reload()
		if got := h.Wanted("workflow_failed"); got != f.want {
			t.Errorf("after %q a hook is wanted: %v", f.text, got)
		}
	}
}

func TestRunEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t, hooks)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Runner.Run(ctx) }()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
