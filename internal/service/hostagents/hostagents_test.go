package hostagents

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/sqlite"
)

// broker notes what it is told.
type broker struct {
	connected    map[string]time.Time
	disconnected []string
}

func (b *broker) Connected() (map[string]time.Time, error) { return b.connected, nil }

func (b *broker) Disconnect(agent string) error {
	b.disconnected = append(b.disconnected, agent)
	delete(b.connected, agent)
	return nil
}

func (b *broker) DropQueue(context.Context, string) error  { return nil }
func (b *broker) NotifyAgent(string, string, []byte) error { return nil }
func person(t model.TenantName, role string) *service.Actor {
	return &service.Actor{User: &model.User{Name: "ann", Role: "default", TenantRoles: map[model.TenantName]string{t: role}}, Tenant: t}
}

func newService(t *testing.T) (*Service, *broker) {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"), sqlite.Options{Clock: clock.Real{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	err = st.Update(t.Context(), func(tx store.Tx) error {
		for _, tenant := range []model.TenantName{"red", "blue"} {
			r := model.Resource{Tenant: tenant, CreatedBy: "ann", CreatedAt: time.Unix(1, 0), Visibility: model.VisibilityTenant}
			if err := tx.PutTenant(tenant); err != nil {
				return err
			}
			if err := tx.InsertBlueprint(&model.Blueprint{Resource: r, ID: model.BlueprintID("b" + tenant), State: "uploaded"}); err != nil {
				return err
			}
			for _, d := range []model.DeploymentID{"one", "two"} {
				if err := tx.InsertDeployment(&model.Deployment{Resource: r, ID: d, Blueprint: model.BlueprintID("b" + tenant)}); err != nil {
					return err
				}
				if err := tx.InsertNodes([]*model.Node{{Resource: r, ID: "vm", Deployment: d, Type: "t"}}); err != nil {
					return err
				}
				i := &model.NodeInstance{Resource: r, ID: model.InstanceID("vm_" + string(tenant) + string(d)), Node: "vm", Deployment: d, State: model.InstanceStarted}
				if err := tx.InsertInstances([]*model.NodeInstance{i}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{connected: map[string]time.Time{}}
	s := service.New(service.Options{Store: st, Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler), Key: []byte("key")})
	return New(s, Options{Broker: b, Endpoint: Endpoint{URL: "http://127.0.0.1:1"}}), b
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	s, b := newService(t)
	ctx := t.Context()
	red := person("red", "user")
	secret, err := s.register(ctx, red, "vm_redone", "vm_redone")
	if err != nil {
		t.Fatal(err)
	}
	admitted := func(user, secret string) bool {
		_, ok := s.Admit(ctx, user, secret)
		return ok
	}
	if !admitted("red/vm_redone", secret) {
		t.Error("the agent is not admitted")
	}
	for user, pass := range map[string]string{"red/vm_redone": "", "red/vm_redone ": secret, "blue/vm_redone": secret, "vm_redone": secret,
		"red/": secret, "/vm_redone": secret, "": ""} {
		if admitted(user, pass) {
			t.Errorf("%q is admitted with %q", user, pass)
		}
	}
	again, err := s.register(ctx, red, "vm_redone", "vm_redone")
	if err != nil || admitted("red/vm_redone", secret) || !admitted("red/vm_redone", again) {
		t.Errorf("after a renewal the old secret counts, or the new one does not (%v)", err)
	}
	inOne := person("red", "user")
	inOne.Execution = &model.Execution{Resource: model.Resource{Tenant: "red"}, ID: "x", Deployment: "one"}
	for name, try := range map[string]struct {
		actor    *service.Actor
		agent    string
		instance model.InstanceID
		want     fault.Code
	}{
		"name of another host":      {red, "vm_redone", "vm_redtwo", fault.Conflict},
		"host of another tenant":    {red, "x", "vm_blueone", fault.NotFound},
		"viewer":                    {person("red", "viewer"), "x", "vm_redone", fault.Forbidden},
		"another deployment's host": {inOne, "x", "vm_redtwo", fault.Forbidden},
		"name with a slash":         {red, "a/b", "vm_redone", fault.BadParameters},
	} {
		if _, err := s.register(ctx, try.actor, try.agent, try.instance); !fault.Is(err, try.want) {
			t.Errorf("%s: %v, want %s", name, err, try.want)
		}
	}
	if err := s.Revoke(ctx, person("blue", "user"), "vm_redone"); !fault.Is(err, fault.NotFound) {
		t.Errorf("revoked by another tenant: %v", err)
	}
	b.connected["red/vm_redone"] = time.Unix(1, 0)
	if err := s.Revoke(ctx, red, "vm_redone"); err != nil || admitted("red/vm_redone", again) || len(b.disconnected) != 1 {
		t.Errorf("after the revocation: %v, disconnected %v", err, b.disconnected)
	}
}

// TestSweep ends the connection of an agent whose node instance was deleted.
func TestSweep(t *testing.T) {
	t.Parallel()
	s, b := newService(t)
	if _, err := s.register(t.Context(), person("red", "user"), "vm_redone", "vm_redone"); err != nil {
		t.Fatal(err)
	}
	b.connected["red/vm_redone"] = time.Unix(1, 0)
	if err := s.sweep(t.Context()); err != nil || len(b.disconnected) > 0 {
		t.Fatalf("sweep: %v, disconnected %v", err, b.disconnected)
	}
	if connected, since := s.Presence("red/vm_redone"); !connected || since.IsZero() {
		t.Error("the agent is not known as connected")
	}
	if err := s.Store.Update(t.Context(), func(tx store.Tx) error { return tx.DeleteInstance("red", "vm_redone") }); err != nil {
		t.Fatal(err)
	}
	if err := s.sweep(t.Context()); err != nil || len(b.disconnected) != 1 {
		t.Errorf("sweep after the deletion: %v, disconnected %v", err, b.disconnected)
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	me, other := operation.AgentAddress("red", "a"), operation.AgentAddress("blue", "a")
	report := func(attempt, key string) []byte {
		r := operation.Report{Kind: operation.ReportStarted, Execution: "x", Task: "t", Attempt: attempt, Key: key}
		data, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	own := s.ReportKey(me, "x/t/1")
	if err := s.CheckReport(me, operation.ResultsQueue, report("x/t/1", own)); err != nil {
		t.Errorf("own report: %v", err)
	}
	for name, try := range map[string]struct {
		from  operation.Address
		queue string
		data  []byte
	}{
		"another agent":        {other, operation.ResultsQueue, report("x/t/1", own)},
		"another attempt":      {me, operation.ResultsQueue, report("x/t/2", own)},
		"another task":         {me, operation.ResultsQueue, report("x/u/1", s.ReportKey(me, "x/u/1"))},
		"no key":               {me, operation.ResultsQueue, report("x/t/1", "")},
		"another agent's work": {me, other.TaskQueue(), report("x/t/1", own)},
		"nonsense":             {me, operation.ResultsQueue, []byte("x")},
	} {
		if err := s.CheckReport(try.from, try.queue, try.data); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestKilled lets an agent say that attempts of its own tenant are over, and of no other.
func TestKilled(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	err := s.Store.Update(t.Context(), func(tx store.Tx) error {
		return tx.InsertExecution(&model.Execution{ID: "x", Deployment: "one", Workflow: "w", Status: model.ExecutionStarted, Resource: model.Resource{
			Tenant: "red", CreatedBy: "ann", CreatedAt: time.Unix(1, 0), Visibility: model.VisibilityTenant}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		from operation.Address
		data string
		ok   bool
	}{
		{operation.AgentAddress("red", "a"), `{"attempts":["x/t/1","x/u/2"]}`, true},
		{operation.AgentAddress("blue", "a"), `{"attempts":["x/t/1"]}`, false},
		{operation.AgentAddress("red", "a"), `{"attempts":["x/t/1","unknown/t/1"]}`, false},
		{operation.AgentAddress("red", "a"), `{"attempts":["nonsense"]}`, false},
		{operation.AgentAddress("red", "a"), `nonsense`, false},
		{"red", `{"attempts":["x/t/1"]}`, false},
	} {
		if err := s.CheckKilled(t.Context(), tt.from, []byte(tt.data)); (err == nil) != tt.ok {
			t.Errorf("%s from %s: %v, taken should be %t", tt.data, tt.from, err, tt.ok)
		}
	}
}

func TestScript(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	p := ScriptParams{Name: "vm_redone", Instance: "vm_redone", Dir: "~bob/it's $(here)", User: "bob"}
	script, err := s.Script(t.Context(), person("red", "user"), p)
	if err != nil {
		t.Fatal(err)
	}
	check := exec.Command("bash", "-n")
	check.Stdin = strings.NewReader(script.Text)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("bash does not read the script: %v: %s", err, out)
	}
	if strings.Contains(script.Text, "@NAME@") || !strings.Contains(script.Text, `DIR='~bob/it'\''s $(here)'`) {
		t.Errorf("the script:\n%s", script.Text)
	}
	for name, change := range map[string]func(*ScriptParams){
		"far host":      func(p *ScriptParams) { p.IP = "192.0.2.1" },
		"odd directory": func(p *ScriptParams) { p.Dir = "~$(x)/y" },
		"odd user":      func(p *ScriptParams) { p.User = "a b" },
	} {
		bad := p
		change(&bad)
		if _, err := s.Script(t.Context(), person("red", "user"), bad); !fault.Is(err, fault.BadParameters) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPackages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "agent")
	if err := os.WriteFile(program, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := Packages{Program: program, Cache: filepath.Join(dir, "cache")}.WithOwn()
	sums, err := p.Sums()
	if err != nil || len(sums) != 1 {
		t.Fatalf("sums: %v, %v", sums, err)
	}
	for machine := range sums {
		f, err := p.Open(PackageName(machine))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for r := tar.NewReader(z); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			found = found || h.Name == "reify-agent/bin/reify-agent" && h.Mode == 0o755
		}
		if !found {
			t.Error("the package holds no program")
		}
	}
	for _, name := range []string{"../agent", "agent", "x-agent.tar.gz"} {
		if _, err := p.Open(name); !fault.Is(err, fault.NotFound) {
			t.Errorf("open %s: %v", name, err)
		}
	}
}
