package script_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/model"
)

func TestSetPropertyAndReturn(t *testing.T) {
	t.Parallel()
	b := onNode(t, bash(`ctx instance runtime-properties x 1
ctx instance runtime-properties y @1
ctx returns "result-$(ctx node name)"
echo hello; echo trouble >&2`))
	if got := b.succeed(t); got != `"result-vm"` {
		t.Errorf("result %s", got)
	}
	if x, y := b.property("x"), b.property("y"); x != "1" || y != json.Number("1") {
		t.Errorf("properties x %#v, y %#v; want the text 1 and the number 1", x, y)
	}
	info := b.manager.Lines("info")
	if !slices.Contains(info, "<out> hello") || !slices.Contains(info, "<err> trouble") {
		t.Errorf("output is missing in the log:\n%s", b.log())
	}
	lines := strings.Join(info, "\n")
	if !strings.Contains(lines, "Process created, PID: ") || !strings.Contains(lines, "Execution done (PID=") ||
		!strings.Contains(lines, "return_code=0): /") {
		t.Errorf("log:\n%s", lines)
	}
	if left, _ := os.ReadDir(b.request.TempDir); len(left) != 0 {
		t.Errorf("%d entries were left behind", len(left))
	}
}

// TestCtx is the table of what ctx prints, on a node instance unless the row says otherwise.
func TestCtx(t *testing.T) {
	t.Parallel()
	node := []struct{ args, want string }{
		{"type", "node-instance"},
		{"node id", "vm"},
		{"node type-hierarchy", "['cloudify.nodes.Root', 'cloudify.nodes.Compute']"},
		{"node number-of-instances", "2"},
		{"node properties", "{'ip': '10.0.0.1', 'nested': {'list': ['a', 'b']}, 'port': 8080}"},
		{"node properties port", "8080"},
		{"node properties nested.list[1]", "b"},
		{"node properties nested list", "E: NonRecoverableError: Cannot override read only properties"},
		{"node properties zz", "E: RuntimeError: illegal path: zz"},
		{"node properties nested.list[7]", "E: IndexError: list index out of range"},
		{"node properties get zz there", "there"},
		{"node properties keys", "['ip', 'nested', 'port']"},
		{"node properties a b c", "E: RuntimeError: a cannot be processed in"},
		{"node zz", "E: RuntimeError: zz cannot be processed in ['node', 'zz']"},
		{"instance id", "vm_1"},
		{"instance host-ip", "10.0.0.1"},
		{"instance index", "1"},
		{"instance scaling-groups", "{'web_1': 'web'}"},
		{"instance runtime-properties a", "{'old': True}"},
		{"instance relationships", "['<cloudify.context.RelationshipContext object>']"},
		{"deployment id", "dep"},
		{"deployment tenant-name", "default_tenant"},
		{"blueprint id", "bp"},
		{"execution-id", "exec-1"},
		{"workflow-id", "install"},
		{"plugin", "script"},
		{"plugin name", "script"},
		{"operation name", "cloudify.interfaces.lifecycle.start"},
		{"operation retry-number", "1"},
		{"operation max_retries", "60"},
		{"operation relationship", ""},
		{"rest-host", "['127.0.0.1']"},
		{"capabilities get-all", "{'db_1': {'url': 'sql://db'}}"},
		{"node", "<cloudify.context.NodeContext object>"},
		{"source node id", "E: NonRecoverableError: ctx.source/ctx.target can only be used in a relationship-instance context but used in a node-instance context."},
		{"bootstrap-context resources-prefix", "/pre"},
		{"get-config", "[{'name': 'x'}]"},
		{"zz", "E: RuntimeError: zz cannot be processed in ['zz']"},
		{"-j node properties nested", `{"list": ["a", "b"]}`},
	}
	relationship := []struct{ args, want string }{
		{"type", "relationship-instance"},
		{"source node name", "vm"},
		{"source instance id", "vm_1"},
		{"target instance runtime-properties url", "sql://db"},
		{"operation relationship", "source"},
		{"node id", "E: NonRecoverableError: ctx.node/ctx.instance can only be used in a node-instance context but used in a relationship-instance context."},
	}
	check := func(b *bench, rows []struct{ args, want string }) {
		t.Helper()
		var body strings.Builder
		out := filepath.Join(t.TempDir(), "out")
		for _, row := range rows {
			fmt.Fprintf(&body, "if v=$(ctx %s 2>%s.err); then echo \"$v\"; else echo \"E: $(tail -1 %s.err)\"; fi >>%s\n", row.args, out, out, out)
		}
		b.request.Message.Kwargs = bash(body.String())
		b.manager.Documents["provider/context"] = `{"context":{"cloudify":{"resources_prefix":"/pre"}}}`
		b.manager.Documents["config"] = `[{"name":"x"}]`
		b.succeed(t)
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		for i, row := range rows {
			line := strings.Replace(got[i], "E: RequestError: ", "E: ", 1)
			if line != row.want && !(strings.HasSuffix(row.want, "processed in") && strings.HasPrefix(line, row.want)) {
				t.Errorf("ctx %s\n got %s\nwant %s", row.args, line, row.want)
			}
		}
	}
	check(onNode(t, nil), node)
	check(onRelationship(t, nil), relationship)
}

// TestPathQuirks pins the measured behaviour of writing paths (operations, section 5.3).
func TestPathQuirks(t *testing.T) {
	t.Parallel()
	b := onNode(t, bash(`ctx instance runtime-properties a.inner lost`))
	b.succeed(t)
	if len(b.manager.Saves()) != 0 {
		t.Error("a change inside of an existing value was noticed")
	}
	b = onNode(t, bash(`ctx instance runtime-properties a.inner kept
ctx instance runtime-properties new.deep.path @'[1,{"k":"v"}]'
ctx instance runtime-properties 'new.list[3]' literal
ctx instance runtime-properties 'new.deep.path[1].k' changed
ctx instance runtime-properties pop number`))
	b.succeed(t)
	want := model.Document{
		"a": map[string]any{"old": true, "inner": "kept"},
		"new": map[string]any{
			"list[3]": "literal",
			"deep":    map[string]any{"path": []any{json.Number("1"), map[string]any{"k": "changed"}}},
		},
	}
	if diff := cmp.Diff(want, b.manager.Properties("vm_1")); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		known      model.KnownError
		exception  string
		message    string
		retryAfter float64
	}{
		{"exit code", "echo out; echo err >&2; exit 3", model.ErrorRecoverable, "ProcessException", "exit_code: 3, stdout: out\n, stderr: err\n", -1},
		{"signal", "kill -9 $$", model.ErrorRecoverable, "ProcessException", "exit_code: ", -1},
		{"abort", "ctx abort-operation 'no way'; echo not reached", model.ErrorNonRecoverable, "NonRecoverableError", "no way", -1},
		{"abort without text", "ctx abort_operation || true", model.ErrorNonRecoverable, "NonRecoverableError", "", -1},
		{"retry operation", "ctx retry-operation later 7", model.ErrorRetry, "OperationRetry", "later [retry_after=7]", 7},
		{"retry", "ctx operation retry 'not yet' @2.5; ctx returns 1", model.ErrorRetry, "OperationRetry", "not yet [retry_after=2.5]", 2.5},
		{"retry by name", `ctx operation retry @'{"message":"m","retry_after":3}'`, model.ErrorRetry, "OperationRetry", "m [retry_after=3]", 3},
		{"exit code before retry", "ctx operation retry x; exit 1", model.ErrorRecoverable, "ProcessException", "exit_code: 1", -1},
		{"two returns", "ctx returns 1; ctx returns 2 || true", model.ErrorNonRecoverable, "NonRecoverableError", "ctx may only abort or return once", -1},
		{"return and abort", "ctx returns 1; ctx abort-operation x || true", model.ErrorNonRecoverable, "NonRecoverableError", "ctx may only abort or return once", -1},
		{"illegal path", "ctx node properties zz", model.ErrorRecoverable, "ProcessException", "illegal path: zz", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := onNode(t, bash(tt.body)).fail(t)
			if e.Known != tt.known || e.ExceptionType != tt.exception || !strings.Contains(e.Message, tt.message) {
				t.Errorf("got %s %s %q", e.Known, e.ExceptionType, e.Message)
			}
			switch {
			case tt.retryAfter < 0 && e.RetryAfter != nil, tt.retryAfter >= 0 && (e.RetryAfter == nil || *e.RetryAfter != tt.retryAfter):
				t.Errorf("retry after %v, want %v", e.RetryAfter, tt.retryAfter)
			}
		})
	}
}

func TestPropertiesAreSavedOnFailure(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"exit 1", "ctx abort-operation x", "ctx operation retry x"} {
		b := onNode(t, bash("ctx instance runtime-properties x 1\n"+body))
		b.fail(t)
		if b.property("x") != "1" {
			t.Errorf("%s: runtime properties were lost", body)
		}
	}
}

func TestConflict(t *testing.T) {
	t.Parallel()
	b := onNode(t, bash("ctx instance runtime-properties x 1; ctx instance update; ctx instance runtime-properties x 2"))
	b.succeed(t)
	if b.property("x") != "2" || len(b.manager.Saves()) != 2 {
		t.Errorf("x is %v after %d saves, want 2 after 2", b.property("x"), len(b.manager.Saves()))
	}
	b = onNode(t, bash("ctx instance runtime-properties x 1; exit 1"))
	inner := b.manager
	b.request.Manager = &racing{inner}
	e := b.fail(t)
	if e.ExceptionType != "CloudifyClientError" || e.Message != "409: conflict" || e.Known != model.ErrorRecoverable {
		t.Errorf("got %s %s %q", e.Known, e.ExceptionType, e.Message)
	}
}

func TestRelationshipSaves(t *testing.T) {
	t.Parallel()
	b := onRelationship(t, bash(`ctx target instance runtime-properties t 1
ctx source instance runtime-properties s 1`))
	if got := b.succeed(t); got != "null" {
		t.Errorf("result %s", got)
	}
	if diff := cmp.Diff([]model.InstanceID{"vm_1", "db_1"}, b.manager.Saves()); diff != "" {
		t.Errorf("saves (-want +got):\n%s", diff)
	}
	r := b.manager.Records()[0].Context
	if r.SourceID != "vm_1" || r.TargetName != "db" || r.NodeID != "" {
		t.Errorf("record context %+v", r)
	}
}

func TestLoggerAndEvents(t *testing.T) {
	t.Parallel()
	b := onNode(t, bash(`ctx logger info plain
ctx logger warn 'a %s and %r' x y
ctx logger error @'["list"]'
ctx send-event happened`))
	b.succeed(t)
	for level, text := range map[string]string{"info": "plain", "warning": "a x and 'y'", "error": "['list']"} {
		if !slices.Contains(b.manager.Lines(level), text) {
			t.Errorf("no %s line %q in\n%s", level, text, b.log())
		}
	}
	for _, r := range b.manager.Records() {
		if r.Type == model.KindEvent {
			data, err := json.Marshal(r)
			if err != nil || r.EventType != "plugin_event" || r.Message.Text != "happened" {
				t.Errorf("event %s, %v", data, err)
			}
			return
		}
	}
	t.Error("the event is missing")
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kwargs := bash(`printf '%s|' "$text" "$number" "$float" "$flag" "$none" "$dict" "$list" "$both" "$TMPDIR" "$PWD" "$1" "$2"`)
	for key, value := range map[string]any{
		"text": "a b", "number": json.Number("1"), "float": json.Number("1.50"), "flag": true, "none": nil,
		"dict": map[string]any{"k": []any{nil, "é"}}, "list": []any{}, "both": "input",
		"process": map[string]any{"env": map[string]any{"both": "process"}, "cwd": dir, "args": []any{"one", "'two words'"}},
	} {
		kwargs[key] = value
	}
	b := onNode(t, kwargs)
	b.request.Env = slices.DeleteFunc(slices.Clone(b.request.Env), func(e string) bool { return strings.HasPrefix(e, "TMPDIR=") })
	b.succeed(t)
	want := `<out> a b|1|1.5|true|None|{"k": [null, "\u00e9"]}|[]|process|` + b.request.TempDir + "|" + dir + "|one|two words|"
	if got := b.manager.Lines("info"); !slices.Contains(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestInputErrors(t *testing.T) {
	t.Parallel()
	process := func(key string, value any) model.Document {
		return model.Document{"script_source": "true", "process": map[string]any{key: value}}
	}
	tests := []struct {
		kwargs model.Document
		want   string
	}{
		{model.Document{}, "must be given"},
		{model.Document{"script_path": "a", "script_source": "b"}, "may be given"},
		{model.Document{"script_source": "true", "process": "x"}, "process must be a dictionary"},
		{process("env", []any{}), "process.env"},
		{process("args", "x"), "process.args"},
		{process("args", []any{json.Number("1")}), "process.args"},
		{process("ctx_proxy_type", "unix"), "Unsupported proxy type: unix"},
		{model.Document{"script_path": "scripts/gone.sh"}, "deployments/default_tenant/dep/scripts/gone.sh," +
			"blueprints/default_tenant/bp/scripts/gone.sh,scripts/gone.sh (404) : Resource not found: scripts/gone.sh"},
		{model.Document{"script_path": "file:///nowhere/x.sh"}, "script /nowhere/x.sh does not exist"},
	}
	for _, tt := range tests {
		e := onNode(t, tt.kwargs).fail(t)
		if !e.Known.Final() || !strings.Contains(e.Message, tt.want) {
			t.Errorf("%v: %s %q, want %q", tt.kwargs, e.Known, e.Message, tt.want)
		}
	}
}
