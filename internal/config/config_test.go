package config

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// load loads with a file of the given text named reify.yaml; an empty text is no file.
func load(text string, environ []string, args ...string) (*Config, Origins, error) {
	if text != "" {
		args = append([]string{"--config", "reify.yaml"}, args...)
	}
	return Load(args, environ, func(name string) ([]byte, error) {
		if name != "reify.yaml" {
			return nil, os.ErrNotExist
		}
		return []byte(text), nil
	})
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, origins, err := load("", []string{"PATH=/bin", "REIFY_URL=http://x", "REIFY_TOKEN=x"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), *c); diff != "" {
		t.Error(diff)
	}
	if len(origins) != len(keys) || origins["listen"] != "default" {
		t.Errorf("origins %v", origins)
	}
	if !c.Loopback() {
		t.Error("the default address is not loopback")
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	text := `# a comment
data_dir: /file
listen: '0.0.0.0:1'
log:
  level: debug
workflow:
  task_retries: -1
  task_retry_interval: 1m 30s
executor.slots: 7
limits:
  blueprint_archive_size: 1.5 GiB
shutdown:
`
	environ := []string{"REIFY_LISTEN=[::1]:2", "REIFY_LOG_LEVEL=warn", "REIFY_BUS=nats://u:secret@h"}
	c, origins, err := load(text, environ, "--log.level=error", "--plain-http", "--workflow.wait_after_fail", "2h")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.DataDir, want.Listen, want.Log.Level, want.PlainHTTP, want.Bus = "/file", "[::1]:2", "error", true, "nats://u:secret@h"
	want.Workflow = Workflow{TaskRetries: -1, TaskRetryInterval: 90 * time.Second, WaitAfterFail: 2 * time.Hour}
	want.Executor.Slots, want.Limits.BlueprintArchiveSize = 7, 3<<29
	if diff := cmp.Diff(want, *c); diff != "" {
		t.Error(diff)
	}
	for name, origin := range map[string]string{"data_dir": "file reify.yaml:2", "listen": "environment REIFY_LISTEN",
		"log.level": "flag --log.level", "plain_http": "flag --plain_http", "executor.slots": "file reify.yaml:9",
		"shutdown.grace": "default"} {
		if origins[name] != origin {
			t.Errorf("origin of %s is %q, want %q", name, origins[name], origin)
		}
	}
}

func TestFileFromEnvironment(t *testing.T) {
	t.Parallel()
	read := func(name string) ([]byte, error) {
		return []byte("listen: localhost:" + strings.TrimLeft(name, "f")), nil
	}
	c, _, err := Load([]string{"--config=f2"}, []string{"REIFY_CONFIG=f1"}, read)
	if err != nil || c.Listen != "localhost:2" {
		t.Errorf("flag: %+v, %v", c, err)
	}
	c, _, err = Load(nil, []string{"REIFY_CONFIG=f1"}, read)
	if err != nil || c.Listen != "localhost:1" {
		t.Errorf("variable: %+v, %v", c, err)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		name, text string
		environ    []string
		args       []string
		want       []string
	}{
		{name: "keys of the file", text: "lisen: x\nworkflow:\n  task_retrys: 1\n  nonsense: 2\nworkflows:\n  task_retries: 3\n",
			want: []string{"reify.yaml:1: unknown key lisen; did you mean listen?",
				"reify.yaml:3: unknown key workflow.task_retrys; did you mean workflow.task_retries?",
				"reify.yaml:4: unknown key workflow.nonsense", "reify.yaml:6: unknown key workflows.task_retries; did you mean"}},
		{name: "shape of the file", text: "log: debug\nlisten: [a]\ndata_dir:\nexecutor:\n  slots: 1\nexecutor.slots: 2\n",
			want: []string{"reify.yaml:1: log must be a mapping", "reify.yaml:2: listen needs a value",
				"reify.yaml:3: data_dir needs a value", "reify.yaml:6: executor.slots was set in line 5 already"}},
		{name: "no mapping", text: "- a\n", want: []string{"reify.yaml:1: the file must be a mapping"}},
		{name: "no YAML", text: "a: [\n", want: []string{"reify.yaml", "line"}},
		{name: "values", text: "plain_http: yes\nexecutor: {slots: many}\nshutdown: {grace: 30}\nlimits: {blueprint_size: 100}\n",
			want: []string{`file reify.yaml:1: plain_http: "yes" is neither true nor false`,
				`executor.slots: "many" is not an integer`, `shutdown.grace: "30" is not a duration`,
				`limits.blueprint_size: "100" is not a size`, "such as 50 MiB"}},
		{name: "environment", environ: []string{"REIFY_LOG_LEVLE=debug", "REIFY_EXECUTOR_SLOTS=x"},
			want: []string{"unknown environment variable REIFY_LOG_LEVLE; did you mean REIFY_LOG_LEVEL?",
				"environment REIFY_EXECUTOR_SLOTS: executor.slots"}},
		{name: "flags", args: []string{"--lissten", "x", "serve", "--nothing-like-it", "--data_dir"},
			want: []string{"unknown flag --lissten; did you mean --listen?", `unexpected argument "serve"`,
				"unknown flag --nothing_like_it\n", "flag --data_dir needs a value"}},
		{name: "validation", args: []string{"--listen=53333", "--tls.cert=c", "--plain_http", "--store=mysql://h", "--log.level=loud",
			"--workflow.task_retries=-2", "--executor.slots=0", "--shutdown.grace=-1s", "--admin.username=", "--data_dir="},
			want: []string{`listen: "53333" is not host:port`, "tls: tls.cert and tls.key", "plain_http: it contradicts",
				"store: it must be a URL that begins with postgres://", `log.level: "loud" is not one of debug`,
				"workflow.task_retries: it must be -1 or more", "executor.slots: it must be 1 or more",
				"shutdown.grace: it must not be negative", "admin.username:", "data_dir:"}},
		{name: "port", args: []string{"--listen=:70000"}, want: []string{"not a port"}},
		{name: "passwords stay secret", args: []string{"--store=postgres//u:secret@h"}, want: []string{"store:"}},
		{name: "missing file", args: []string{"--config", "nope.yaml"}, want: []string{"read configuration file"}},
	} {
		_, _, err := load(f.text, f.environ, f.args...)
		if err == nil {
			t.Errorf("%s: no error", f.name)
			continue
		}
		for _, want := range f.want {
			if !strings.Contains(err.Error()+"\n", want) {
				t.Errorf("%s: error does not say %q:\n%v", f.name, want, err)
			}
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error shows a password: %v", f.name, err)
		}
	}
	if _, _, err := load("", nil, "--nope", "-h"); !errors.Is(err, ErrHelp) {
		t.Errorf("help: %v", err)
	}
	for _, text := range []string{"\n", "# nothing\n", "---\n"} {
		if _, _, err := load(text, nil); err != nil {
			t.Errorf("file %q: %v", text, err)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{"0B": 0, "1 B": 1, "50MiB": 50 << 20, "50 mib": 50 << 20, "1.5GiB": 3 << 29,
		"10 kB": 10_000, "2TB": 2e12} {
		if got, err := parseSize(text); got != want || err != nil {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "MiB", "-1 B", "1.5 B", "1 XB", "1e30 TiB", "NaN B", "1MiB2", "inf B"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q is the size %d", text, got)
		}
	}
	for size, want := range map[Size]string{0: "0 B", 1000: "1000 B", 1 << 20: "1 MiB", 3 << 29: "1536 MiB", 1 << 41: "2 TiB"} {
		if got := size.String(); got != want {
			t.Errorf("%d is shown as %s, want %s", int64(size), got, want)
		}
		if back, err := parseSize(want); back != size || err != nil {
			t.Errorf("%s is read as %d, %v", want, int64(back), err)
		}
	}
}

// TestShow checks that what is shown can be loaded again, and hides what is secret.
func TestShow(t *testing.T) {
	t.Parallel()
	c, origins, err := load("", nil, "--data_dir=/odd: name # 'x'", "--workflow.task_retries=-1", "--shutdown.grace=90s",
		"--admin.username=jürgen", "--tls.cert=- a", "--tls.key= ")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.Show(&b, nil); err != nil {
		t.Fatal(err)
	}
	again, _, err := load(b.String(), nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	if diff := cmp.Diff(c, again); diff != "" {
		t.Error(diff)
	}
	c.Admin.Password, c.Store = "geheim", "postgres://u:geheim@h/db"
	b.Reset()
	if err := c.Show(&b, origins); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "geheim") || !strings.Contains(b.String(), "postgres://u:xxxxx@h/db") {
		t.Errorf("secrets are shown:\n%s", b.String())
	}
	if !strings.Contains(b.String(), "# flag --data_dir\n") || !strings.Contains(b.String(), "# default\n") {
		t.Errorf("origins are not shown:\n%s", b.String())
	}
}

// TestHelp checks that every key is in the help and in the reference.
func TestHelp(t *testing.T) {
	t.Parallel()
	var usage, reference bytes.Buffer
	if err := errors.Join(Usage(&usage), Markdown(&reference)); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, k := range keys {
		if seen[k.name] || k.doc == "" {
			t.Errorf("key %s appears twice or has no meaning", k.name)
		}
		seen[k.name] = true
		if !strings.Contains(usage.String(), "--"+k.name+" ") || !strings.Contains(reference.String(), "`"+env(k.name)+"`") {
			t.Errorf("key %s is not explained", k.name)
		}
	}
	if strings.Count(reference.String(), "## General") != 1 {
		t.Error("the reference is not in the order of its sections")
	}
}
