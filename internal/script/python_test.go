package script_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/model"
)

func TestPythonScript(t *testing.T) {
	t.Parallel()
	kwargs := py(`
import os
from cloudify import ctx
from cloudify.state import ctx_parameters as inputs
from cloudify.decorators import operation
from cloudify.exceptions import NonRecoverableError

@operation(resumable=True)
def main(**_):
    props = ctx.instance.runtime_properties
    assert props['number'] == 1 and props.get('zz') is None and 'a' in props
    props['int'] = 1
    props['float'] = 1.5
    props.update({'nested': {'list': [1, None, True]}})
    del props['number']
    assert ctx.node.properties['nested']['list'][1] == 'b'
    assert ctx.node.type_hierarchy[-1] == 'cloudify.nodes.Compute'
    try:
        ctx.node.properties['x'] = 1
        raise AssertionError('read only')
    except NonRecoverableError as e:
        assert str(e) == 'Cannot override read only properties', e
    try:
        ctx.source
        raise AssertionError('kind')
    except NonRecoverableError as e:
        assert 'can only be used in' in str(e), e
    r = ctx.instance.relationships[0]
    assert r.target.node.name == 'db' and r.target.instance.runtime_properties['url'] == 'sql://db'
    assert r.type_hierarchy == ['cloudify.relationships.depends_on', 'connected'], r.type_hierarchy
    assert ctx.capabilities['url'] == 'sql://db'
    assert ctx.plugin == 'script' and ctx.plugin.name == 'script' and ctx.plugin.workdir
    assert ctx.operation.retry_number == 1 and ctx.operation.name.endswith('start')
    assert ctx.deployment.id == 'dep' and ctx.execution_id == 'exec-1' and ctx.type == 'node-instance'
    assert ctx.instance.host_ip == '10.0.0.1' and ctx.instance.id == 'vm_1'
    assert inputs.greeting == 'hi' and inputs['greeting'] == 'hi' and os.environ['greeting'] == 'hi'
    try:
        inputs.zz
        raise AssertionError('inputs')
    except KeyError:
        pass
    assert ctx.get_resource('conf') == b'\xff\x00'.replace(b'\xff', b'{{ greeting }}')
    assert ctx.get_resource_and_render('conf', {'greeting': 'x'}).startswith('x')
    with open(ctx.download_resource('conf')) as f:
        assert f.read().startswith('{{')
    ctx.logger.info('value %s of %d', 'x', 7)
    ctx.logger.warning('careful')
    ctx.send_event('event')
    ctx.returns({'ok': [1, 2.0]})

assert __name__ == '__main__' and __file__.endswith('.py')
print('printed')
main()
`)
	kwargs["greeting"] = "hi"
	b := onNode(t, kwargs)
	b.manager.Files["blueprints/default_tenant/bp/conf"] = "{{ greeting }}\x00"
	if got := b.succeed(t); got != `{"ok":[1,2.0]}` {
		t.Errorf("result %s", got)
	}
	want := model.Document{
		"a": map[string]any{"old": true}, "int": json.Number("1"), "float": json.Number("1.5"),
		"nested": map[string]any{"list": []any{json.Number("1"), nil, true}},
	}
	if diff := cmp.Diff(want, b.manager.Properties("vm_1")); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	if !slices.Contains(b.manager.Lines("info"), "value x of 7") || !slices.Contains(b.manager.Lines("warning"), "careful") {
		t.Errorf("log:\n%s", b.log())
	}
}

func TestPythonOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		known      model.KnownError
		exception  string
		message    string
		args       []any
	}{
		{"value error", "raise ValueError('bad')", model.ErrorRecoverable, "ValueError", "bad", []any{}},
		{"non-recoverable", "from cloudify.exceptions import NonRecoverableError\nclass Mine(NonRecoverableError): pass\nraise Mine('no way')",
			model.ErrorNonRecoverable, "Mine", "no way", []any{}},
		{"recoverable", "from cloudify.exceptions import RecoverableError\nraise RecoverableError('later', retry_after=3)",
			model.ErrorRecoverable, "RecoverableError", "later [retry_after=3]", []any{json.Number("3")}},
		{"operation retry", "from cloudify.exceptions import OperationRetry\nraise OperationRetry('later')",
			model.ErrorRetry, "OperationRetry", "later", []any{nil}},
		{"http", "from cloudify.exceptions import HttpException\nraise HttpException('u', 404, 'gone')",
			model.ErrorHTTP, "HttpException", "u (404) : gone", []any{"u", json.Number("404")}},
		{"retry", "from cloudify import ctx\nctx.operation.retry(message='not yet', retry_after=7)",
			model.ErrorRetry, "OperationRetry", "not yet [retry_after=7]", []any{json.Number("7")}},
		{"abort", "from cloudify import ctx\nctx.abort_operation('no')", model.ErrorNonRecoverable, "NonRecoverableError", "no", nil},
		{"exit", "import sys; sys.exit(3)", model.ErrorRecoverable, "SystemExit", "3", []any{}},
		{"hard exit", "import os; os._exit(5)", model.ErrorNonRecoverable, "NonRecoverableError",
			"Unhandled exception occurred in operation dispatch (rc=5)", nil},
		{"syntax", "def", model.ErrorRecoverable, "SyntaxError", "invalid syntax", []any{}},
		{"twice", "from cloudify import ctx\nctx.returns(1)\nctx.returns(2)", model.ErrorRecoverable, "RuntimeError", "ctx may only abort or return once", []any{}},
		{"missing key", "from cloudify import ctx\nctx.instance.runtime_properties['zz']", model.ErrorRecoverable, "KeyError", "'zz'", []any{}},
		{"missing resource", "from cloudify import ctx\nctx.get_resource('zz')", model.ErrorHTTP, "HttpException", "Resource not found: zz", nil},
		{"set", "from cloudify import ctx\nctx.returns({1})", model.ErrorRecoverable, "TypeError", "not JSON serializable", []any{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := onNode(t, py("from cloudify import ctx\nctx.instance.runtime_properties['x'] = 1\n"+tt.body))
			e := b.fail(t)
			if e.Known != tt.known || e.ExceptionType != tt.exception || !strings.Contains(e.Message, tt.message) {
				t.Errorf("got %s %s %q", e.Known, e.ExceptionType, e.Message)
			}
			if tt.args != nil && len(tt.args)+len(e.Args) > 0 {
				if diff := cmp.Diff(tt.args, e.Args); diff != "" {
					t.Errorf("args (-want +got):\n%s", diff)
				}
			}
			if tt.name != "hard exit" && tt.name != "syntax" && b.property("x") != json.Number("1") {
				t.Errorf("runtime properties were lost: %v", b.manager.Properties("vm_1"))
			}
			if strings.Contains(e.Traceback, "reify_") {
				t.Errorf("the traceback shows the runner:\n%s", e.Traceback)
			}
		})
	}
}

func TestPythonRelationship(t *testing.T) {
	t.Parallel()
	b := onRelationship(t, py(`
from cloudify import ctx
ctx.target.instance.runtime_properties['t'] = ctx.source.node.properties['port']
ctx.source.instance.runtime_properties['s'] = ctx.target.instance.runtime_properties['url']
ctx.source.instance.update()
ctx.source.instance.runtime_properties['again'] = True
`))
	b.succeed(t)
	if diff := cmp.Diff([]model.InstanceID{"vm_1", "vm_1", "db_1"}, b.manager.Saves()); diff != "" {
		t.Errorf("saves (-want +got):\n%s", diff)
	}
	if b.property("s") != "sql://db" || b.property("again") != true || b.manager.Properties("db_1")["t"] != json.Number("8080") {
		t.Errorf("source %v, target %v", b.manager.Properties("vm_1"), b.manager.Properties("db_1"))
	}
}

func TestPythonMissing(t *testing.T) {
	t.Parallel()
	b := onNode(t, py("pass"))
	b.request.Python = "no-such-python"
	if e := b.fail(t); e.Known != model.ErrorNonRecoverable || !strings.Contains(e.Message, "no-such-python") {
		t.Errorf("got %s %q", e.Known, e.Message)
	}
	b = onNode(t, py("pass"))
	b.request.PythonDir = ""
	if e := b.fail(t); e.Known != model.ErrorNonRecoverable || !strings.Contains(e.Message, "no Python support") {
		t.Errorf("got %s %q", e.Known, e.Message)
	}
	b = onNode(t, bash("ctx get-resource-and-render t 2>&1 | tail -1"))
	b.request.Python = "no-such-python"
	b.manager.Files["t"] = "{% if true %}x{% endif %}"
	b.succeed(t)
	if got := strings.Join(b.manager.Lines("info"), "\n"); !strings.Contains(got, "NonRecoverableError: template needs Jinja2") {
		t.Errorf("log:\n%s", got)
	}
}
