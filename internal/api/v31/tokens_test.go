package v31

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// TestExecutionTokensDie checks how long the token of an execution lives, by the status of the execution and its operations.
func TestExecutionTokensDie(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	now := h.svc.Clock.Now()
	for _, c := range []struct {
		name   string
		status model.ExecutionStatus
		at     time.Time
		task   model.TaskState
		lives  bool
	}{
		{"pending", model.ExecutionPending, time.Time{}, "", true},
		{"started", model.ExecutionStarted, time.Time{}, "", true},
		{"cancelling", model.ExecutionCancelling, time.Time{}, "", true},
		{"terminated", model.ExecutionTerminated, time.Time{}, "", false},
		{"failed", model.ExecutionFailed, time.Time{}, model.TaskSent, false},
		{"queued", model.ExecutionQueued, time.Time{}, "", false},
		{"cancelled", model.ExecutionCancelled, time.Time{}, model.TaskSucceeded, false},
		{"cancelled with an operation", model.ExecutionCancelled, time.Time{}, model.TaskStarted, true},
		{"scheduled now", model.ExecutionScheduled, now, "", true},
		{"scheduled later", model.ExecutionScheduled, now.Add(time.Hour), "", false},
	} {
		x := &model.Execution{Resource: model.Resource{Tenant: home, CreatedBy: "the-user", CreatedAt: now, Visibility: model.VisibilityTenant},
			ID: model.ExecutionID(c.name), Workflow: "install", Status: c.status, ScheduledAt: c.at}
		token := h.svc.ExecutionToken(x)
		x.TokenHash = auth.HashToken(token)
		err := h.svc.Store.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.InsertExecution(x); err != nil || c.task == "" {
				return err
			}
			if err := tx.InsertGraph(&model.Graph{ID: model.GraphID(c.name), Execution: x.ID}); err != nil {
				return err
			}
			return tx.InsertTasks([]*model.Task{{ID: model.TaskID(c.name), Graph: model.GraphID(c.name), Execution: x.ID, State: c.task}})
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, header := range []string{"Execution-Token", "Authentication-Token"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v3.1/user", nil)
			r.Header.Set(header, token)
			w := httptest.NewRecorder()
			h.router.ServeHTTP(w, r)
			if lives := w.Code == http.StatusOK; lives != c.lives {
				t.Errorf("%s as %s: status %d, lives should be %v", c.name, header, w.Code, c.lives)
			}
		}
	}
}

// TestAPITokens checks expiry, the instant of the last use and what becomes of tokens when their user may not enter.
func TestAPITokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	now := h.svc.Clock.Now()
	put := func(id model.TokenID, expires time.Time) string {
		err := h.svc.Store.Update(t.Context(), func(tx store.Tx) error {
			return tx.PutToken(&model.Token{ID: id, User: "the-user", SecretHash: auth.HashToken("secret"), CreatedAt: now, ExpiresAt: expires})
		})
		if err != nil {
			t.Fatal(err)
		}
		return auth.FormatToken(id, "secret")
	}
	use := func(token string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v3.1/user", nil)
		r.Header.Set("Authentication-Token", token)
		w := httptest.NewRecorder()
		h.router.ServeHTTP(w, r)
		return w.Code
	}
	good, old := put("good", now.Add(time.Hour)), put("old", now.Add(-time.Second))
	for name, c := range map[string]struct {
		token string
		want  int
	}{
		"good": {good, 200}, "expired": {old, 401}, "another secret": {good + "x", 401}, "two parts": {"ctok-good", 401},
		"another prefix": {"dtok" + good[4:], 401}, "nobody's": {auth.FormatToken("none", "secret"), 401},
	} {
		if got := use(c.token); got != c.want {
			t.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}
	err := h.svc.Store.Update(t.Context(), func(tx store.Tx) error {
		used, err := tx.Token("good")
		if err != nil {
			return err
		}
		if used.LastUsedAt.Before(now.Truncate(time.Microsecond)) {
			t.Errorf("the token was last used at %v", used.LastUsedAt)
		}
		u, err := tx.User("the-user")
		if err != nil {
			return err
		}
		u.Active = false
		return tx.PutUser(u)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := use(good); got != http.StatusUnauthorized {
		t.Errorf("of an inactive user: status %d", got)
	}
}
