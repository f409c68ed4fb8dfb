package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

var update = flag.Bool("update", false, "rewrite dependencies.txt")

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == ctxcmd.Name {
		main()
	}
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

// TestHostAgent runs a script on an agent that reaches broker and manager over the network.
func TestHostAgent(t *testing.T) {
	t.Parallel()
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
	manager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Execution-Token") != "token" || r.Header.Get("Tenant") != "t" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasPrefix(r.URL.Path, "/api/v3.1/executions/"):
			io.WriteString(w, `{"id":"exec","status":"started"}`)
		case strings.HasSuffix(r.URL.Path, "/events"):
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"message":"no","error_code":"not_found_error"}`)
		}
	}))
	t.Cleanup(manager.Close)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{
			"run", "--name=vm_1", "--tenant=t", "--bus=" + broker.ClientURL(), "--manager=" + manager.URL, "--work-dir=" + t.TempDir(),
		}, os.Getenv, io.Discard, io.Discard)
	}()
	b, err := natsbus.Open(ctx, natsbus.Options{URL: broker.ClientURL()})
	if err != nil {
		t.Fatal(err)
	}
	message := &operation.Message{
		ID: "task", Kwargs: model.Document{"script_source": "#!/bin/sh\nctx returns $AGENT_NAME"},
		Context: operation.Context{
			TaskID: "task", TaskName: script.Function, ExecutionID: "exec", ExecutionToken: "token", Tenant: operation.Tenant{Name: "t"},
		},
	}
	data, err := message.Encode()
	if err != nil {
		t.Fatal(err)
	}
	queue := operation.AgentAddress("t", "vm_1").TaskQueue()
	if err := b.Send(ctx, queue, operation.DispatchID("exec", "task", 0), data); err != nil {
		t.Fatal(err)
	}
	reports := make(chan *operation.Report, 10)
	receiving := make(chan error, 1)
	go func() {
		receiving <- b.Receive(ctx, operation.ResultsQueue, bus.ReceiveOptions{}, func(_ context.Context, m bus.Message) error {
			report, err := operation.DecodeReport(m.Data)
			if err == nil {
				reports <- report
			}
			return err
		})
	}()
	for deadline := time.After(20 * time.Second); ; {
		select {
		case report := <-reports:
			if report.Kind != operation.ReportFinished {
				continue
			}
			if got, _ := json.Marshal(report.Result); string(got) != `{"ok":true,"result":"vm_1"}` {
				t.Errorf("result %s", got)
			}
		case <-deadline:
			t.Error("no report came")
		}
		break
	}
	cancel()
	if err := <-receiving; err != nil {
		t.Error(err)
	}
	b.Close()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
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
