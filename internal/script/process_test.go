package script_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
	"github.com/reifyhq/reify/internal/script/scripttest"
)

// racing is a manager on which somebody else is always faster.
type racing struct{ *scripttest.Manager }

func (r *racing) UpdateNodeInstance(context.Context, model.InstanceID, int, model.Document, model.InstanceState) error {
	return fault.New(fault.Conflict, "conflict")
}

func TestWhereScriptsComeFrom(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/s.sh" {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		io.WriteString(w, "#!/bin/sh\necho web")
	}))
	defer web.Close()
	plain := httptest.NewServer(web.Config.Handler)
	defer plain.Close()
	local := filepath.Join(t.TempDir(), "local.sh")
	if err := os.WriteFile(local, []byte("#!/bin/sh\necho local"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := func(path string) *bench {
		b := onNode(t, model.Document{"script_path": path})
		b.manager.Files["deployments/default_tenant/dep/d.sh"] = "#!/bin/sh\necho deployment"
		b.manager.Files["blueprints/default_tenant/bp/b.sh"] = "#!/bin/sh\necho blueprint"
		b.manager.Files["blueprints/default_tenant/lib/n.sh"] = "#!/bin/sh\necho namespace"
		b.manager.Files["r.sh"] = "#!/bin/sh\necho root"
		b.manager.Documents["blueprints/bp?_include=plan"] = `{"plan":{"namespaces_mapping":{"ns":"lib"}}}`
		return b
	}
	for path, want := range map[string]string{
		"d.sh": "deployment", "b.sh": "blueprint", "r.sh": "root", "ns--n.sh": "namespace",
		"file://" + local: "local", plain.URL + "/s.sh": "web",
	} {
		bench := b(path)
		bench.succeed(t)
		if !slices.Contains(bench.manager.Lines("info"), "<out> "+want) {
			t.Errorf("%s: no %q in\n%s", path, want, bench.log())
		}
	}
	if e := b(plain.URL + "/other").fail(t); e.Known != model.ErrorNonRecoverable || !strings.Contains(e.Message, "202") {
		t.Errorf("status 202: %s %q", e.Known, e.Message)
	}
	if e := b(web.URL + "/s.sh").fail(t); e.Known != model.ErrorRecoverable || e.ExceptionType != "ConnectionError" {
		t.Errorf("unknown certificate: %s %q", e.Known, e.Message)
	}
}

func TestInlineScripts(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"echo $((1 + 1))": "<out> 2",
		"    if true; then\n      echo dedented\n    fi": "<out> dedented",
		"#!/bin/sh\nhostname=x":                          "",
		"#!/bin/cat\ntext":                               "<out> text",
	} {
		b := onNode(t, model.Document{"script_source": source})
		b.succeed(t)
		if want != "" && !slices.Contains(b.manager.Lines("info"), want) {
			t.Errorf("%q: no %q in\n%s", source, want, b.log())
		}
	}
	b := onNode(t, model.Document{"script_source": "from cloudify import ctx\nctx.returns(ctx.node.name)"})
	if got := b.succeed(t); got != `"vm"` {
		t.Errorf("inline Python returned %s", got)
	}
}

func TestProcessOptions(t *testing.T) {
	t.Parallel()
	output, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	with := func(body string, process map[string]any) *bench {
		kwargs := bash(body)
		kwargs["process"] = process
		b := onNode(t, kwargs)
		b.request.Output = output
		b.succeed(t)
		return b
	}
	b := with("echo to-file; echo to-log >&2", map[string]any{"log_stdout": false})
	data, _ := os.ReadFile(output.Name())
	if string(data) != "to-file\n" || !slices.Contains(b.manager.Lines("info"), "<err> to-log") {
		t.Errorf("log_stdout false: file %q, log\n%s", data, b.log())
	}
	b = with("echo one; echo two >&2; echo three", map[string]any{"stderr_to_stdout": true})
	if got := strings.Join(b.manager.Lines("info"), ","); !strings.Contains(got, "<out> one,<out> two,<out> three") {
		t.Errorf("stderr_to_stdout: %s", got)
	}
	b = with(`echo "[$CTX_SOCKET_URL]"`, map[string]any{"ctx_proxy_type": "none"})
	if !slices.Contains(b.manager.Lines("info"), "<out> []") {
		t.Errorf("no proxy:\n%s", b.log())
	}
	b = with("echo $BASH_VERSION-$-", map[string]any{"command_prefix": "bash -u"})
	if got := strings.Join(b.manager.Lines("info"), ","); !strings.Contains(got, "u") {
		t.Errorf("command prefix: %s", got)
	}
}

func TestHugeOutput(t *testing.T) {
	t.Parallel()
	b := onNode(t, bash("head -c 3000000 /dev/zero | tr '\\0' 'é'; echo; seq 1 20000; exit 1"))
	e := b.fail(t)
	if len(e.Message) > 512<<10 || !strings.Contains(e.Message, "bytes left out") || !strings.Contains(e.Message, "20000") {
		t.Errorf("message of %d bytes", len(e.Message))
	}
	lines := b.manager.Lines("info")
	want := 1
	for _, line := range lines {
		if len(line) > 40<<10 {
			t.Fatalf("a log line of %d bytes", len(line))
		}
		if line == fmt.Sprintf("<out> %d", want) {
			want++
		}
	}
	if want != 20001 {
		t.Errorf("line %d is missing or out of order", want)
	}
}

func TestDaemonDoesNotHang(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	b := onNode(t, bash("sleep 300 &\necho $! > "+file+"\necho done"))
	start := time.Now()
	b.succeed(t)
	if took := time.Since(start); took > 2*time.Minute {
		t.Errorf("took %v", took)
	}
	for _, pid := range pids(t, file) {
		if !alive(pid) {
			t.Error("the daemon was killed")
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	if !slices.Contains(b.manager.Lines("info"), "<out> done") {
		t.Errorf("output is missing:\n%s", b.log())
	}
}

// family starts processes that ignore what they can and writes their ids to a file.
func family(file string) string {
	return `trap '' TERM
bash -c 'trap "" TERM; echo $$ >> ` + file + `; while true; do sleep 0.2; done' &
echo $$ >> ` + file + `
ctx instance runtime-properties started yes
touch ` + file + `.ready
while true; do sleep 0.2; done`
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, recoverable := range []bool{true, false} {
		file := filepath.Join(t.TempDir(), "pids")
		b := onNode(t, bash(family(file)))
		c := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		limit := 1.5
		b.request.Clock = c
		b.request.Message.Context.Timeout, b.request.Message.Context.TimeoutRecoverable = &limit, &recoverable
		done := make(chan operation.Result, 1)
		go func() { done <- script.Run(t.Context(), b.request) }()
		waitForFamily(t, file)
		c.Advance(1499 * time.Millisecond)
		if len(done) != 0 || !alive(pids(t, file)[0]) {
			t.Error("the operation ended before its time")
		}
		c.Advance(time.Millisecond)
		waitFor(t, "the end of the operation", func() bool {
			c.Advance(10 * time.Millisecond)
			return len(done) == 1
		})
		e := (<-done).Err
		if e == nil || e.Message != "Process killed due to timeout of 1.5 seconds" || e.Known.Final() == recoverable {
			t.Errorf("got %+v", e)
		}
		if b.property("started") != "yes" {
			t.Error("runtime properties were lost")
		}
		expectDead(t, file)
	}
}

// waitForFamily waits until both processes of a family have written their ids and the first is ready.
func waitForFamily(t *testing.T, file string) {
	t.Helper()
	waitFor(t, "both processes", func() bool {
		data, _ := os.ReadFile(file)
		_, err := os.Stat(file + ".ready")
		return err == nil && len(strings.Fields(string(data))) == 2
	})
}

func TestKill(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pids")
	b := onNode(t, bash(family(file)))
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan int, 1)
	b.request.Started = func(pid int) error { started <- pid; return nil }
	done := make(chan operation.Result)
	go func() { done <- script.Run(ctx, b.request) }()
	<-started
	waitForFamily(t, file)
	cancel()
	if r := <-done; r.Err == nil || r.Err.Known != model.ErrorKillCancelled {
		t.Errorf("got %+v", r)
	}
	expectDead(t, file)
	if len(b.manager.Saves()) != 0 {
		t.Error("a killed operation saved runtime properties")
	}
}

func expectDead(t *testing.T, file string) {
	t.Helper()
	for _, pid := range pids(t, file) {
		waitFor(t, fmt.Sprintf("the end of process %d", pid), func() bool { return !alive(pid) })
	}
}

func TestStartedFails(t *testing.T) {
	t.Parallel()
	b := onNode(t, bash("while true; do sleep 0.1; done"))
	b.request.Started = func(int) error { return errors.New("disk full") }
	if e := b.fail(t); !strings.Contains(e.Message, "disk full") {
		t.Errorf("got %q", e.Message)
	}
}

func TestResources(t *testing.T) {
	t.Parallel()
	b := onNode(t, bash(`f=$(ctx download-resource conf/a.txt)
basename "$f"; cat "$f"
ctx download-resource conf/a.txt "$TMPDIR/there"; echo
cat "$TMPDIR/there"
ctx get-resource conf/a.txt
ctx get-resource-and-render conf/t.txt @'{"template_variables":{"name":"World","on":true}}'; echo
ctx download-resource-and-render conf/j.txt "$TMPDIR/j" @'{"template_variables":{"list":[1,2]}}' >/dev/null
cat "$TMPDIR/j"; echo
ctx get-resource zz 2>&1 | tail -1
ctx get-resource-and-render conf/t.txt @'{"template_variables":{"ctx":1}}' 2>&1 | tail -1`))
	b.request.Env = append(b.request.Env, "TMPDIR="+b.request.TempDir)
	b.manager.Files["blueprints/default_tenant/bp/conf/a.txt"] = "content\n"
	b.manager.Files["blueprints/default_tenant/bp/conf/t.txt"] = "Hello {{ name }} {{on}} {{ ctx.node.properties.port }}{{ gone }}\n"
	b.manager.Files["blueprints/default_tenant/bp/conf/j.txt"] = "{% for i in list %}{{ i + 1 }},{% endfor %}{{ ctx.instance.runtime_properties.number }}"
	b.succeed(t)
	var got []string
	for _, line := range b.manager.Lines("info") {
		if text, ok := strings.CutPrefix(line, "<out> "); ok {
			got = append(got, text)
		}
	}
	want := []string{
		"a.txt", "content", b.request.TempDir + "/there", "content", "content", "Hello World True 8080", "2,3,1",
		"RequestError: HttpException: deployments/default_tenant/dep/zz,blueprints/default_tenant/bp/zz,zz (404) : Resource not found: zz",
		"RequestError: NonRecoverableError: Key not allowed - a key named ctx is in template_variables",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
