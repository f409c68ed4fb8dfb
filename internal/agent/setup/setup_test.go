package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func good(t *testing.T) *Settings {
	return &Settings{Name: "vm_1", Tenant: "t", Secret: "s", Manager: "http://m", Dir: t.TempDir()}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change func(*Settings)
		want   string
	}{
		{func(*Settings) {}, ""},
		{func(s *Settings) { s.Name = "a b" }, "becomes the name of a service"},
		{func(s *Settings) { s.Name = "../x" }, "becomes the name of a service"},
		{func(s *Settings) { s.Secret = "" }, "secret is missing"},
		{func(s *Settings) { s.Dir = "x" }, "not an absolute path"},
		{func(s *Settings) { s.User = "x;y" }, "not the name of a user"},
		{func(s *Settings) { s.Kind = "upstart" }, "must be systemd, init.d or detach"},
	} {
		s := good(t)
		tt.change(s)
		err := s.Check()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: %v, want %q", s, err, tt.want)
		}
	}
}

func TestReadWrite(t *testing.T) {
	t.Parallel()
	s := good(t)
	if err := s.Write(); err != nil {
		t.Fatal(err)
	}
	got, err := Read(s.Path())
	if err != nil || got.Secret != s.Secret || got.Dir != s.Dir {
		t.Errorf("read %+v, %v", got, err)
	}
	if info, err := os.Stat(s.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the settings: %v, %v", info, err)
	}
	for name, text := range map[string]string{"unknown": `{"zz": 1}`, "broken": `{`, "incomplete": `{"name": "x"}`} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil {
			t.Errorf("%s settings were read", name)
		}
	}
}

// program puts a program in the agent's place that runs until it is ended.
func program(t *testing.T, s *Settings, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.Program()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Program(), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestServices(t *testing.T) {
	t.Parallel()
	for kind, want := range map[Kind][]string{
		Systemd: {"systemctl daemon-reload", "systemctl enable cloudify-worker-vm_1", "systemctl start cloudify-worker-vm_1"},
		InitD:   nil,
	} {
		root := t.TempDir()
		for _, dir := range []string{"etc/systemd/system", "etc/init.d", "run/systemd/system"} {
			if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		var ran []string
		h := &Host{Root: root, Clock: clock.Real{}, Command: func(name string, args ...string) error {
			ran = append(ran, name+" "+strings.Join(args, " "))
			return nil
		}}
		s := good(t)
		s.Kind = kind
		s.User = ""
		program(t, s, "#!/bin/sh\nexec sleep 300\n")
		if err := h.Install(s); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		for _, line := range want {
			if !slices.Contains(ran, line) {
				t.Errorf("%s did not run %q but %q", kind, line, ran)
			}
		}
		if kind == InitD {
			if out, err := exec.Command("sh", "-n", h.initFile(s)).CombinedOutput(); err != nil {
				t.Errorf("init script: %v: %s", err, out)
			}
			if _, ok := s.Running(); ok {
				t.Error("a script named sleep is taken for the supervisor")
			}
			endSession(t, s)
		} else {
			text, err := os.ReadFile(h.unitFile(s))
			if err != nil || !strings.Contains(string(text), `ExecStart="`+s.Program()+`" run --config "`+s.Path()+`"`) ||
				!strings.Contains(string(text), "Restart=on-failure") || strings.Contains(string(text), "User=") {
				t.Errorf("unit: %s, %v", text, err)
			}
		}
		if err := h.Remove(s); err != nil {
			t.Errorf("remove %s: %v", kind, err)
		}
		for _, path := range []string{h.unitFile(s), h.initFile(s), s.Dir} {
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Errorf("%s is left after removal (%v)", path, err)
			}
		}
		if err := h.Remove(s); err != nil {
			t.Errorf("remove %s again: %v", kind, err)
		}
	}
}

// endSession ends the process that stands for the agent.
func endSession(t *testing.T, s *Settings) {
	t.Helper()
	data, err := os.ReadFile(s.pidFile())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("kill", strings.TrimSpace(string(data))).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
