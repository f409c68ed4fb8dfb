package pyhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Entries of a launch.
const (
	entryOperation = "operation"
	entryWorkflow  = "workflow"
	entryProgram   = "program"
)

// launch is what a process is to become. The exported fields are what the zygote reads.
type launch struct {
	Env   map[string]string `json:"env"`
	Cwd   string            `json:"cwd"`
	Entry string            `json:"entry"`
	Args  []string          `json:"args"`

	env *environment
	dir string
	// out takes the output; channel is what a workflow talks over, nil for operations.
	out, channel *os.File
	// isOdd asks for a fresh interpreter: the environment has variables that are read when Python starts.
	isOdd bool
}

// launch starts a process: a fork of the warm process of its environment, else a fresh interpreter. A zygote that is gone
// is tried anew once.
func (h *Host) launch(ctx context.Context, l launch) (*child, error) {
	for range 2 {
		if l.isOdd {
			break
		}
		mode := modeWarm
		if l.Entry == entryWorkflow {
			mode = modeFlow
		}
		z, err := h.pool.warm(ctx, l.env, mode)
		if err != nil {
			return nil, err
		}
		if z == nil {
			break
		}
		p, err := h.start(z, l)
		if !errors.Is(err, errGone) {
			return p, err
		}
	}
	cold := l
	cold.Entry = entryProgram
	switch l.Entry {
	case entryWorkflow:
		cold.Args = []string{l.env.interpreter, "-u", filepath.Join(h.dispatchDir(), "reify_workflow.py"), l.dir}
	default:
		cold.Args = []string{l.env.interpreter, "-u", "-m", "cloudify.dispatch", l.dir}
	}
	base, err := h.base(ctx)
	if err != nil {
		return nil, err
	}
	for range 2 {
		var z *zygote
		if z, err = h.pool.launcher(ctx, base.Interpreter); err != nil {
			return nil, err
		}
		p, startErr := h.start(z, cold)
		if err = startErr; !errors.Is(err, errGone) {
			return p, err
		}
	}
	return nil, err
}

func (h *Host) start(z *zygote, l launch) (*child, error) {
	data, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(l.dir, launchName)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, fmt.Errorf("write what is to be started: %w", err)
	}
	out := l.out
	if out == nil {
		if out, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
			return nil, err
		}
		defer out.Close()
	}
	if l.channel != nil {
		return z.launch(file, out, l.channel)
	}
	return z.launch(file, out)
}

// oddPrefixes begin the names of variables that Python or its libraries read when they are loaded.
var oddPrefixes = []string{"PYTHON", "LD_", "SSL_", "LC_", "LANG", "OPENSSL_", "MALLOC_", "TZ"}

func odd(env map[string]string) bool {
	for name := range env {
		for _, prefix := range oddPrefixes {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
	}
	return false
}

// environ is what an operation finds in its environment (operations, section 3.2).
func (h *Host) environ(given []string, e *environment) map[string]string {
	env := map[string]string{"AGENT_LOG_LEVEL": "INFO"}
	for _, pair := range given {
		if name, value, ok := strings.Cut(pair, "="); ok && name != "" {
			env[name] = value
		}
	}
	path := filepath.Dir(e.interpreter) + string(os.PathListSeparator) + env["PATH"]
	if h.o.CtxDir != "" {
		path = h.o.CtxDir + string(os.PathListSeparator) + path
	}
	for name, value := range map[string]string{
		"PATH": path, "CLOUDIFY_DISPATCH": "true", "AGENT_WORK_DIR": h.o.WorkDir, "AGENT_LOG_DIR": h.o.WorkDir,
		"REST_PROTOCOL": "http", "MANAGER_FILE_SERVER_SCHEME": "http", "REST_HOST": h.proxy.host(), "REST_PORT": strconv.Itoa(h.proxy.port()),
		"LOCAL_REST_CERT_FILE": h.certFile(), "CFY_PLUGINS_ROOT": h.pluginsRoot(), "CFY_EXEC_TEMP": h.o.TempDir,
	} {
		env[name] = value
	}
	// A proxy of the site must not get between an operation and its own machine.
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		if env[name] != "" {
			env[name] += ","
		}
		env[name] += h.proxy.host()
	}
	if e.overlay != "" {
		env["PYTHONPATH"] = joinPath(e.overlay, env["PYTHONPATH"])
	}
	return env
}

// zygoteEnv is the environment of a zygote: that of the service with what decides where its modules come from.
func zygoteEnv(service []string, e *environment) []string {
	env := append([]string(nil), service...)
	if e.overlay == "" {
		return env
	}
	old := ""
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, "PYTHONPATH="); ok {
			old = value
		}
	}
	return append(env, "PYTHONPATH="+joinPath(e.overlay, old))
}

func joinPath(first, rest string) string {
	if rest == "" {
		return first
	}
	return first + string(os.PathListSeparator) + rest
}
