package v31

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// TestOldVersions asks for the same things in the shapes of all versions.
func TestOldVersions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := model.Resource{Tenant: home, CreatedBy: "admin", CreatedAt: h.svc.Clock.Now(), Visibility: model.VisibilityTenant}
	err := h.svc.Store.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.InsertBlueprint(&model.Blueprint{Resource: r, ID: "b", MainFile: "blueprint.yaml", Description: "d"}); err != nil {
			return err
		}
		if err := tx.InsertDeployment(&model.Deployment{Resource: r, ID: "d", Blueprint: "b"}); err != nil {
			return err
		}
		if err := tx.InsertNodes([]*model.Node{{Resource: r, ID: "n", Deployment: "d", Min: 1, Max: 2}}); err != nil {
			return err
		}
		if err := tx.InsertExecution(&model.Execution{Resource: r, ID: "x", Deployment: "d", Workflow: "install", Status: model.ExecutionTerminated}); err != nil {
			return err
		}
		return tx.InsertEvents([]*model.Event{{Tenant: home, CreatedBy: "admin", Visibility: model.VisibilityTenant, Kind: model.KindEvent,
			Execution: "x", Message: "hello", EventType: "workflow_started", Timestamp: r.CreatedAt, Reported: r.CreatedAt}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path        string
		status      int
		has, hasNot []string
	}{
		{"v1/blueprints", 200, []string{`[{`, `"id":"b"`}, []string{"main_file_name", "description", "metadata"}},
		{"v1/blueprints/b", 200, []string{`{"`, `"id":"b"`}, []string{"main_file_name"}},
		{"v2/blueprints", 200, []string{`{"items":[`, "main_file_name", "metadata"}, nil},
		{"v1/deployments", 200, []string{`[{`}, []string{"scaling_groups"}},
		{"v2/deployments/d", 200, []string{`"id":"d"`}, []string{"scaling_groups"}},
		{"v2.1/deployments/d", 200, []string{"scaling_groups"}, nil},
		{"v2/nodes", 200, []string{`"id":"n"`, "metadata"}, []string{"max_number_of_instances"}},
		{"v3/nodes", 200, []string{"max_number_of_instances"}, nil},
		{"v1/blueprints/none", 404, []string{"not_found_error"}, nil},
		{"v1/events", 405, []string{"method_not_allowed_error"}, nil},
		{"v2/events", 200, []string{`"context":{`, `"message":{"text":"hello","arguments":null}`, `"@timestamp"`}, []string{"reported_timestamp"}},
		{"v3/events", 200, []string{`"message":"hello"`}, []string{`"context"`}},
		{"v1/plugins", 404, nil, nil}, {"v2/plugins", 200, nil, nil}, {"v2/maintenance", 404, nil, nil}, {"v2.1/maintenance", 200, nil, nil},
		{"v2.1/secrets", 404, nil, nil}, {"v3/secrets", 200, nil, nil}, {"v3/sites", 404, nil, nil},
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/"+c.path, nil)
		req.SetBasicAuth("admin", password)
		req.Header.Set("Tenant", home)
		w := httptest.NewRecorder()
		h.router.ServeHTTP(w, req)
		body := w.Body.String()
		if w.Code != c.status {
			t.Errorf("%s: status %d, want %d: %s", c.path, w.Code, c.status, body)
		}
		for _, part := range c.has {
			if !strings.Contains(body, part) {
				t.Errorf("%s has no %s: %s", c.path, part, body)
			}
		}
		for _, part := range c.hasNot {
			if strings.Contains(body, part) {
				t.Errorf("%s has %s: %s", c.path, part, body)
			}
		}
	}
}
