package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/bus/natsbus"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
	"github.com/reifyhq/reify/internal/script/ctxcmd"
)

// asAgent makes the test program the agent.
const asAgent = "REIFY_AGENT_UNDER_TEST"

var update = flag.Bool("update", false, "rewrite dependencies.txt")

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == ctxcmd.Name || os.Getenv(asAgent) != "" {
		main()
	}
	// A program under the race detector sleeps a second at its end, and ctx is this program.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	goleak.VerifyTestMain(m)
}

// TestDependencies compares what the agent is built from with the list that is checked in: it holds no database code,
// and a new dependency shows in review.
func TestDependencies(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, forbidden := range []string{"internal/store", "internal/api", "internal/service", "internal/engine", "sqlite", "pgx", "cobra"} {
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, forbidden) {
				t.Errorf("the agent is built from %s", strings.TrimSpace(line))
			}
		}
	}
	const file = "dependencies.txt"
	if *update {
		if err := os.WriteFile(file, out, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(out), "\n")); diff != "" {
		t.Errorf("dependencies changed; run go test ./cmd/reify-agent -update and say why in the commit (-want +got):\n%s", diff)
	}
}

func TestVerbs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "usage: reify-agent"},
		{[]string{"zz"}, 2, "usage: reify-agent"},
		{[]string{"version"}, 0, programVersion()},
		{[]string{"ctx", "--help"}, 0, "usage: ctx"},
		{[]string{"run", "-h"}, 0, "name of the agent"},
		{[]string{"run", "--zz"}, 2, "not defined"},
		{[]string{"run", "--name", "x"}, 2, "is required"},
		{[]string{"run", "--name=x", "--bus=b", "--manager=zz", "--work-dir=w"}, 1, "manager URL"},
		{[]string{"run", "--name=x", "--bus=b", "--manager=http://h", "--work-dir=w", "--ca=/no/file"}, 1, "certificate authorities"},
		{[]string{"run", "--name=x", "--bus=b", "--manager=http://h", "--work-dir=w", "--ca=main.go"}, 1, "no certificate"},
		{[]string{"run", "--name=x", "--bus=nats://127.0.0.1:1", "--manager=http://h", "--work-dir=w"}, 1, "connect to broker"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		code := run(t.Context(), tt.args, func(string) string { return "" }, &out, &out)
		if code != tt.code || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%q: exit %d, %q; want %d, %q", tt.args, code, out.String(), tt.code, tt.want)
		}
	}
}

// world is what a host agent reaches over the network: a broker and a manager.
type world struct {
	bus     *natsbus.Bus
	broker  string
	manager string
	reports chan *operation.Report
}

func newWorld(t *testing.T) *world {
	t.Helper()
	broker, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	broker.Start()
	t.Cleanup(func() {
		broker.Shutdown()
		broker.WaitForShutdown()
	})
	manager := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(manager.Close)
	w := &world{broker: broker.ClientURL(), manager: manager.URL, reports: make(chan *operation.Report, 100)}
	if w.bus, err = natsbus.Open(t.Context(), natsbus.Options{URL: w.broker}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- w.bus.Receive(ctx, operation.ResultsQueue, bus.ReceiveOptions{}, func(_ context.Context, m bus.Message) error {
			report, err := operation.DecodeReport(m.Data)
			if err == nil {
				w.reports <- report
			}
			return err
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.bus.Close()
	})
	return w
}

// answer is a manager that knows one execution and nothing else.
func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Header.Get("Execution-Token") != "token" || r.Header.Get("Tenant") != "t":
		w.WriteHeader(http.StatusUnauthorized)
	case strings.HasPrefix(r.URL.Path, "/api/v3.1/executions/"):
		io.WriteString(w, `{"id":"exec","status":"started"}`)
	case strings.HasSuffix(r.URL.Path, "/events"):
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"message":"no","error_code":"not_found_error"}`)
	}
}

func (w *world) args(workDir string) []string {
	return []string{"run", "--name=vm_1", "--tenant=t", "--bus=" + w.broker, "--manager=" + w.manager, "--work-dir=" + workDir}
}

// send sends the same attempt of a task each time; without an id the broker takes it for a new message.
func (w *world) send(t *testing.T, id, body string) {
	t.Helper()
	message := &operation.Message{
		ID: "task", Kwargs: model.Document{"script_source": "#!/bin/bash\n" + body},
		Context: operation.Context{
			TaskID: "task", TaskName: script.Function, ExecutionID: "exec", ExecutionToken: "token", Tenant: operation.Tenant{Name: "t"},
		},
	}
	data, err := message.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.bus.Send(t.Context(), operation.AgentAddress("t", "vm_1").TaskQueue(), id, data); err != nil {
		t.Fatal(err)
	}
}

// result waits for the end of the task.
func (w *world) result(t *testing.T) string {
	t.Helper()
	for deadline := time.After(time.Minute); ; {
		select {
		case report := <-w.reports:
			if report.Kind == operation.ReportFinished {
				data, _ := json.Marshal(report.Result)
				return string(data)
			}
		case <-deadline:
			t.Fatal("no report came")
		}
	}
}

// TestHostAgent runs a script on an agent that reaches broker and manager over the network.
func TestHostAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() { done <- run(ctx, w.args(t.TempDir()), os.Getenv, io.Discard, io.Discard) }()
	w.send(t, operation.DispatchID("exec", "task", 0), "ctx returns $AGENT_NAME")
	if got := w.result(t); got != `{"ok":true,"result":"vm_1"}` {
		t.Errorf("result %s", got)
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestKilledAgent kills an agent in the middle of a script: its successor ends what is left and runs the script again.
func TestKilledAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	body := `if [ "$(ctx resume)" = True ]; then ctx returns resumed; exit 0; fi
echo $$ > ` + pidFile + `.new; mv ` + pidFile + `.new ` + pidFile + `; exec >/dev/null 2>&1; while true; do sleep 0.1; done`
	agent := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], w.args(dir)...)
		cmd.Env = append(os.Environ(), asAgent+"=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	first := agent()
	w.send(t, operation.DispatchID("exec", "task", 0), body)
	var pid int
	waitFor(t, "start", func() bool {
		data, err := os.ReadFile(pidFile)
		_, scanErr := fmt.Sscan(string(data), &pid)
		return err == nil && scanErr == nil
	})
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	if syscall.Kill(pid, 0) != nil {
		t.Fatal("the script died with its agent")
	}
	second := agent()
	waitFor(t, "the end of the leftover script", func() bool { return syscall.Kill(-pid, 0) != nil })
	// What a reconciler does sooner or later; the broker alone would wait for its AckWait.
	w.send(t, "", body)
	if got := w.result(t); got != `{"ok":true,"result":"resumed"}` {
		t.Errorf("result %s", got)
	}
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("agent ended with %v", err)
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come true", what)
		}
		timer := time.NewTimer(10 * time.Millisecond)
		<-timer.C
	}
}

// BenchmarkCtx is the cost of one ctx call: a process, a connection and an answer.
func BenchmarkCtx(b *testing.B) {
	manager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"type":"result","payload":"x"}`)
	}))
	defer manager.Close()
	program := filepath.Join(b.TempDir(), ctxcmd.Name)
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for b.Loop() {
		cmd := exec.Command(program, "node", "name")
		cmd.Env = []string{ctxcmd.URLVariable + "=" + manager.URL}
		if out, err := cmd.Output(); err != nil || string(out) != "x" {
			b.Fatalf("%v: %s", err, out)
		}
	}
}
