package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// exchange is what the server got and what it answers.
type exchange struct {
	status      int
	answer      string
	disposition string

	method, path, body string
	query              url.Values
	header             http.Header
}

// start returns a client of a server that records one request into x.
func (x *exchange) start(t *testing.T, cfg Config) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		x.method, x.path, x.query, x.body, x.header = r.Method, r.URL.EscapedPath(), r.URL.Query(), string(body), r.Header
		if x.disposition != "" {
			w.Header().Set("Content-Disposition", x.disposition)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(x.status)
		io.WriteString(w, x.answer)
	}))
	cfg.URL = server.URL + "/"
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		server.Close()
	})
	return c
}

func TestRequests(t *testing.T) {
	t.Parallel()
	label := []Label{{Key: "env", Value: "prod"}, {Key: "env", Value: "test"}}
	started := model.InstanceStarted
	tests := []struct {
		name   string
		call   func(context.Context, *Client) error
		answer string
		want   string
		query  string
		body   string
	}{
		{"version", func(ctx context.Context, c *Client) error { return second(c.GetVersion(ctx)) },
			`{"version":"7.1"}`, "GET /api/version", "", ""},
		{"status", func(ctx context.Context, c *Client) error { return second(c.GetStatus(ctx)) },
			`{"status":"OK","services":{}}`, "GET /api/v3.1/status", "", ""},
		{"config", func(ctx context.Context, c *Client) error { return second(c.ListConfig(ctx, "rest")) },
			`{"items":[]}`, "GET /api/v3.1/config", "scope=rest", ""},
		{"list blueprints", func(ctx context.Context, c *Client) error {
			return second(c.ListBlueprints(ctx, ListOptions{Include: []string{"id", "state"}, Sort: []string{"-id", "created_at"},
				Offset: 5, Size: 10, Search: "x", AllTenants: true, FilterID: "f", Equal: url.Values{"state": {"a", "b"}}}))
		}, `{"items":[]}`, "GET /api/v3.1/blueprints",
			"_all_tenants=true&_filter_id=f&_include=id%2Cstate&_offset=5&_search=x&_size=10&_sort=-id&_sort=created_at&state=a&state=b", ""},
		{"search blueprints", func(ctx context.Context, c *Client) error {
			return second(c.ListBlueprints(ctx, ListOptions{}, FilterRule{"env", []string{"prod"}, "any_of", "label"}))
		}, `{"items":[]}`, "POST /api/v3.1/searches/blueprints", "",
			`{"filter_rules":[{"key":"env","values":["prod"],"operator":"any_of","type":"label"}]}`},
		{"escaped id", func(ctx context.Context, c *Client) error { return second(c.GetBlueprint(ctx, "a/b?c")) },
			`{}`, "GET /api/v3.1/blueprints/a%2Fb%3Fc", "", ""},
		{"delete blueprint", func(ctx context.Context, c *Client) error { return c.DeleteBlueprint(ctx, "b", true) },
			"", "DELETE /api/v3.1/blueprints/b", "force=true", ""},
		{"blueprint labels", func(ctx context.Context, c *Client) error { return second(c.SetBlueprintLabels(ctx, "b", label)) },
			`{}`, "PATCH /api/v3.1/blueprints/b", "", `{"labels":[{"env":"prod"},{"env":"test"}]}`},
		{"no labels", func(ctx context.Context, c *Client) error { return second(c.SetDeploymentLabels(ctx, "d", nil)) },
			`{}`, "PATCH /api/v3.1/deployments/d", "", `{"labels":[]}`},
		{"create deployment", func(ctx context.Context, c *Client) error {
			return second(c.CreateDeployment(ctx, "d", CreateParams{Blueprint: "b", DisplayName: "D", Labels: label[:1], Visibility: "tenant"}))
		}, `{}`, "PUT /api/v3.1/deployments/d", "", `{"blueprint_id":"b","visibility":"tenant","inputs":{},"labels":[{"env":"prod"}],` +
			`"display_name":"D","skip_plugins_validation":false,"runtime_only_evaluation":false}`},
		{"delete deployment", func(ctx context.Context, c *Client) error {
			return c.DeleteDeployment(ctx, "d", DeleteParams{Force: true, DeleteLogs: true, Recursive: true})
		}, "", "DELETE /api/v3.1/deployments/d", "delete_logs=true&force=true&recursive=true", ""},
		{"start", func(ctx context.Context, c *Client) error {
			return second(c.StartExecution(ctx, StartParams{Deployment: "d", Workflow: "install", Queue: true, WaitAfterFail: 5}))
		}, `{}`, "POST /api/v3.1/executions", "", `{"deployment_id":"d","workflow_id":"install","parameters":{},` +
			`"allow_custom_parameters":false,"force":false,"dry_run":false,"queue":true,"wait_after_fail":5}`},
		{"act", func(ctx context.Context, c *Client) error {
			return second(c.ActOnExecution(ctx, "x", ActionForceCancel))
		},
			`{}`, "POST /api/v3.1/executions/x", "", `{"action":"force-cancel"}`},
		{"set status", func(ctx context.Context, c *Client) error {
			return second(c.SetExecutionStatus(ctx, "x", "failed", "no"))
		},
			`{}`, "PATCH /api/v3.1/executions/x", "", `{"error":"no","status":"failed"}`},
		{"list executions", func(ctx context.Context, c *Client) error { return second(c.ListExecutions(ctx, ListOptions{}, true)) },
			`{}`, "GET /api/v3.1/executions", "_include_system_workflows=true", ""},
		{"operations", func(ctx context.Context, c *Client) error { return second(c.ListOperations(ctx, "x", ListOptions{})) },
			`{}`, "GET /api/v3.1/operations", "execution_id=x&skip_internal=true", ""},
		{"nodes", func(ctx context.Context, c *Client) error {
			return second(c.ListNodes(ctx, NodeQuery{Deployment: "d", ID: "n", Evaluate: true}))
		}, `{}`, "GET /api/v3.1/nodes", "_evaluate_functions=true&deployment_id=d&id=n", ""},
		{"instances", func(ctx context.Context, c *Client) error {
			return second(c.ListNodeInstances(ctx, InstanceQuery{Deployment: "d", Node: "n", ListOptions: ListOptions{AllResults: true}}))
		}, `{}`, "GET /api/v3.1/node-instances", "_get_all_results=true&deployment_id=d&node_id=n", ""},
		{"update instance", func(ctx context.Context, c *Client) error {
			return second(c.UpdateNodeInstance(ctx, "i", InstanceUpdate{Version: 3, State: &started, RuntimeProperties: model.Document{}}, true))
		}, `{}`, "PATCH /api/v3.1/node-instances/i", "force=true", `{"version":3,"state":"started","runtime_properties":{}}`},
		{"events", func(ctx context.Context, c *Client) error {
			return second(c.ListEvents(ctx, EventQuery{Kinds: []model.EventKind{model.KindEvent, model.KindLog}, Execution: "x",
				Levels: []string{"error"}, Messages: []string{"a%", "b"}, From: "2026-01-01"}))
		}, `{}`, "GET /api/v3.1/events",
			"_range=%40timestamp%2C2026-01-01%2C&execution_id=x&level=error&message=a%25&message=b&type=cloudify_event&type=cloudify_log", ""},
		{"count events", func(ctx context.Context, c *Client) error { return second(c.CountEvents(ctx, "x")) },
			`{"metadata":{"pagination":{"total":7}}}`, "GET /api/v3.1/events", "_size=1&execution_id=x", ""},
		{"post events", func(ctx context.Context, c *Client) error {
			return c.PostEvents(ctx, Batch{Execution: "x", Logs: []NewLog{{Logger: "l", Level: "info", Message: Text{"<hi>"}, Context: EventContext{NodeID: "i"}}}})
		}, "null", "POST /api/v3.1/events", "", `{"execution_id":"x","events":[],"logs":[{"logger":"l","level":"info","message":{"text":"<hi>"},"context":{"node_id":"i"}}]}`},
		{"create token", func(ctx context.Context, c *Client) error { return second(c.CreateToken(ctx, "d", "+10h")) },
			`{}`, "POST /api/v3.1/tokens", "", `{"description":"d","expiration_date":"+10h"}`},
		{"delete token", func(ctx context.Context, c *Client) error { return c.DeleteToken(ctx, "t") },
			"", "DELETE /api/v3.1/tokens/t", "", ""},
		{"plugins", func(ctx context.Context, c *Client) error { return second(c.ListPlugins(ctx, ListOptions{}, true)) },
			`{}`, "GET /api/v3.1/plugins", "_get_data=true", ""},
		{"evaluate", func(ctx context.Context, c *Client) error {
			return second(c.Evaluate(ctx, "d", EvaluateContext{Self: "i"}, model.Document{"a": 1}))
		}, `{"payload":{"a":2}}`, "POST /api/v3.1/evaluate/functions", "", `{"context":{"self":"i"},"deployment_id":"d","payload":{"a":1}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := &exchange{status: 200, answer: tt.answer}
			c := x.start(t, Config{Tenant: "t1", Username: "u", Password: "p", UserAgent: "test"})
			if err := tt.call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got := x.method + " " + x.path; got != tt.want {
				t.Errorf("request %q, want %q", got, tt.want)
			}
			if got := x.query.Encode(); got != tt.query {
				t.Errorf("query %q, want %q", got, tt.query)
			}
			if x.body != tt.body {
				t.Errorf("body\n%s\nwant\n%s", x.body, tt.body)
			}
			for key, want := range map[string]string{"Content-Type": "application/json", "Tenant": "t1", "Authorization": "Basic dTpw", "User-Agent": "test"} {
				if got := x.header.Get(key); got != want {
					t.Errorf("header %s is %q, want %q", key, got, want)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func TestCredentials(t *testing.T) {
	t.Parallel()
	for header, cfg := range map[string]Config{
		"Execution-Token":      {ExecutionToken: "e", Token: "t", Username: "u"},
		"Authentication-Token": {Token: "t", Username: "u"},
		"Authorization":        {Username: "u"},
	} {
		x := &exchange{status: 200, answer: `{}`}
		if _, err := x.start(t, cfg).GetStatus(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, h := range []string{"Execution-Token", "Authentication-Token", "Authorization"} {
			if has := x.header.Get(h) != ""; has != (h == header) {
				t.Errorf("%+v: header %s given: %v", cfg, h, has)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		status  int
		answer  string
		code    fault.Code
		message string
	}{
		{"fault", 404, `{"message":"Requested x","error_code":"not_found_error","server_traceback":null}`, fault.NotFound, "Requested x"},
		{"audit service", 422, `{"detail":"no before"}`, "", "no before"},
		{"proxy", 502, `<html>bad gateway</html>`, "", "the manager answered 502 Bad Gateway"},
		{"redirect", 302, ``, "", "the manager answered 302 Found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := &exchange{status: tt.status, answer: tt.answer}
			_, err := x.start(t, Config{}).GetStatus(t.Context())
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if want := (Error{tt.status, tt.code, tt.message}); *e != want {
				t.Errorf("got %+v, want %+v", *e, want)
			}
		})
	}
	for status, is := range map[int]func(error) bool{404: IsNotFound, 409: IsConflict, 401: IsUnauthorized, 403: IsUnauthorized} {
		if !is(&Error{Status: status}) || is(&Error{Status: 500}) || is(io.EOF) {
			t.Errorf("predicate of %d is wrong", status)
		}
	}
	if !HasCode(&Error{Code: fault.Conflict}, fault.Conflict) || HasCode(io.EOF, fault.Conflict) {
		t.Error("HasCode is wrong")
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := New(Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.GetStatus(t.Context())
	var away *Unreachable
	if !errors.As(err, &away) || away.URL != server.URL {
		t.Errorf("got %v, want an *Unreachable", err)
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		cancel()
		<-release
	}))
	defer server.Close()
	defer close(release)
	c, err := New(Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.GetStatus(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	c, err := New(Config{URL: server.URL, Timeout: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var away *Unreachable
	if _, err := c.GetStatus(t.Context()); !errors.As(err, &away) {
		t.Errorf("got %v, want an *Unreachable", err)
	}
}

func TestBadURL(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "127.0.0.1:80", "ftp://h", "http://u:p@h", "http://", "http://[::1"} {
		if _, err := New(Config{URL: u}); err == nil {
			t.Errorf("New takes %q", u)
		}
	}
}

// TestUpload checks that the archive arrives as the contract wants it, and that the length is announced when known.
func TestUpload(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{7, -1} {
		x := &exchange{status: 201, answer: `{"id":"b","state":"uploading"}`}
		c := x.start(t, Config{})
		b, err := c.UploadBlueprint(t.Context(), "b", UploadParams{
			Archive: strings.NewReader("archive"), Size: size, MainFile: "my app.yaml", Async: true,
			Labels: []Label{{Key: "k", Value: "v"}}, Visibility: model.VisibilityTenant,
		})
		if err != nil {
			t.Fatal(err)
		}
		if b.State != model.BlueprintUploading {
			t.Errorf("state %q", b.State)
		}
		if has := x.header.Get("Content-Length") != ""; has != (size >= 0) {
			t.Errorf("size %d: Content-Length given: %v", size, has)
		}
		_, params, err := mime.ParseMediaType(x.header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		form, err := multipart.NewReader(strings.NewReader(x.body), params["boundary"]).ReadForm(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		const want = `{"visibility":"tenant","async_upload":true,"skip_execution":false,"application_file_name":"my%20app.yaml",` +
			`"labels":[{"key":"k","value":"v"}]}`
		if got := form.Value["params"]; !slices.Equal(got, []string{want}) {
			t.Errorf("params\n%s\nwant\n%s", got, want)
		}
		file := form.File["blueprint_archive"]
		if len(file) != 1 || file[0].Filename != "filename" || file[0].Header.Get("Content-Type") != "text/plain" || file[0].Size != 7 {
			t.Errorf("file part %+v", file)
		}
	}
}

func TestUploadByURL(t *testing.T) {
	t.Parallel()
	x := &exchange{status: 201, answer: `{"id":"b"}`}
	c := x.start(t, Config{})
	if _, err := c.UploadBlueprint(t.Context(), "b", UploadParams{ArchiveURL: "http://h/b.zip"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(x.body, `"blueprint_archive_url":"http://h/b.zip"`) || strings.Contains(x.body, "text/plain") {
		t.Errorf("body %s", x.body)
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	x := &exchange{status: 200, answer: "bytes", disposition: `attachment; filename="b.zip"`}
	c := x.start(t, Config{})
	d, err := c.DownloadBlueprint(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Body.Close()
	data, err := io.ReadAll(d.Body)
	if err != nil || string(data) != "bytes" || d.Name != "b.zip" || d.Size != 5 {
		t.Errorf("got %q as %q (%d), %v", data, d.Name, d.Size, err)
	}
	r, err := c.Resource(t.Context(), "/blueprints/t/b/my file")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if x.path != "/resources/blueprints/t/b/my%20file" {
		t.Errorf("path %q", x.path)
	}
}

// TestDecode checks that recorded answers are read, the odd forms among them.
func TestDecode(t *testing.T) {
	t.Parallel()
	x := &exchange{status: 200, answer: `{"id":"x","status":"terminated","error":null,"parameters":{"n":1.0,"big":12345678901234567890},
		"created_at":"2026-01-31T14:30:00.123Z","started_at":null,"ended_at":"2026-01-31T14:30:01.123456","scheduled_for":"","unknown_p":null}`}
	c := x.start(t, Config{})
	got, err := c.GetExecution(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 31, 14, 30, 0, 123e6, time.UTC)
	want := Execution{
		ID: "x", Status: model.ExecutionTerminated, CreatedAt: Time{at}, EndedAt: Time{at.Add(time.Second + 456*time.Microsecond)},
		Parameters: model.Document{"n": json.Number("1.0"), "big": json.Number("12345678901234567890")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := got.EndedAt.String(); s != "2026-01-31T14:30:01.123Z" {
		t.Errorf("String() = %q", s)
	}
	x.answer = `{"id": 5}`
	if _, err := c.GetExecution(t.Context(), "x"); err == nil {
		t.Error("a wrong type was accepted")
	}
	x.answer = `{"items":[]}`
	if _, err := c.GetNode(t.Context(), "d", "n", false); !IsNotFound(err) {
		t.Errorf("GetNode of nothing: %v", err)
	}
}

func TestInputs(t *testing.T) {
	t.Parallel()
	b := Blueprint{ID: "b", Plan: Raw(`{"inputs":{"a":{"type":"string","default":"x"}},"nodes":[]}`)}
	inputs, err := b.Inputs()
	if err != nil || inputs["a"].Type != "string" || string(inputs["a"].Default) != `"x"` {
		t.Errorf("got %+v, %v", inputs, err)
	}
	if _, err := (&Blueprint{Plan: Raw(`[]`)}).Inputs(); err == nil {
		t.Error("a plan that is a list was accepted")
	}
	if inputs, err := (&Blueprint{}).Inputs(); inputs != nil || err != nil {
		t.Error("a blueprint without plan has inputs")
	}
}
