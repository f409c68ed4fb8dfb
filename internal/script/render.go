package script

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/script/pytext"
)

// renderer is the file of the Python package that renders a template.
const renderer = "reify_render.py"

var (
	templateTag = regexp.MustCompile(`\{[{%#]`)
	plainTag    = regexp.MustCompile(`\{\{\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\}\}`)
)

// render fills in a Jinja2 template (operations, section 4.2). Templates that only hold {{ dotted.names }} are rendered
// here; everything else by python3 with jinja2, and it is a non-recoverable error when the machine has none.
func (s *session) render(template []byte, variables any) ([]byte, error) {
	if !templateTag.Match(template) {
		return template, nil
	}
	given, _ := variables.(map[string]any)
	if _, ok := given["ctx"]; ok {
		return nil, nonRecoverable("Key not allowed - a key named ctx is in template_variables")
	}
	if variables != nil && given == nil {
		return nil, typeError("template_variables must be a mapping")
	}
	if !templateTag.Match(plainTag.ReplaceAll(template, nil)) {
		return s.renderPlain(template, given)
	}
	return s.renderPython(template, given)
}

func (s *session) renderPlain(template []byte, variables map[string]any) ([]byte, error) {
	all := maps.Clone(variables)
	if all == nil {
		all = map[string]any{}
	}
	all["ctx"] = s.root
	var failed error
	out := plainTag.ReplaceAllFunc(template, func(tag []byte) []byte {
		value, err := lookup(all, string(plainTag.FindSubmatch(tag)[1]))
		if err != nil && failed == nil {
			failed = err
		}
		if value == nil && !strings.Contains(string(tag), ".") {
			return nil
		}
		return []byte(pytext.Str(encodable(value)))
	})
	// As Jinja2 does, one line end at the end of the template is dropped.
	return bytes.TrimSuffix(out, []byte("\n")), failed
}

// undefined is what Jinja2 shows of a name that is not there.
const undefined = ""

func lookup(start map[string]any, dotted string) (any, error) {
	var current any = start
	for i, name := range strings.Split(dotted, ".") {
		next, found, err := attribute(current, name)
		if err != nil {
			return nil, err
		}
		// The variables are names, not a mapping with methods.
		if m, ok := asMapping(current); ok && (i == 0 || !found) {
			next, found = m.get(name)
		}
		if !found {
			if i > 0 && current == undefined {
				return nil, &Exception{"UndefinedError", "'" + dotted + "' is undefined"}
			}
			next = undefined
		}
		current = next
	}
	return current, nil
}

// renderPython runs the renderer. The template may call ctx, so the session is open to other calls meanwhile.
func (s *session) renderPython(template []byte, variables map[string]any) ([]byte, error) {
	python, err := exec.LookPath(s.req.Python)
	if err != nil || s.req.PythonDir == "" {
		return nil, nonRecoverable("template needs Jinja2, which needs %s on the machine that runs the operation", s.req.Python)
	}
	input, err := model.EncodeJSON(map[string]any{"template": string(template), "variables": encodable(variables)})
	if err != nil {
		return nil, typeError("template_variables: %v", err)
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	return runRenderer(s.ctx, python, s.req.PythonDir, s.hostEnv(), input)
}

func runRenderer(ctx context.Context, python, dir string, env []string, input []byte) ([]byte, error) {
	cmd := exec.CommandContext(ctx, python, "-u", filepath.Join(dir, renderer))
	cmd.Env, cmd.Stdin = env, bytes.NewReader(input)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, nonRecoverable("render template: %v", err)
	}
	var answer struct {
		Text  *string    `json:"text"`
		Error *Exception `json:"error"`
	}
	switch jsonErr := json.Unmarshal(out, &answer); {
	case jsonErr == nil && answer.Text != nil:
		return []byte(*answer.Text), nil
	case jsonErr == nil && answer.Error != nil:
		return nil, answer.Error
	}
	return nil, nonRecoverable("render template: %v", err)
}
