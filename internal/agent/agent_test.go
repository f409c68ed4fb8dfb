package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/bus/natsbus"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

func TestRunsScript(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.start(t)
	m := message("t1", `ctx instance runtime-properties x "$secret-$MANAGER_NAME"
echo line; ctx returns "$(ctx node name)"`)
	m.Kwargs["secret"] = map[string]any{"get_secret": "s"}
	m.Context.HasFunctions = true
	id := r.send(t, m, 0)
	if report := r.next(t); report.Kind != operation.ReportStarted || report.Attempt != id || report.Executor != "test" || report.Task != "t1" {
		t.Errorf("first report %+v", report)
	}
	report := r.next(t)
	if report.Kind != operation.ReportFinished || value(*report.Result) != "vm" {
		t.Errorf("second report %+v %+v", report, report.Result)
	}
	if got := r.manager.Properties("vm_1")["x"]; got != "secret s-test" {
		t.Errorf("runtime property %v", got)
	}
	batches := r.manager.Batches()
	if len(batches) == 0 || batches[0].ManagerName == nil || *batches[0].ManagerName != "test" || batches[0].ExecutionID != "exec" {
		t.Errorf("batches %+v", batches)
	}
}

func TestLogsComeInOrderBeforeTheReport(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.start(t)
	r.send(t, message("t1", "seq 1 1000"), 0)
	r.next(t)
	if res := r.finished(t, "t1"); res.Err != nil {
		t.Fatal(res.Err)
	}
	want := 1
	for _, line := range r.manager.Lines("info") {
		if line == fmt.Sprintf("<out> %d", want) {
			want++
		}
	}
	if want != 1001 {
		t.Errorf("line %d is missing or late", want)
	}
	for _, b := range r.manager.Batches() {
		if n := len(b.Logs) + len(b.Events); n > 200 {
			t.Errorf("a batch of %d records", n)
		}
	}
}

func TestRepeatedAttempts(t *testing.T) {
	t.Parallel()
	first := newRig(t, newMembus())
	stop := first.start(t)
	file := filepath.Join(t.TempDir(), "runs")
	m := message("t1", "echo run >> "+file+"; ctx returns once")
	first.send(t, m, 0)
	if got := value(first.finished(t, "t1")); got != "once" {
		t.Errorf("first delivery: %s", got)
	}
	first.sendAgain(t, m)
	if report := first.next(t); report.Kind != operation.ReportFinished || value(*report.Result) != "once" {
		t.Errorf("repetition: %+v", report)
	}
	stop()
	second := newRig(t, newMembus())
	second.options.WorkDir = first.options.WorkDir
	second.start(t)
	second.send(t, m, 0)
	if report := second.next(t); report.Kind != operation.ReportFinished || value(*report.Result) != "once" {
		t.Errorf("repetition after a restart: %+v", report)
	}
	if text, _ := os.ReadFile(file); string(text) != "run\n" {
		t.Errorf("the script ran %d times", strings.Count(string(text), "run"))
	}
}

func TestRunningAttemptIsNotStartedTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.start(t)
	dir := t.TempDir()
	file, release := filepath.Join(dir, "runs"), filepath.Join(dir, "release")
	m := message("t1", "echo run >> "+file+"; until [ -e "+release+" ]; do sleep 0.05; done")
	r.send(t, m, 0)
	waitFor(t, "start", exists(file))
	r.sendAgain(t, m)
	r.send(t, message("t2", ""), 0)
	r.finished(t, "t2")
	if err := os.WriteFile(release, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.finished(t, "t1")
	r.finished(t, "t1")
	if text, _ := os.ReadFile(file); string(text) != "run\n" {
		t.Errorf("the script ran %d times", strings.Count(string(text), "run"))
	}
}

// A user who cancels and resumes makes the engine send again, under a new number, what may still be at work.
func TestResumedTaskWaitsForItsEarlierDispatch(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.start(t)
	dir := t.TempDir()
	file, release := filepath.Join(dir, "runs"), filepath.Join(dir, "release")
	m := message("t1", "echo begin >> "+file+"; until [ -e "+release+" ]; do sleep 0.05; done; echo end >> "+file)
	r.send(t, m, 0)
	waitFor(t, "start", exists(file))
	r.send(t, m, 1)
	r.send(t, message("t2", ""), 0)
	r.finished(t, "t2")
	if err := os.WriteFile(release, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.finished(t, "t1")
	r.finished(t, "t1")
	if text, _ := os.ReadFile(file); string(text) != "begin\nend\nbegin\nend\n" {
		t.Errorf("the runs were not one after the other: %q", text)
	}
}

// sendAgain sends the first attempt of a task once more, as a reconciler does after the window of deduplication.
func (r *rig) sendAgain(t testing.TB, m *operation.Message) {
	t.Helper()
	r.sendRaw(t, "", mustEncode(t, m))
}

func mustEncode(t testing.TB, m *operation.Message) []byte {
	t.Helper()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDeadPredecessor starts a process group as a dead agent would have left it.
func TestDeadPredecessor(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	journal := filepath.Join(r.options.WorkDir, "journal")
	left, stranger := sleeper(t), sleeper(t)
	lines := started("exec/t1/0", left, startTime(t, left)) + started("exec/t2/0", stranger, "12345") +
		`{"attempt":"exec/t4/0","event":"started","at":"` + now() + `"}` + "\n" +
		`{"attempt":"exec/t3/0","event":"started","at":"` + now() + `"}` + "\n" + `{"attempt":"exec/t1/0","event":"finis`
	if err := os.WriteFile(journal, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	r.options.Find = func(m *operation.Message) (agent.Function, bool) {
		return agent.Function{}, m.Context.TaskName == "custom.task"
	}
	// One process was started and the agent died before it could note it; another one belongs to an attempt that ended.
	unnoted, other := sleeper(t, "REIFY_ATTEMPT=exec/t4/0"), sleeper(t, "REIFY_ATTEMPT=exec/ended/0")
	r.start(t)
	waitFor(t, "the end of the leftover process", func() bool { return !alive(left) })
	waitFor(t, "the end of the process that was not noted", func() bool { return !alive(unnoted) })
	if !alive(other) {
		t.Error("a process of an attempt that does not run was ended")
	}
	if !alive(stranger) {
		t.Error("a process with the same number and another start was ended")
	}
	r.send(t, message("t1", "ctx returns \"$(ctx resume)\""), 0)
	if got := value(r.finished(t, "t1")); got != "True" {
		t.Errorf("resumed script: %s", got)
	}
	m := message("t3", "")
	m.Context.TaskName = "custom.task"
	r.send(t, m, 0)
	if got := value(r.finished(t, "t3")); got != "error: Cannot resume - operation not resumable: custom.task" {
		t.Errorf("task that cannot be resumed: %s", got)
	}
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

// sleeper starts a process that leads a group.
func sleeper(t *testing.T, env ...string) int {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
	})
	return cmd.Process.Pid
}

func startTime(t *testing.T, pid int) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(data))[21]
}

func started(attempt string, pid int, start string) string {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return fmt.Sprintf(`{"attempt":%q,"event":"started","at":%q,"process":{"pid":%d,"start":%q,"boot":%q}}`+"\n",
		attempt, now(), pid, start, strings.TrimSpace(string(boot)))
}

func TestShutdownGivesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	stop := r.start(t)
	file := filepath.Join(t.TempDir(), "pid")
	r.send(t, message("t1", "if [ \"$(ctx resume)\" = True ]; then ctx returns resumed; exit 0; fi\necho $$ > "+file+"; sleep 300"), 0)
	waitFor(t, "start", exists(file))
	stop()
	if pid := readPID(t, file); alive(pid) {
		t.Errorf("process %d outlived the agent", pid)
	}
	r.start(t)
	if got := value(r.finished(t, "t1")); got != "resumed" {
		t.Errorf("after the restart: %s", got)
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.start(t)
	file := filepath.Join(t.TempDir(), "pid")
	r.send(t, message("t1", "sleep 300 & echo $! > "+file+"; wait"), 0)
	waitFor(t, "start", exists(file))
	cancel, err := json.Marshal(operation.Cancel{Execution: "exec"})
	if err != nil {
		t.Fatal(err)
	}
	r.manager.SetStatus(model.ExecutionKillCancelling)
	for _, data := range [][]byte{[]byte("nonsense"), []byte(`{"execution":"other"}`), cancel} {
		if err := r.bus.Notify(operation.CancelTopic, data); err != nil {
			t.Fatal(err)
		}
	}
	r.send(t, message("t2", "echo must not run > "+file+".2"), 0)
	pid := readPID(t, file)
	waitFor(t, "the end of the process", func() bool { return !alive(pid) })
	waitFor(t, "both attempts", func() bool { return r.attempts() == 2 })

	// The resumed execution has a new token and sends the same attempts again.
	r.manager.SetStatus(model.ExecutionStarted)
	for _, task := range []string{"t1", "t2"} {
		m := message(task, "ctx returns again")
		m.Context.ExecutionToken = "new"
		r.sendAgain(t, m)
		if got := value(r.finished(t, task)); got != "again" {
			t.Errorf("%s after the resume: %s", task, got)
		}
	}
}

func TestTellsWhatWasKilled(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.start(t)
	file := filepath.Join(t.TempDir(), "pid")
	r.send(t, message("t1", "echo $$ > "+file+"; sleep 300"), 0)
	waitFor(t, "start", exists(file))
	told := make(chan operation.Killed, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() {
		_ = r.bus.Watch(ctx, operation.KilledTopic, func(data []byte) {
			if k, err := operation.DecodeKilled(data); err == nil {
				told <- k
			}
		})
	})
	defer watch.Wait()
	defer cancel()
	attempt := operation.DispatchID("exec", "t1", 0)
	ask := func(serial int) {
		data, err := json.Marshal(operation.Cancel{Execution: "exec", Serial: serial,
			Attempts: []string{attempt, operation.DispatchID("exec", "never", 0)}})
		if err == nil {
			err = r.bus.Notify(operation.CancelTopic, data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range 2 {
		// The first question kills and is answered when the process group has ended, the second one is answered at once.
		waitFor(t, fmt.Sprintf("answer %d", n+1), func() bool {
			ask(1)
			select {
			case k := <-told:
				if !slices.Equal(k.Attempts, []string{attempt}) || alive(readPID(t, file)) {
					t.Errorf("told of %v while the process is alive: %v", k.Attempts, alive(readPID(t, file)))
				}
				return true
			default:
				return false
			}
		})
	}
}

func TestDropsUnwanted(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.manager.Status = model.ExecutionCancelled
	r.start(t)
	r.send(t, message("t1", "exit 1"), 0)
	waitFor(t, "the attempt", func() bool { return r.attempts() == 1 })

	stale := newRig(t, newMembus())
	stale.manager.Refuse = fault.New(fault.Unauthorized, "token")
	stale.start(t)
	stale.send(t, message("t1", "exit 1"), 0)
	waitFor(t, "the attempt", func() bool { return stale.attempts() == 1 })

	broken := newRig(t, newMembus())
	broken.manager.Refuse = fault.New(fault.Internal, "database is away")
	broken.start(t)
	broken.send(t, message("t1", "exit 1"), 0)
	if got := value(broken.finished(t, "t1")); !strings.Contains(got, "database is away") {
		t.Errorf("manager with an error: %s", got)
	}
	if len(r.reports)+len(stale.reports) != 0 {
		t.Error("an unwanted operation was reported")
	}
}

func TestTaskTable(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.options.Find = func(m *operation.Message) (agent.Function, bool) {
		return agent.Function{Run: func(_ context.Context, op *agent.Operation) operation.Result {
			panic("broken " + op.Message.Context.TaskName)
		}}, m.Context.TaskName == "broken.task"
	}
	r.start(t)
	tests := []struct {
		task   string
		kwargs model.Document
		want   string
	}{
		{"cloudify_agent.installer.operations.create", model.Document{"agent_config": map[string]any{"install_method": "none"}}, "<nil>"},
		{"cloudify_agent.installer.operations.create", model.Document{"agent_config": map[string]any{"install_method": "remote"}}, "error: Installing agents"},
		{"cloudify_agent.operations.install_plugins", nil, "<nil>"},
		{"aws.ec2.create", nil, "error: Plugin was not installed: aws"},
		{"broken.task", nil, "error: internal error in broken.task: broken broken.task"},
	}
	for i, tt := range tests {
		m := message(fmt.Sprint("t", i), "")
		m.Kwargs, m.Context.TaskName, m.Context.Plugin.Name = tt.kwargs, tt.task, "aws"
		r.send(t, m, 0)
		if got := value(r.finished(t, m.ID)); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.task, got, tt.want)
		}
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.options.Queue = operation.AgentAddress("t", "vm_1")
	r.start(t)
	var pong operation.Pong
	waitFor(t, "an answer", func() bool {
		data, err := r.bus.Request(t.Context(), r.options.Queue.PingTopic(), nil)
		return err == nil && json.Unmarshal(data, &pong) == nil
	})
	if age := time.Since(time.UnixMicro(int64(pong.Time * 1e6))); age > time.Minute || age < -time.Minute {
		t.Errorf("the time is off by %v", age)
	}
	r.send(t, message("t1", "ctx returns $AGENT_NAME$MANAGER_NAME"), 0)
	if got := value(r.finished(t, "t1")); got != "test" {
		t.Errorf("agent name: %s", got)
	}
}

func TestUnreadableMessages(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.start(t)
	r.sendRaw(t, "no dispatch id", []byte("{"))
	r.sendRaw(t, "exec/t1/0", []byte("{"))
	if got := value(r.finished(t, "t1")); !strings.HasPrefix(got, "error: decode task message") {
		t.Errorf("got %s", got)
	}
}

func TestFailureNamesItselfAsCause(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.start(t)
	r.send(t, message("t1", "exit 7"), 0)
	e := r.finished(t, "t1").Err
	if e == nil || e.ExceptionType != "ProcessException" || len(e.Causes) != 1 || e.Causes[0].Type != "ProcessException" {
		t.Errorf("got %+v", e)
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.options.Slots = 2
	r.start(t)
	dir := t.TempDir()
	for i := range 6 {
		r.send(t, message(fmt.Sprint("t", i), "touch "+dir+"/$$; ls "+dir+" | wc -l; sleep 0.2; rm "+dir+"/$$"), 0)
	}
	for range 12 {
		r.next(t)
	}
	for _, line := range r.manager.Lines("info") {
		if n, ok := strings.CutPrefix(line, "<out> "); ok && n > "2" {
			t.Errorf("%s scripts ran at once", n)
		}
	}
}

// TestRelief runs operations of which each waits for the next, with one slot.
func TestRelief(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	c := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	r.options.Slots, r.options.Clock = 1, c
	r.start(t)
	dir := t.TempDir()
	for i := range 3 {
		r.send(t, message(fmt.Sprint("t", i), fmt.Sprintf("until [ -e %s/%d ]; do sleep 0.02; done; touch %s/%d", dir, i+1, dir, i)), 0)
	}
	if err := os.WriteFile(filepath.Join(dir, "3"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := 0
	waitFor(t, "the end of all three", func() bool {
		if r.attempts() > ended {
			c.Advance(30 * time.Second)
		}
		select {
		case report := <-r.reports:
			if report.Kind == operation.ReportFinished {
				ended++
			}
		default:
		}
		return ended == 3
	})
}

// TestManyScripts would see "text file busy" if a script could be forked away while another is being written.
func TestManyScripts(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	r.options.Slots = agent.DefaultSlots
	r.start(t)
	const n = 150
	for i := range n {
		r.send(t, message(fmt.Sprint("t", i), "exit 0"), 0)
	}
	for ended := 0; ended < n; {
		report := r.next(t)
		if report.Kind != operation.ReportFinished {
			continue
		}
		if ended++; report.Result.Err != nil {
			t.Errorf("%s: %s", report.Task, report.Result.Err.Message)
		}
	}
}

func TestOverNATS(t *testing.T) {
	t.Parallel()
	b, err := natsbus.Open(t.Context(), natsbus.Options{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	r := newRig(t, b)
	r.start(t)
	for i := range 3 {
		r.send(t, message(fmt.Sprint("t", i), "ctx returns ok"), 0)
	}
	for range 6 {
		if report := r.next(t); report.Kind == operation.ReportFinished && value(*report.Result) != "ok" {
			t.Errorf("%s: %s", report.Task, value(*report.Result))
		}
	}
}

// narrow is a bus that takes no large messages.
type narrow struct{ bus.Bus }

func (n narrow) Send(ctx context.Context, queue, id string, data []byte) error {
	if len(data) > 600<<10 {
		return errors.New("maximum payload exceeded")
	}
	return n.Bus.Send(ctx, queue, id, data)
}

// TestResultTooLarge proves that an operation with a result that no broker takes fails instead of being sent for ever.
func TestResultTooLarge(t *testing.T) {
	t.Parallel()
	r := newRig(t, narrow{newMembus()})
	r.options.Find = func(m *operation.Message) (agent.Function, bool) {
		return agent.Function{Run: func(context.Context, *agent.Operation) operation.Result {
			return operation.Result{Value: json.RawMessage(`"` + strings.Repeat("x", 700000) + `"`)}
		}}, m.Context.TaskName == "large"
	}
	r.start(t)
	m := message("t1", "")
	m.Context.TaskName = "large"
	r.send(t, m, 0)
	if got := value(r.finished(t, "t1")); !strings.HasPrefix(got, "error: The result of 700") {
		t.Errorf("got %.100s", got)
	}
}

func TestPrepareErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t, newMembus())
	for _, o := range []agent.Options{
		{}, {Bus: r.bus}, {Bus: r.bus, ManagerFor: r.options.ManagerFor},
		{Bus: r.bus, ManagerFor: r.options.ManagerFor, WorkDir: "/proc/nowhere"},
	} {
		if err := agent.New(o).Run(t.Context()); err == nil {
			t.Errorf("an agent with %+v started", o)
		}
	}
}

func BenchmarkNoop(b *testing.B) {
	nats, err := natsbus.Open(b.Context(), natsbus.Options{StoreDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nats.Close)
	b.Run("membus", func(b *testing.B) { benchmark(b, newRig(b, newMembus()), "noop", "") })
	b.Run("natsbus", func(b *testing.B) { benchmark(b, newRig(b, nats), "noop", "") })
}

func BenchmarkScript(b *testing.B) {
	body := "ctx instance runtime-properties x 1; ctx node name >/dev/null; ctx logger info hello"
	b.Run("no ctx call", func(b *testing.B) { benchmark(b, newRig(b, newMembus()), "script", "exit 0") })
	b.Run("three ctx calls", func(b *testing.B) { benchmark(b, newRig(b, newMembus()), "script", body) })
}

func BenchmarkPython(b *testing.B) {
	r := newRig(b, newMembus())
	defer r.start(b)()
	n := 0
	for b.Loop() {
		n++
		m := message(fmt.Sprint("t", n), "")
		m.Kwargs["script_source"] = "#!/usr/bin/env python3\nfrom cloudify import ctx\nctx.instance.runtime_properties['x'] = 1\nctx.logger.info('hello')"
		r.send(b, m, 0)
		if res := r.finished(b, m.ID); res.Err != nil {
			b.Fatal(res.Err)
		}
	}
}

func benchmark(b *testing.B, r *rig, kind, body string) {
	defer r.start(b)()
	n := 0
	for b.Loop() {
		n++
		m := message(fmt.Sprint("t", n), body)
		if kind == "noop" {
			m.Context.TaskName = "cloudify_agent.installer.operations.create"
		}
		r.send(b, m, 0)
		if res := r.finished(b, m.ID); res.Err != nil {
			b.Fatal(res.Err)
		}
	}
}
