package installer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

func TestConfigOf(t *testing.T) {
	t.Parallel()
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	properties := model.Document{"ip": "192.0.2.1", "agent_config": map[string]any{
		"install_method": "remote", "user": "ann", "key": keyFile, "port": 2222, "max_workers": 7, "env": map[string]any{"A": "b"},
		"process_management": map[string]any{"name": "detach"}, "extra": map[string]any{"basedir": "/opt/", "install_with_sudo": false, "user": "never"},
	}}
	i := &model.NodeInstance{ID: "vm_1"}
	c, err := configOf(properties, i, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.name != "vm_1" || c.user != "ann" || string(c.key) != "secret" || c.target() != "192.0.2.1:2222" || c.workers != 7 || c.env["A"] != "b" ||
		c.kind != "detach" || c.dir != "/opt/vm_1" || c.sudo || c.isInstalled || c.method != methodRemote {
		t.Errorf("config: %+v", c)
	}
	i.RuntimeProperties = model.Document{"ip": "192.0.2.2", record: map[string]any{"name": "other", "queue": "other", "agent_dir": "/x", "host_key": "k"},
		oldRecord: map[string]any{"name": "vm_1", "agent_dir": "/opt/vm_1"}}
	c, err = configOf(properties, i, model.Document{"agent_config": map[string]any{"user": "bob"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.name != "other" || c.user != "bob" || c.ip != "192.0.2.2" || c.dir != "/x" || c.hostKey != "k" || !c.isInstalled || c.replaced != "/opt/vm_1" {
		t.Errorf("config of an installed agent: %+v", c)
	}
	if got := c.successor("00000000-0000-0000-0000-000000000001"); got != "other_00000000-0000-0000-0000-000000000001" {
		t.Errorf("successor %s", got)
	}
	c.name = "other_00000000-0000-0000-0000-000000000001"
	if got := c.successor("00000000-0000-0000-0000-000000000002"); got != "other_00000000-0000-0000-0000-000000000002" {
		t.Errorf("successor of a successor %s", got)
	}
}

func TestConfigMistakes(t *testing.T) {
	t.Parallel()
	remote := func(more map[string]any) model.Document {
		config := map[string]any{"install_method": "remote"}
		for k, v := range more {
			config[k] = v
		}
		return model.Document{"agent_config": config}
	}
	for _, tt := range []struct {
		name       string
		properties model.Document
		inputs     model.Document
		want       string
	}{
		{"both in the inputs", remote(nil), model.Document{"agent_config": map[string]any{"a": 1}, record: map[string]any{"a": 1}}, "both given"},
		{"no ip", remote(map[string]any{"user": "u", "password": "p"}), nil, "ip ("},
		{"no user", remote(map[string]any{"ip": "1.2.3.4", "password": "p"}), nil, "agent_config.user"},
		{"no way in", remote(map[string]any{"ip": "1.2.3.4", "user": "u"}), nil, "agent_config.key or agent_config.password"},
		{"key that cannot be read", remote(map[string]any{"key": "/no/such"}), nil, "cannot be read on the manager"},
	} {
		c, err := configOf(tt.properties, &model.NodeInstance{ID: "vm_1"}, tt.inputs)
		if err == nil {
			err = c.check()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if r := resultOf(err); r.Err == nil || r.Err.Known != model.ErrorNonRecoverable {
			t.Errorf("%s may be repeated", tt.name)
		}
	}
	for method, v := range map[string]any{methodRemote: true, methodNone: "False"} {
		c, err := configOf(model.Document{"install_agent": v, "agent_config": map[string]any{"install_method": "plugin"}}, &model.NodeInstance{ID: "x"}, nil)
		if err != nil || c.method != method {
			t.Errorf("install_agent %v: %s, %v", v, c.method, err)
		}
	}
}

func TestResultOf(t *testing.T) {
	t.Parallel()
	for code, final := range map[fault.Code]bool{fault.BadParameters: true, fault.Conflict: true, fault.Internal: false, fault.Unauthorized: false} {
		r := resultOf(&client.Error{Code: code, Message: "m"})
		if isFinal := r.Err.Known == model.ErrorNonRecoverable; isFinal != final {
			t.Errorf("%s: final %v, want %v", code, isFinal, final)
		}
	}
	if r := resultOf(nil); r.Err != nil {
		t.Errorf("success: %+v", r)
	}
}

func TestOnHost(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]string{"/a b": "'/a b'", "~/x": "~'/x'", "~bob/it's": `~bob'/it'\''s'`} {
		if got := onHost(dir); got != want {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
}
