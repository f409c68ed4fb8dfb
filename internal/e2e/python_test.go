package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/pyhost/pyhosttest"
)

// pythonManager is a manager with a deployment of the plugin in testdata/python; dir is where its operations write.
func pythonManager(t *testing.T, args ...string) (m *manager, dir string) {
	t.Helper()
	base := pyhosttest.Base(t)
	m = newManager(t, append([]string{"--python.base", base.Dir, "--workflow.task_retry_interval", "1s"}, args...)...)
	dir = t.TempDir()
	m.ok("blueprints", "upload", filepath.Join("testdata", "python"), "-b", "py")
	m.ok("deployments", "create", "d", "-b", "py", "-i", "dir="+dir)
	return m, dir
}

func (m *manager) begin(workflow string, p client.StartParams) model.ExecutionID {
	m.t.Helper()
	p.Deployment, p.Workflow = "d", workflow
	x, err := m.client().StartExecution(m.t.Context(), p)
	if err != nil {
		m.t.Fatal(err)
	}
	return x.ID
}

func (m *manager) ended(id model.ExecutionID) client.Execution {
	m.t.Helper()
	c := m.client()
	var got client.Execution
	m.await("the execution to end", func() bool {
		x, err := c.GetExecution(m.t.Context(), id)
		got = x
		return err == nil && x.Status.Ended()
	})
	return got
}

func (m *manager) messages(id model.ExecutionID) []string {
	m.t.Helper()
	page, err := m.client().ListEvents(m.t.Context(), client.EventQuery{Execution: id})
	if err != nil {
		m.t.Fatal(err)
	}
	var out []string
	for _, e := range page.Items {
		out = append(out, e.Message)
	}
	return out
}

func journal(dir string) []string {
	data, err := os.ReadFile(filepath.Join(dir, "journal"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func allow(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPythonOperations installs a deployment whose operations are those of a Python plugin.
func TestPythonOperations(t *testing.T) {
	t.Parallel()
	m, dir := pythonManager(t)
	allow(t, dir)
	if x := m.ended(m.begin("install", client.StartParams{})); x.Status != model.ExecutionTerminated {
		t.Fatalf("%s: %s", x.Status, x.Error)
	}
	page, err := m.client().ListNodeInstances(t.Context(), client.InstanceQuery{Deployment: "d"})
	if err != nil {
		t.Fatal(err)
	}
	other := map[model.NodeID]string{"a": "b", "b": "a"}
	for _, i := range page.Items {
		if i.RuntimeProperties["linked"] != other[i.Node] {
			t.Errorf("%s: %v", i.Node, i.RuntimeProperties)
		}
	}
}

// TestCustomWorkflows runs one workflow of every kind.
func TestCustomWorkflows(t *testing.T) {
	t.Parallel()
	m, dir := pythonManager(t)
	const no = model.ExecutionFailed
	for _, c := range []struct {
		workflow string
		params   client.StartParams
		status   model.ExecutionStatus
		error    string
		// wants are texts among the events and logs, in this order.
		wants []string
	}{
		{"plain", client.StartParams{Parameters: model.Document{"value": "v"}}, model.ExecutionTerminated, "", []string{
			"Starting 'plain' workflow execution", "created with v", "result {'value': 'v'}", "half way", "'plain' workflow execution succeeded"}},
		{"stored", client.StartParams{DryRun: true}, model.ExecutionTerminated, "", []string{
			"Starting 'stored' workflow execution (dry run)", "Task succeeded 'probe.tasks.note' (dry run)",
			"'stored' workflow execution succeeded (dry run)"}},
		{"cycle", client.StartParams{}, no, "The task graph has a cycle: these tasks wait for each other", nil},
		{"broken", client.StartParams{}, no, "in broken\n  raise ValueError('wrong ' + 'value')\nValueError: wrong value", []string{
			"'broken' workflow execution failed: wrong value"}},
		{"needy", client.StartParams{}, no, "Task failed: probe.tasks.needy (a_", []string{
			"Sending task 'probe.tasks.needy'", "Task started 'probe.tasks.needy'", "Task failed 'probe.tasks.needy' -> go is missing"}},
		{"handled", client.StartParams{}, model.ExecutionTerminated, "", []string{
			"Task failed 'probe.tasks.needy' -> go is missing", "ignored handled_a", "noted probe.tasks.note"}},
		{"script", client.StartParams{}, model.ExecutionTerminated, "", []string{"script saw "}},
		{"lost", client.StartParams{}, no, "has no function named 'nowhere'", nil},
	} {
		id := m.begin(c.workflow, c.params)
		x := m.ended(id)
		if x.Status != c.status || !strings.Contains(x.Error, c.error) || c.error == "" && x.Error != "" {
			t.Errorf("%s ended %s: %s", c.workflow, x.Status, x.Error)
		}
		messages := m.messages(id)
		at := 0
		for _, want := range c.wants {
			k := slices.IndexFunc(messages[at:], func(text string) bool { return strings.Contains(text, want) })
			if k < 0 {
				t.Errorf("%s: no %q in this place of\n%s", c.workflow, want, strings.Join(messages, "\n"))
				break
			}
			at += k
		}
		for _, kind := range []string{"Starting '", "workflow execution succeeded", "workflow execution failed"} {
			n := 0
			for _, text := range messages {
				if strings.Contains(text, kind) {
					n++
				}
			}
			if n > 1 {
				t.Errorf("%s: %d events %q", c.workflow, n, kind)
			}
		}
	}
	if got := journal(dir); len(got) != 4 {
		t.Errorf("operations that ran: %q", got)
	}
	m.resumes(dir)
}

// resumes resumes the workflow that failed because a file was missing.
func (m *manager) resumes(dir string) {
	m.t.Helper()
	id := m.begin("needy", client.StartParams{})
	m.ended(id)
	allow(m.t, dir)
	if _, err := m.client().ActOnExecution(m.t.Context(), id, client.ActionResume); err != nil {
		m.t.Fatal(err)
	}
	x := m.ended(id)
	if x.Status != model.ExecutionTerminated {
		m.t.Errorf("the resumed workflow ended %s: %s", x.Status, x.Error)
	}
	if got := journal(dir)[4:]; !slices.Equal(got, []string{"stop a", "stop b"}) && !slices.Equal(got, []string{"stop b", "stop a"}) {
		m.t.Errorf("operations that ran: %q", got)
	}
}

// TestCustomWorkflowIsCancelled cancels workflows that hear it and one that does not.
func TestCustomWorkflowIsCancelled(t *testing.T) {
	t.Parallel()
	m, dir := pythonManager(t)
	for _, c := range []struct {
		workflow string
		action   client.Action
	}{
		{"endless", client.ActionCancel}, {"deaf", client.ActionForceCancel}, {"deaf", client.ActionKill}, {"stored", client.ActionCancel}, {"gated", client.ActionKill},
	} {
		id := m.begin(c.workflow, client.StartParams{})
		if c.workflow == "stored" || c.workflow == "gated" {
			seen := len(journal(dir))
			m.await("an operation to run", func() bool {
				return slices.ContainsFunc(journal(dir)[seen:], func(s string) bool { return strings.HasPrefix(s, "begin") })
			})
		}
		if _, err := m.client().ActOnExecution(t.Context(), id, c.action); err != nil {
			t.Fatal(err)
		}
		if x := m.ended(id); x.Status != model.ExecutionCancelled || x.Error != "" {
			t.Errorf("%s after %s: %s %s", c.workflow, c.action, x.Status, x.Error)
		}
	}
	allow(t, dir)
}

// finishedOnce fails unless each operation of an execution has one event of its end.
func (m *manager) finishedOnce(id model.ExecutionID) {
	m.t.Helper()
	seen := map[string]int{}
	for _, text := range m.messages(id) {
		if strings.HasPrefix(text, "Task succeeded") {
			seen[text]++
		}
	}
	if seen["Task succeeded 'probe.tasks.patient'"] != 2 || len(seen) != 2 {
		m.t.Errorf("ends of operations: %v", seen)
	}
}

// TestCustomWorkflowSurvivesTheManager kills the manager with SIGKILL in the middle of custom workflows: one that can be
// resumed goes on, and its operations end once; one that cannot says so.
func TestCustomWorkflowSurvivesTheManager(t *testing.T) {
	t.Parallel()
	m, dir := pythonManager(t)
	stored := m.begin("stored", client.StartParams{})
	begun := func(n int) func() bool {
		return func() bool {
			k := 0
			for _, line := range journal(dir) {
				if strings.HasPrefix(line, "begin") {
					k++
				}
			}
			return k >= n
		}
	}
	m.await("both operations to run", begun(2))
	m.kill()
	m.start()
	m.await("both operations to run again", begun(4))
	allow(t, dir)
	x := m.ended(stored)
	if x.Status != model.ExecutionTerminated {
		t.Fatalf("ended %s: %s\n%s", x.Status, x.Error, strings.Join(m.messages(stored), "\n"))
	}
	ends := map[string]int{}
	for _, line := range journal(dir) {
		ends[line]++
	}
	for _, name := range []string{"a", "b"} {
		if ends["end "+name] != 1 || ends["create "+name] != 1 {
			t.Errorf("operations of %s: %v", name, ends)
		}
	}
	page, err := m.client().ListOperations(t.Context(), stored, client.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// Two subgraphs with two operations each are listed; a state twice and an event twice for each come on top.
	for _, op := range page.Items {
		if op.State != model.TaskSucceeded {
			t.Errorf("task %s (%s) is left %s", op.Name, op.Type, op.State)
		}
	}
	if x.FinishedOperations != 14 || x.TotalOperations != 14 || len(page.Items) != 6 {
		t.Errorf("%d of %d operations are counted as finished, %d are listed", x.FinishedOperations, x.TotalOperations, len(page.Items))
	}
	m.finishedOnce(stored)

	if err := os.Remove(filepath.Join(dir, "go")); err != nil {
		t.Fatal(err)
	}
	gated := m.begin("gated", client.StartParams{})
	m.await("an operation to run", begun(5))
	m.kill()
	m.start()
	if x := m.ended(gated); x.Status != model.ExecutionFailed || !strings.Contains(x.Error, "Cannot resume - workflow not resumable") {
		t.Errorf("ended %s: %s", x.Status, x.Error)
	}
	allow(t, dir)
}

// TestPythonKilledAtAnyMoment kills the manager, or the processes from which operations are forked, at different moments of
// an install: it finishes, and every operation has exactly one end.
func TestPythonKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	for _, moment := range []int{0, 2, 4} {
		for _, victim := range []string{"manager", "zygotes"} {
			t.Run(fmt.Sprint(victim, moment), func(t *testing.T) {
				t.Parallel()
				m, dir := pythonManager(t)
				allow(t, dir)
				id := m.begin("install", client.StartParams{})
				m.await("the moment", func() bool { return len(journal(dir)) >= moment })
				if victim == "manager" {
					m.kill()
					m.start()
				} else {
					m.killZygotes()
				}
				if x := m.ended(id); x.Status != model.ExecutionTerminated {
					t.Fatalf("ended %s: %s", x.Status, x.Error)
				}
				ends := map[string]int{}
				page, err := m.client().ListEvents(t.Context(), client.EventQuery{Execution: id})
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range page.Items {
					if e.EventType == model.EventTaskSucceeded && e.Operation != "" {
						ends[string(e.Instance)+" "+e.Operation]++
					}
				}
				if len(ends) != 5 {
					t.Errorf("%d operations ended, not 5: %v", len(ends), ends)
				}
				for name, n := range ends {
					if n != 1 {
						t.Errorf("%s ended %d times", name, n)
					}
				}
			})
		}
	}
}

// killZygotes kills the processes from which the operations of the manager are forked.
func (m *manager) killZygotes() {
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		line, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		if !strings.Contains(string(line), m.dir) || !strings.Contains(string(line), "reify_zygote.py") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(p))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil && !errors.Is(err, syscall.ESRCH) {
			m.t.Error(err)
		}
	}
}
