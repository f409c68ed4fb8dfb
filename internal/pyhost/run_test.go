package pyhost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/pyhost"
)

// TestOperations runs one operation of every kind, warm and cold.
func TestOperations(t *testing.T) {
	t.Parallel()
	related := func(m *operation.Message) {
		m.Context.Related = &operation.Related{NodeID: "net_1", NodeName: "net", IsTarget: true}
	}
	for _, mode := range []string{"warm", "cold"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(o *pyhost.Options) { o.Cold = mode == "cold" }).withProbe(t)
			for _, c := range []struct {
				function string
				kwargs   model.Document
				change   func(*operation.Message)
				want     string
			}{
				{"full", model.Document{"value": "v"}, nil, `value {"node": "vm", "input": "v", "plugin": "probe", "retry": 0}`},
				{"retry", nil, nil, `OperationRetry (OperationRetry) "not yet [retry_after=7]" args [7] causes []`},
				{"final", nil, nil, `NonRecoverableError (NonRecoverableError) "no way" args [] causes ["ValueError:cause"]`},
				{"recoverable", nil, nil, `RecoverableError (RecoverableError) "later [retry_after=3]" args [3] causes []`},
				{"wrong", nil, nil, `KeyError (RecoverableError) "'k'" args [] causes []`},
				{"own", nil, nil, `Own (NonRecoverableError) "mine" args [] causes []`},
				{"leave", nil, nil, `SystemExit (RecoverableError) "3" args [] causes []`},
				{"drop", nil, nil, `NonRecoverableError (NonRecoverableError) "Unhandled exception occurred in operation dispatch (rc=5)" args [] causes []`},
				{"crash", nil, nil, `NonRecoverableError (NonRecoverableError) "Unhandled exception occurred in operation dispatch (rc=-11)" args [] causes []`},
				{"unserializable", nil, nil, `NonRecoverableError (NonRecoverableError) "Unhandled exception occurred in operation dispatch (rc=1)" args [] causes []`},
				{"link", nil, related, `value "relationship-instance"`},
				{"rest", nil, nil, `value "started"`},
				{"thread", nil, nil, `value "left"`},
				{"nowhere", nil, nil, `NonRecoverableError (NonRecoverableError) "probe.tasks has no function named 'nowhere' " args [] causes []`},
				{"nothing", nil, func(m *operation.Message) { m.Context.Resume = true },
					`NonRecoverableError (NonRecoverableError) "Cannot resume - operation not resumable: <function nothing at 0x?>" args [] causes []`},
			} {
				m := message(c.function, c.kwargs)
				if c.change != nil {
					c.change(m)
				}
				if got := withoutAddress(show(r.run(t, m))); got != c.want {
					t.Errorf("%s:\n got %s\nwant %s", c.function, got, c.want)
				}
			}
			want := map[string]any{"value": "v", "size": 4.0, "rendered": "vm 3", "plain": "plain text", "asked": true, "with": "net_1"}
			if diff := cmp.Diff(want, r.manager.properties("vm_1")); diff != "" {
				t.Errorf("runtime properties (-want +got):\n%s", diff)
			}
			if got := r.manager.properties("net_1")["from"]; got != "vm" {
				t.Errorf("runtime property of the target: %v", got)
			}
			for _, text := range []string{"value v", "an event"} {
				if !strings.Contains(strings.Join(r.texts(), "\n"), text) {
					t.Errorf("%q is not among the records %q", text, r.texts())
				}
			}
			for _, asked := range r.manager.asked() {
				if strings.HasSuffix(asked, "/events") {
					t.Errorf("the request %s was not gathered", asked)
				}
			}
			missing := r.run(t, message("missing", nil))
			if missing.Err == nil || missing.Err.Known != model.ErrorHTTP || !missing.Err.AppendMessage || !missing.Err.Known.Final() {
				t.Errorf("a missing resource: %s", show(missing))
			}
			if left, _ := filepath.Glob(filepath.Join(r.work, "tmp", "task-*")); len(left) > 0 {
				t.Errorf("dispatch directories are left: %q", left)
			}
		})
	}
}

// withoutAddress takes the address out of the text of a Python function.
func withoutAddress(text string) string {
	before, after, ok := strings.Cut(text, " at 0x")
	if !ok {
		return text
	}
	_, after, _ = strings.Cut(after, ">")
	return before + " at 0x?>" + after
}

// TestWarmIsLikeCold compares what an operation sees of its process.
func TestWarmIsLikeCold(t *testing.T) {
	t.Parallel()
	var seen []map[string]any
	r := newRig(t, nil).withProbe(t)
	for _, cold := range []bool{false, true} {
		m := message("around", nil)
		if cold {
			// A variable that Python reads at its start asks for a fresh interpreter.
			m.Context.ExecutionEnv = map[string]string{"PYTHONHASHSEED": "0"}
		}
		res := r.run(t, m)
		if res.Err != nil {
			t.Fatal(show(res))
		}
		var v map[string]any
		if err := json.Unmarshal(res.Value, &v); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, v)
	}
	if diff := cmp.Diff(seen[1], seen[0]); diff != "" {
		t.Errorf("(-cold +warm):\n%s", diff)
	}
}

// TestLinesKeepTheirOrder gathers many log lines of one operation.
func TestLinesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil).withProbe(t)
	if res := r.run(t, message("lines", model.Document{"count": 300})); res.Err != nil {
		t.Fatal(show(res))
	}
	texts := r.texts()
	if len(texts) != 300 {
		t.Fatalf("%d lines", len(texts))
	}
	for i, text := range texts {
		if text != fmt.Sprintf("line %d", i) {
			t.Fatalf("line %d is %q", i, text)
		}
	}
}

// TestTimeout checks that nothing of an operation is left when its time is up.
func TestTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil).withProbe(t)
	for _, recoverable := range []bool{false, true} {
		file := filepath.Join(t.TempDir(), "pids")
		m := message("hang", model.Document{"file": file})
		limit := 2.0
		m.Context.Timeout, m.Context.TimeoutRecoverable = &limit, &recoverable
		res := r.run(t, m)
		if res.Err == nil || res.Err.Message != "Process killed due to timeout of 2 seconds" || res.Err.Known.Final() == recoverable {
			t.Errorf("recoverable %v: %s", recoverable, show(res))
		}
		leader, child, _ := pids(t, file)
		waitFor(t, "the end of the operation's processes", func() bool { return !alive(leader) && !alive(child) })
	}
}

// TestKill ends operations at the end of their context, warm and cold.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, cold := range []bool{false, true} {
		r := newRig(t, func(o *pyhost.Options) { o.Cold = cold }).withProbe(t)
		file := filepath.Join(t.TempDir(), "pids")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan operation.Result, 1)
		go func() { done <- r.Run(ctx, r.request(message("hang", model.Document{"file": file}))) }()
		leader, child, _ := pids(t, file)
		cancel()
		if res := <-done; res.Err == nil || res.Err.Known != model.ErrorKillCancelled {
			t.Errorf("result %s", show(res))
		}
		if alive(leader) || alive(child) {
			t.Errorf("cold %v: processes are left", cold)
		}
	}
}

// TestLostZygote kills the process from which operations are forked, with an operation running.
func TestLostZygote(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil).withProbe(t)
	file := filepath.Join(t.TempDir(), "pids")
	done := make(chan operation.Result, 1)
	go func() { done <- r.Run(t.Context(), r.request(message("hang", model.Document{"file": file}))) }()
	leader, child, zygote := pids(t, file)
	if err := syscall.Kill(zygote, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	res := <-done
	if res.Err == nil || res.Err.Known.Final() {
		t.Errorf("the lost operation: %s", show(res))
	}
	waitFor(t, "the end of the operation's processes", func() bool { return !alive(leader) && !alive(child) })
	if res := r.run(t, message("nothing", nil)); res.Err != nil {
		t.Errorf("the next operation: %s", show(res))
	}
}

// TestNothingOutlivesTheHost kills the process of a host in the middle of an operation, warm and cold.
func TestNothingOutlivesTheHost(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"warm", "cold"} {
		r := newRig(t, nil).withProbe(t)
		if res := r.run(t, message("nothing", nil)); res.Err != nil {
			t.Fatal(show(res))
		}
		file := filepath.Join(t.TempDir(), "pids")
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), asHost+"="+file, "REIFY_HOST_WORK="+r.work, "REIFY_HOST_MODE="+mode)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		leader, child, parent := pids(t, file)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) {
			t.Fatal(err)
		}
		waitFor(t, mode+": the end of everything", func() bool { return !alive(leader) && !alive(child) && !alive(parent) })
	}
}

// hostProcess is the host that TestNothingOutlivesTheHost kills.
func hostProcess(file string) int {
	cache, err := os.UserCacheDir()
	if err != nil {
		return 1
	}
	ctx := context.Background()
	h := pyhost.New(pyhost.Options{
		WorkDir: os.Getenv("REIFY_HOST_WORK"), Base: pyhost.Base{Dir: filepath.Join(cache, "reify-test", "python")},
		Cold: os.Getenv("REIFY_HOST_MODE") == "cold", Clock: clock.Real{}, Transport: http.DefaultTransport,
	})
	if err := h.Start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	r := &rig{manager: newManager()}
	res := h.Run(ctx, r.request(message("hang", model.Document{"file": file})))
	fmt.Fprintln(os.Stderr, show(res))
	return 1
}
