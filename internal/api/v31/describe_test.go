package v31

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/reifyhq/reify/internal/api/openapi"
	"github.com/reifyhq/reify/internal/model"
)

func init() { expectations["GET /openapi.json"] = open() }

// served is the document as clients get it: without credentials, read back from JSON.
func served(t *testing.T) *openapi3.T {
	t.Helper()
	h := newHouse(t)
	w := httptest.NewRecorder()
	h.router.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v3.1/openapi.json", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestDescriptionIsOpenAPI validates the document, and compares it with the table of routes both ways.
func TestDescriptionIsOpenAPI(t *testing.T) {
	t.Parallel()
	doc := served(t)
	if err := doc.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Errorf("it is no valid OpenAPI 3.1: %v", err)
	}
	described := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	for _, rt := range (&API{}).routes() {
		name := rt.method + " " + rt.path
		if !described[name] {
			t.Errorf("%s is served and not described", name)
		}
		delete(described, name)
		op := doc.Paths.Find(rt.path).GetOperation(rt.method)
		if isOpen := op.Security != nil && len(*op.Security) == 0; isOpen != rt.open {
			t.Errorf("%s: described as open: %v, want %v", name, isOpen, rt.open)
		}
		permission, _ := op.Extensions["x-permission"].(string)
		if e, known := expectations[name]; known && !e.isNobodys && permission != e.permission {
			t.Errorf("%s: described with the permission %q, want %q", name, permission, e.permission)
		}
		if strings.TrimSpace(op.Summary) == "" {
			t.Errorf("%s has no summary", name)
		}
	}
	for name := range described {
		t.Errorf("%s is described and not served", name)
	}
}

// TestDescriptionRefusesGaps checks that the document cannot be made when the table and the rows differ.
func TestDescriptionRefusesGaps(t *testing.T) {
	t.Parallel()
	table := (&API{}).routes()
	for name, routes := range map[string][]route{
		"GET /nosuch has no row":              append(slices.Clone(table), route{method: "GET", path: "/nosuch"}),
		"GET /tenants has a row but no route": slices.DeleteFunc(slices.Clone(table), func(r route) bool { return r.method == "GET" && r.path == "/tenants" }),
	} {
		if _, err := describeRoutes(routes); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want an error with %q", err, name)
		}
	}
	rows := []openapi.Row{{Route: "GET /a", Answer: "Nothing", Query: "x:strange"}}
	_, err := openapi.Describe(openapi.Info{}, []openapi.Route{{Method: "GET", Path: "/a"}}, openapi.Section{Rows: rows})
	for _, part := range []string{`the type "Nothing"`, `the type "strange"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want an error with %q", err, part)
		}
	}
}

// exchange is the part of a recorded exchange that is compared with the description.
type exchange struct {
	Scenario string
	Seq      int
	Request  struct {
		Method, Path string
		Query        map[string]any
		Body         map[string]json.RawMessage
	}
	Response struct {
		Status int
		Body   any
	}
}

// TestRecordedExchangesAreDescribed holds recorded exchanges against the description: the excerpt in the repository, and all
// of them where they lie beside the repository or where REIFY_SHARED says.
func TestRecordedExchangesAreDescribed(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("REIFY_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	doc := served(t)
	n := 0
	for _, dir := range []string{filepath.Join("testdata", "open"), filepath.Join(shared, "conformance", "rest", "golden", "open")} {
		files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			for _, x := range exchanges(t, name) {
				n++
				for _, wrong := range compareExchange(doc, x) {
					t.Errorf("%s:%d %s %s: %s", x.Scenario, x.Seq, x.Request.Method, x.Request.Path, wrong)
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("%d exchanges were compared, want more", n)
	}
}

func exchanges(t *testing.T, name string) []exchange {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out []exchange
	for line := range bytes.Lines(data) {
		var x exchange
		if err := model.DecodeJSON(line, &x); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, x)
	}
	return out
}

var base = regexp.MustCompile(`^/api/v[0-9.]+`)

// undescribed says why a recording is not compared: this API answers it otherwise on purpose; "" when it is compared.
func undescribed(x exchange) string {
	body, _ := x.Response.Body.(map[string]any)
	path := base.ReplaceAllString(x.Request.Path, "")
	switch {
	case body["error_code"] == "missing_premium_package_error":
		return "recorded without the package of users and tenants, which this manager has"
	case path == x.Request.Path:
		return "not below the base of a version"
	case x.Request.Method == http.MethodGet && (path == "/managers" || path == "/brokers"):
		return "managers and brokers are this installation's"
	case x.Scenario == "s14_multitenancy_glue" && slices.Contains([]int{1, 9, 24}, x.Seq):
		return "the client of the original expects 201"
	}
	return ""
}

// compareExchange says what of an exchange the description lacks.
func compareExchange(doc *openapi3.T, x exchange) (wrong []string) {
	note := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !defects.MatchString(text) {
			wrong = append(wrong, text)
		}
	}
	if undescribed(x) != "" {
		return nil
	}
	path, _, _ := strings.Cut(base.ReplaceAllString(x.Request.Path, ""), "?")
	op := findOperation(doc, x.Request.Method, path)
	if op == nil {
		if x.Response.Status != http.StatusNotFound && x.Response.Status != http.StatusMethodNotAllowed {
			note("there is no such operation")
		}
		return wrong
	}
	isGood := x.Response.Status < http.StatusBadRequest
	for name := range x.Request.Query {
		if isGood && op.Parameters.GetByInAndName("query", name) == nil {
			note("the parameter %s is not described", name)
		}
	}
	if data, ok := x.Request.Body["json"]; ok && isGood {
		var body any
		if err := json.Unmarshal(data, &body); err != nil {
			note("%v", err)
		}
		if op.RequestBody == nil {
			note("the body is not described")
		} else {
			covers("body", op.RequestBody.Value.Content.Get("application/json").Schema.Value, body, note)
		}
	}
	answer := op.Responses.Value(strconv.Itoa(x.Response.Status))
	if answer == nil {
		note("the status %d is not described", x.Response.Status)
		return wrong
	}
	if content := answer.Value.Content.Get("application/json"); content != nil {
		covers("answer", content.Schema.Value, x.Response.Body, note)
	} else if m, isObject := x.Response.Body.(map[string]any); isObject && m["<bytes>"] == nil && m["<text>"] == nil && m["<html>"] == nil {
		note("the answer is not described")
	}
	return wrong
}

// findOperation finds the operation whose path has the fewest placeholders of those that fit.
func findOperation(doc *openapi3.T, method, path string) (best *openapi3.Operation) {
	fewest := 100
	for pattern, item := range doc.Paths.Map() {
		n := strings.Count(pattern, "{")
		op := item.GetOperation(method)
		if op != nil && n < fewest && regexp.MustCompile("^"+placeholder.ReplaceAllString(pattern, "[^/]+")+"$").MatchString(path) {
			best, fewest = op, n
		}
	}
	return best
}

// defects are differences of recordings in which the original is at fault: it answers workflows of a new deployment as
// nulls, and a field of a nested execution that others do not have.
var defects = regexp.MustCompile(`workflows\[\]\.\w+ is null|upload_execution\.execution_group_id is not described`)

// covers notes what of a recorded value its schema does not have: fields, and kinds of values.
func covers(at string, s *openapi3.Schema, v any, note func(string, ...any)) {
	if s == nil || s.Type == nil {
		return
	}
	kinds := map[string]bool{}
	for _, k := range s.Type.Slice() {
		kinds[k] = true
	}
	switch v := v.(type) {
	case map[string]any:
		if v["<text>"] != nil || v["<html>"] != nil {
			return
		}
		if !kinds["object"] {
			note("%s is an object, described as %v", at, s.Type.Slice())
			return
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inner := s.AdditionalProperties.Schema
			if p := s.Properties[name]; p != nil {
				inner = p
			} else if len(s.Properties) > 0 && inner == nil && s.AdditionalProperties.Has == nil {
				note("%s.%s is not described", at, name)
			}
			if inner != nil {
				covers(at+"."+name, inner.Value, v[name], note)
			}
		}
	case []any:
		if !kinds["array"] {
			note("%s is a list, described as %v", at, s.Type.Slice())
			return
		}
		for _, item := range v {
			if s.Items != nil {
				covers(at+"[]", s.Items.Value, item, note)
			}
		}
	case nil:
		if !kinds["null"] {
			note("%s is null, described as %v", at, s.Type.Slice())
		}
	case string:
		if !kinds["string"] {
			note("%s is text, described as %v", at, s.Type.Slice())
		}
	case bool:
		if !kinds["boolean"] {
			note("%s is a boolean, described as %v", at, s.Type.Slice())
		}
	default:
		if !kinds["integer"] && !kinds["number"] {
			note("%s is a number, described as %v", at, s.Type.Slice())
		}
	}
}
