package e2e_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/agent/setup"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

var (
	cutFor = flag.Duration("cut", 6*time.Second, "how long TestNetworkCut cuts the network between an agent and its manager")
	kills  = flag.Int("agent-kills", 6, "how often TestAgentKilled kills the agent")
)

// manyHere is a blueprint of a host with many operations on it; the agent reaches the manager at an address of its own.
const manyHere = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
inputs:
  user: {type: string}
  key: {type: string}
  port_a: {type: integer}
  port_b: {type: integer}
  dir: {type: string}
  journal: {type: string}
  manager: {type: string, default: ''}
  host_key: {type: string, default: ''}
  process_management: {type: string, default: detach}
node_templates:
  host:
    type: cloudify.nodes.Compute
    properties:
      ip: 127.0.0.1
      agent_config:
        install_method: remote
        user: {get_input: user}
        key: {get_input: key}
        port: {get_input: port_a}
        max_workers: 5
        process_management: {name: {get_input: process_management}}
        extra:
          agent_dir: {concat: [{get_input: dir}, /a]}
          manager_url: {get_input: manager}
          host_key: {get_input: host_key}
  app:
    type: cloudify.nodes.Root
    instances: {deploy: 12}
    interfaces:
      work:
        do:
          implementation: scripts/note.sh
          executor: host_agent
          inputs: {JOURNAL: {get_input: journal}}
          max_retries: 0
    relationships: [{type: cloudify.relationships.contained_in, target: host}]
`

const slowNote = `#!/bin/bash
set -e
id=$(ctx instance id)
echo "begin $id $$" >> "$JOURNAL"
sleep 0.$((RANDOM % 9))
sleep 1
ctx instance runtime-properties done yes
echo "end $id $$" >> "$JOURNAL"
`

// agentProcess returns the process of the agent of a directory, 0 when none runs.
func agentProcess(dir string) int {
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		line, _ := os.ReadFile(p)
		args := strings.Split(string(line), "\x00")
		if len(args) > 3 && args[1] == "run" && args[3] == filepath.Join(dir, setup.File) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(p)))
			return pid
		}
	}
	return 0
}

// count counts the lines of the journal by their first word for each instance.
func (r *remoteRig) count(word string) map[string]int {
	n := map[string]int{}
	for _, line := range r.lines() {
		if f := strings.Fields(line); len(f) > 1 && f[0] == word {
			n[f[1]]++
		}
	}
	return n
}

func (r *remoteRig) begin() client.Execution {
	r.t.Helper()
	x, err := r.client().StartExecution(r.t.Context(), client.StartParams{Deployment: "d", Workflow: "execute_operation",
		Parameters: model.Document{"operation": "work.do"}})
	if err != nil {
		r.t.Fatal(err)
	}
	return x
}

func (r *remoteRig) install() {
	r.t.Helper()
	r.create("d")
	if x := r.execute("d", "install", nil); x.Status != model.ExecutionTerminated {
		r.t.Fatalf("install ended %s: %s", x.Status, x.Error)
	}
}

// TestAgentKilled kills the agent at random moments while operations run: each has one result, none that had finished is
// done again, and nothing of a dead agent goes on beside its successor.
func TestAgentKilled(t *testing.T) {
	r := newRemoteRig(t, manyHere, slowNote)
	r.install()
	chance := rand.New(rand.NewSource(int64(os.Getpid())))
	x := r.begin()
	dir := filepath.Join(r.dir, "a")
	for n := range *kills {
		at := len(r.lines()) + 1 + chance.Intn(4)
		r.await("the moment", func() bool {
			got, err := r.client().GetExecution(t.Context(), x.ID)
			return len(r.lines()) >= at && agentProcess(dir) != 0 || err == nil && got.Status.Ended()
		})
		pid := agentProcess(dir)
		if pid == 0 {
			t.Fatalf("there is no agent to be killed the %d. time", n+1)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		left := operationProcesses(r.journal)
		limit := time.Now().Add(10 * time.Second)
		r.await("the orphans of the agent to be gone", func() bool {
			for pid := range operationProcesses(r.journal) {
				if left[pid] {
					return false
				}
			}
			return true
		})
		if time.Now().After(limit) {
			t.Errorf("orphans were there for more than 10 s")
		}
	}
	got := r.ended(x.ID)
	if got.Status != model.ExecutionTerminated {
		t.Fatalf("the execution ended %s: %s\n%s", got.Status, got.Error, r.ok("events", "list", string(x.ID)))
	}
	checkOperations(t, r.client(), x.ID)
	ends := r.count("end")
	for id, n := range r.count("begin") {
		// One that had written its end when the agent died, but had no result yet, is done again as a whole.
		if ends[id] < 1 || ends[id] > n {
			t.Errorf("%s ended %d times and began %d times", id, ends[id], n)
		}
	}
	if len(ends) != 12 {
		t.Errorf("%d operations ended, want 12", len(ends))
	}
}

// operationProcesses are the processes of operations that write a journal.
func operationProcesses(journal string) map[int]bool {
	found := map[int]bool{}
	procs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, p := range procs {
		env, _ := os.ReadFile(p)
		if bytes.Contains(env, []byte("JOURNAL="+journal)) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(p)))
			found[pid] = true
		}
	}
	return found
}

// network is a way to the manager that can be cut.
type network struct {
	l     net.Listener
	to    string
	mu    sync.Mutex
	isCut bool
	conns map[net.Conn]bool
	parts sync.WaitGroup
}

func newNetwork(t *testing.T, to string) *network {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{l: l, to: to, conns: map[net.Conn]bool{}}
	n.parts.Go(n.serve)
	t.Cleanup(func() {
		l.Close()
		n.cut(true)
		n.parts.Wait()
	})
	return n
}

func (n *network) serve() {
	for {
		in, err := n.l.Accept()
		if err != nil {
			return
		}
		n.mu.Lock()
		var out net.Conn
		if !n.isCut {
			out, err = net.Dial("tcp", n.to)
		}
		if out == nil || err != nil {
			n.mu.Unlock()
			in.Close()
			continue
		}
		n.conns[in], n.conns[out] = true, true
		n.mu.Unlock()
		n.parts.Go(func() { n.pipe(in, out) })
		n.parts.Go(func() { n.pipe(out, in) })
	}
}

func (n *network) pipe(from, to net.Conn) {
	io.Copy(to, from)
	from.Close()
	to.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, from)
	delete(n.conns, to)
}

func (n *network) cut(isCut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isCut = isCut
	for c := range n.conns {
		if isCut {
			c.Close()
		}
	}
}

// TestNetworkCut cuts the network between agent and manager while operations run: they finish, each once.
func TestNetworkCut(t *testing.T) {
	r := newRemoteRig(t, manyHere, slowNote)
	wire := newNetwork(t, strings.TrimPrefix(r.url, "http://"))
	r.inputs["manager"] = "http://" + wire.l.Addr().String()
	r.install()
	x := r.begin()
	r.await("some operations to run", func() bool { return len(r.count("begin")) >= 3 })
	wire.cut(true)
	heal := time.NewTimer(*cutFor)
	defer heal.Stop()
	select {
	case <-heal.C:
	case <-t.Context().Done():
	}
	if got, err := r.client().GetExecution(t.Context(), x.ID); err != nil || got.Status.Ended() {
		t.Fatalf("during the cut: %+v, %v", got.Status, err)
	}
	_, why := r.reify("executions", "why", string(x.ID))
	if !strings.Contains(why, "agent host_") {
		t.Errorf("why does not name the agent:\n%s", why)
	}
	wire.cut(false)
	got := r.ended(x.ID)
	if got.Status != model.ExecutionTerminated {
		t.Fatalf("the execution ended %s: %s\n%s", got.Status, got.Error, r.ok("events", "list", string(x.ID)))
	}
	checkOperations(t, r.client(), x.ID)
	for what, counts := range map[string]map[string]int{"began": r.count("begin"), "ended": r.count("end")} {
		if len(counts) != 12 {
			t.Errorf("%d operations %s, want 12", len(counts), what)
		}
		for id, n := range counts {
			if n != 1 {
				t.Errorf("%s %s %d times", id, what, n)
			}
		}
	}
}

// TestInstallationMistakes looks at what users see when an agent cannot be installed.
func TestInstallationMistakes(t *testing.T) {
	r := newRemoteRig(t, manyHere, slowNote, "--workflow.task-retries", "2", "--workflow.task-retry-interval", "0.2s")
	other := r.a.newKey("other")
	public, err := os.ReadFile(r.a.path("other.pub"))
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := free.Addr().(*net.TCPAddr).Port
	free.Close()
	tests := []struct {
		name   string
		change model.Document
		want   []string
		// retries is whether it is worth another attempt.
		retries bool
	}{
		{"wrong key", model.Document{"key": other}, []string{"refused user", "Check agent_config.user, key and password"}, true},
		{"no key", model.Document{"key": "-----BEGIN nonsense"}, []string{"private key of agent_config cannot be used"}, false},
		{"missing key file", model.Document{"key": "/no/such/key"}, []string{"/no/such/key", "no such file"}, false},
		{"nobody listens", model.Document{"port_a": closed}, []string{"Failed connecting to host on 127.0.0.1:" + fmt.Sprint(closed)}, true},
		{"other host key", model.Document{"host_key": strings.TrimSpace(string(public))}, []string{"Refused to connect", "has changed"}, false},
		{"no directory", model.Document{"dir": "/proc/nowhere"}, []string{"cannot make the agent's directory"}, true},
		{"unknown management", model.Document{"process_management": "upstart"}, []string{"must be systemd, init.d or detach"}, false},
	}
	for n, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good := r.inputs
			defer func() { r.inputs = good }()
			r.inputs = model.Document{}
			for _, from := range []model.Document{good, tt.change} {
				for k, v := range from {
					r.inputs[k] = v
				}
			}
			id := model.DeploymentID(fmt.Sprint("m", n))
			r.create(string(id))
			x := r.execute(id, "install", nil)
			if x.Status != model.ExecutionFailed {
				t.Fatalf("install ended %s", x.Status)
			}
			for _, want := range tt.want {
				if !strings.Contains(x.Error, want) {
					t.Errorf("the error does not say %q: %s", want, x.Error)
				}
			}
			page, err := r.client().ListOperations(t.Context(), x.ID, client.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			attempts := 0
			for _, op := range page.Items {
				if strings.Contains(op.Name, "installer.operations.create") || strings.Contains(string(op.Parameters), "installer.operations.create") {
					attempts++
				}
			}
			if tt.retries != (attempts > 1) {
				t.Errorf("%d attempts", attempts)
			}
		})
	}
}

// TestDiskFull installs into a directory without space.
func TestDiskFull(t *testing.T) {
	r := newRemoteRig(t, manyHere, slowNote)
	small := filepath.Join(r.dir, "small")
	if err := os.Mkdir(small, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system cannot be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	})
	r.inputs["dir"] = small
	r.create("d")
	x := r.execute("d", "install", nil)
	if x.Status != model.ExecutionFailed || !strings.Contains(x.Error, "No space left on device") {
		t.Errorf("install ended %s: %s", x.Status, x.Error)
	}
}

// TestManagerKilledBesideAgents kills the manager while operations run on a host: they go on, and their results arrive when
// it is back.
func TestManagerKilledBesideAgents(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	r := newRemoteRig(t, manyHere, slowNote, "--listen", address)
	r.install()
	x := r.begin()
	for _, at := range []int{3, 9} {
		r.await("some operations to run", func() bool { return len(r.lines()) >= at })
		r.kill()
		r.start()
	}
	got := r.ended(x.ID)
	if got.Status != model.ExecutionTerminated {
		t.Fatalf("the execution ended %s: %s\n%s", got.Status, got.Error, r.ok("events", "list", string(x.ID)))
	}
	checkOperations(t, r.client(), x.ID)
	for id, n := range r.count("begin") {
		if n != 1 {
			t.Errorf("%s began %d times", id, n)
		}
	}
}
