package script

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/script/pytext"
)

// inputs are the inputs of the script runner (operations, sections 5.1 and 5.2).
type inputs struct {
	path, source string
	certificate  string
	// variables are the environment variables: the other inputs with process.env laid over them.
	variables      map[string]any
	cwd            string
	args           []string
	prefix         string
	evalPython     *bool
	logStdout      bool
	logStderr      bool
	stderrToStdout bool
	noProxy        bool
	// silent leaves out the log lines about the process itself.
	silent bool
}

func parseInputs(kwargs model.Document) (*inputs, error) {
	in := &inputs{variables: map[string]any{}}
	var process map[string]any
	for key, value := range kwargs {
		switch key {
		case "script_path":
			in.path = optionalText(value)
		case "script_source":
			in.source = optionalText(value)
		case "ssl_cert_content":
			in.certificate = optionalText(value)
		case "process":
			m, ok := value.(map[string]any)
			if !ok && value != nil {
				return nil, nonRecoverable("process must be a dictionary, not %s", pytext.Repr(value))
			}
			process = m
		case "ctx":
		default:
			in.variables[key] = value
		}
	}
	switch {
	case in.path == "" && in.source == "":
		return nil, nonRecoverable("Either \"script_path\" or \"script_source\" must be given")
	case in.path != "" && in.source != "":
		return nil, nonRecoverable("Only one of \"script_path\" and \"script_source\" may be given")
	}
	return in, in.parseProcess(process)
}

func (in *inputs) parseProcess(process map[string]any) error {
	in.logStdout = boolOption(process, "log_stdout", true)
	in.logStderr = boolOption(process, "log_stderr", true)
	in.stderrToStdout = boolOption(process, "stderr_to_stdout", false)
	in.cwd = optionalText(process["cwd"])
	in.prefix = optionalText(process["command_prefix"])
	if b, ok := process["eval_python"].(bool); ok {
		in.evalPython = &b
	}
	if env := process["env"]; env != nil {
		m, ok := env.(map[string]any)
		if !ok {
			return nonRecoverable("process.env must be a dictionary, not %s", pytext.Repr(env))
		}
		maps.Copy(in.variables, m)
	}
	if args := process["args"]; args != nil {
		list, ok := args.([]any)
		if !ok {
			return nonRecoverable("process.args must be a list of strings, not %s", pytext.Repr(args))
		}
		for _, arg := range list {
			text, ok := arg.(string)
			if !ok {
				return nonRecoverable("process.args must be a list of strings, not %s", pytext.Repr(args))
			}
			in.args = append(in.args, text)
		}
	}
	switch kind := optionalText(process["ctx_proxy_type"]); kind {
	case "", "auto", "http":
	case "none":
		in.noProxy = true
	default:
		return nonRecoverable("Unsupported proxy type: %s", kind)
	}
	return nil
}

func boolOption(process map[string]any, name string, fallback bool) bool {
	v, ok := process[name]
	if !ok || v == nil {
		return fallback
	}
	return !pytext.Falsy(v)
}

func (in *inputs) describe() string {
	return fmt.Sprintf("log_stdout=%s, log_stderr=%s, stderr_to_stdout=%s, cwd=%s, args=%s",
		pytext.Repr(in.logStdout), pytext.Repr(in.logStderr), pytext.Repr(in.stderrToStdout), in.cwd, strings.Join(in.args, " "))
}

// isPython reports whether the script is executed by the Python runner rather than as a program.
func (in *inputs) isPython(path string) bool {
	if in.evalPython != nil {
		return *in.evalPython
	}
	return filepath.Ext(path) == ".py"
}

// safePath are paths that a shell takes as they are.
var safePath = regexp.MustCompile(`^[A-Za-z0-9_./+@%:,=-]+$`)

// command is what the shell is given.
func (in *inputs) command(path string) []string {
	prefix := in.prefix
	if prefix == "" && strings.EqualFold(filepath.Ext(path), ".ps1") {
		prefix = "powershell"
	}
	if !safePath.MatchString(path) {
		path = "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	parts := []string{path}
	if prefix != "" {
		parts = []string{prefix, path}
	}
	return []string{"/bin/sh", "-c", strings.Join(append(parts, in.args...), " ")}
}

// envValue is the text of an input in the environment: JSON for what has a structure, str() for the rest.
func envValue(v any) string {
	switch v.(type) {
	case map[string]any, []any, bool:
		return pytext.JSON(v)
	}
	return pytext.Str(v)
}

// scriptEnv is the environment of the script.
func (s *session) scriptEnv(in *inputs) []string {
	env := map[string]string{}
	for _, entry := range s.req.Env {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	if _, ok := env["TMPDIR"]; !ok && s.req.TempDir != "" {
		env["TMPDIR"] = s.req.TempDir
	}
	for name, value := range in.variables {
		env[name] = envValue(value)
	}
	delete(env, urlVariable)
	if !in.noProxy {
		env[urlVariable] = s.proxyURL
	}
	if dir := s.req.CtxDir; dir != "" && !slices.Contains(filepath.SplitList(env["PATH"]), dir) {
		env["PATH"] = strings.TrimPrefix(env["PATH"]+string(filepath.ListSeparator)+dir, string(filepath.ListSeparator))
	}
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// fetch puts the script into a new directory and makes it executable. The path is set as soon as the directory exists.
func (s *session) fetch(ctx context.Context, in *inputs) (string, error) {
	data, name, err := s.content(ctx, in)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(s.req.TempDir, "")
	if err != nil {
		return "", &Exception{"OSError", err.Error()}
	}
	path := filepath.Join(dir, name)
	if err := writeProgram(path, data); err != nil {
		return path, &Exception{"OSError", err.Error()}
	}
	if in.source == "" && !strings.Contains(in.path, "://") {
		s.logf("info", "Downloaded %s to %s", in.path, path)
	}
	return path, nil
}

// writeProgram writes a file that is about to be executed. No process may be forked while it is open for writing: the
// child would inherit it for a moment and executing it would fail with "text file busy".
func writeProgram(path string, data []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, data, 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o755)
}

// discard removes the script and its directory. What cannot be removed is left to the system's cleaning.
func (s *session) discard(path string) { _ = os.RemoveAll(filepath.Dir(path)) }

func (s *session) content(ctx context.Context, in *inputs) (data []byte, name string, err error) {
	switch {
	case in.source != "":
		source := dedent(in.source)
		name := "script.sh"
		if in.evalPython != nil && *in.evalPython || in.evalPython == nil && looksPython(ctx, s.req.Python, source) {
			name = "script.py"
		}
		return []byte(source), name, nil
	case strings.HasPrefix(in.path, "http://"), strings.HasPrefix(in.path, "https://"):
		data, err = get(ctx, in.path, in.certificate)
	case strings.HasPrefix(in.path, "file://"):
		local := strings.TrimPrefix(in.path, "file://")
		data, err = os.ReadFile(local)
		if errors.Is(err, fs.ErrNotExist) {
			err = nonRecoverable("script %s does not exist", local)
		}
	default:
		s.mu.Lock()
		data, err = s.readResource(in.path)
		s.mu.Unlock()
	}
	return data, baseName(in.path), err
}

// get reads a script from the web; only status 200 counts.
func get(ctx context.Context, address, certificate string) ([]byte, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	if certificate != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(certificate)) {
			return nil, nonRecoverable("ssl_cert_content holds no certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nonRecoverable("script address %s: %v", address, err)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, &Exception{"ConnectionError", fmt.Sprintf("download script: %v", err)}
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, nonRecoverable("Failed downloading script: %s (status code: %d)", address, response.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxInline+1))
	switch {
	case err != nil:
		return nil, &Exception{"ConnectionError", fmt.Sprintf("download script %s: %v", address, err)}
	case len(data) > maxInline:
		return nil, nonRecoverable("script %s is larger than %d bytes", address, maxInline)
	}
	return data, nil
}

// looksPython reports whether an inline script is Python: it parses as Python and its first line names no other
// interpreter.
//
// Compat: the reference only tries to parse, so that a shell script of one word would run as Python; a first line that
// names an interpreter wins here (TestInlineScripts).
func looksPython(ctx context.Context, python, source string) bool {
	if first, _, _ := strings.Cut(source, "\n"); strings.HasPrefix(first, "#!") {
		return strings.Contains(first, "python")
	}
	program, err := exec.LookPath(python)
	if err != nil {
		return false
	}
	cmd := exec.CommandContext(ctx, program, "-S", "-c", "import ast, sys; ast.parse(sys.stdin.read())")
	cmd.Stdin = strings.NewReader(source)
	return cmd.Run() == nil
}

// dedent removes the white space that all lines begin with, as Python's textwrap.dedent.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	margin, found := "", false
	for i, line := range lines {
		content := strings.TrimLeft(line, " \t")
		if content == "" {
			lines[i] = ""
			continue
		}
		indent := line[:len(line)-len(content)]
		if !found {
			margin, found = indent, true
		}
		for !strings.HasPrefix(indent, margin) {
			margin = margin[:len(margin)-1]
		}
	}
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], margin)
	}
	return strings.Join(lines, "\n")
}
