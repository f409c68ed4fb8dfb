package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/cli/exit"
)

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"reify": func() {
		os.Exit(New(testOptions()).Run(context.Background(), os.Args[1:]))
	}})
}

// leakChecked fails when tests that succeeded left a goroutine behind.
type leakChecked struct {
	m *testing.M
}

func (l leakChecked) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// testOptions wire what the scripts see to the process of the test program that plays reify.
func testOptions() Options {
	return Options{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Env: os.Getenv, Version: "1.2.3",
	}
}

// TestScripts runs the scripts in testdata/script, each against a manager of its own at $MANAGER. The environment holds
// credentials unless the script clears them.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			server := httptest.NewServer(newStub().handler())
			env.Defer(server.Close)
			env.Setenv("MANAGER", server.URL)
			env.Setenv("REIFY_URL", env.Getenv("MANAGER"))
			env.Setenv("REIFY_USERNAME", "admin")
			env.Setenv("REIFY_PASSWORD", "admin")
			env.Setenv("REIFY_CONFIG_HOME", env.WorkDir+"/config")
			// Otherwise every program that was built with the race detector sleeps for a second before it exits.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a program and checks its exit code: exits CODE PROGRAM ARGS...
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var failed *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// runInProcess runs a command line against the stub and returns what it printed.
func runInProcess(t *testing.T, ctx context.Context, s *stub, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	env := map[string]string{
		"REIFY_URL": serve(t, s), "REIFY_USERNAME": "admin", "REIFY_PASSWORD": "admin", "REIFY_CONFIG_HOME": t.TempDir(),
	}
	var out, errOut bytes.Buffer
	o := testOptions()
	o.Stdin, o.Stdout, o.Stderr, o.Env = nil, &out, &errOut, func(k string) string { return env[k] }
	code = New(o).Run(ctx, args)
	return code, out.String(), errOut.String()
}

// TestInterrupt checks that an interrupt ends the following only, and says how to go on.
func TestInterrupt(t *testing.T) {
	for _, args := range [][]string{
		{"executions", "start", "endless", "-d", "hello"},
		{"events", "list", "x1", "--tail"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		s := newStub()
		s.deployments["hello"] = object{"id": "hello"}
		s.executions = []object{{"id": "x1", "workflow_id": "endless", "deployment_id": "hello", "status": "started"}}
		s.onExecution = func(seen int) {
			if seen == 3 {
				cancel()
			}
		}
		code, _, stderr := runInProcess(t, ctx, s, args...)
		if code != exit.Interrupted {
			t.Errorf("%v: exit code %d, want %d; %s", args, code, exit.Interrupted, stderr)
		}
		for _, want := range []string{"it goes on", "reify executions cancel x"} {
			if !strings.Contains(stderr, want) {
				t.Errorf("%v: stderr lacks %q:\n%s", args, want, stderr)
			}
		}
		for _, r := range s.requests {
			if strings.HasPrefix(r, "POST /api/v3.1/executions/") {
				t.Errorf("%v: an interrupt must not act on the execution: %s", args, r)
			}
		}
	}
}
