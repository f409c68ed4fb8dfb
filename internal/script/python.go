package script

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script/pytext"
)

// runner is the file of the Python package that executes a script.
const runner = "reify_script.py"

// pythonRequest is a request of the Python side: what plain ctx arguments cannot say. It is no part of the protocol
// that scripts see.
type pythonRequest struct {
	// Verb is begin, call, properties, replace, resource or finish.
	Verb string `json:"verb"`
	// Path leads to an attribute, as the arguments of ctx do.
	Path   []string        `json:"path"`
	Args   []any           `json:"args"`
	Kwargs map[string]any  `json:"kwargs"`
	Values map[string]any  `json:"values"`
	Error  json.RawMessage `json:"error"`
}

// answerPython is a request of the Python side.
func (s *session) answerPython(body []byte) (any, error) {
	var r pythonRequest
	if err := decodeRequest(body, &r); err != nil {
		return nil, err
	}
	switch r.Verb {
	case "begin":
		return map[string]any{"inputs": map[string]any(s.req.Message.Kwargs), "type": s.kind()}, nil
	case "call":
		return s.call(r)
	case "properties":
		t, err := s.trackedAt(r.Path)
		if err != nil {
			return nil, err
		}
		return t.values, nil
	case "replace":
		return nil, s.replace(r)
	case "resource":
		return s.resource(r)
	case "finish":
		return nil, s.finish(r.Error)
	}
	return nil, runtimeError("unknown verb %q", r.Verb)
}

// reach follows a path of attributes and list indices.
func (s *session) reach(path []string) (any, error) {
	var current any = s.root
	for _, name := range path {
		if list, ok := current.([]any); ok {
			i := toInt(name, -1)
			if i < 0 || i >= len(list) {
				return nil, &Exception{"IndexError", "list index out of range"}
			}
			current = list[i]
			continue
		}
		next, found, err := attribute(current, name)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, &Exception{"AttributeError", "ctx." + strings.Join(path, ".") + " has no attribute '" + name + "'"}
		}
		current = next
	}
	return current, nil
}

func (s *session) call(r pythonRequest) (any, error) {
	v, err := s.reach(r.Path)
	if err != nil {
		return nil, err
	}
	f, ok := v.(function)
	if !ok {
		return v, nil
	}
	v, err = f(r.Args, r.Kwargs)
	var stop *stopped
	if errors.As(err, &stop) {
		// A Python script goes on after abort and retry, as in the reference.
		return nil, nil
	}
	return v, err
}

func (s *session) trackedAt(path []string) (*tracked, error) {
	v, err := s.reach(path)
	if err != nil {
		return nil, err
	}
	t, ok := v.(*tracked)
	if !ok {
		return nil, runtimeError("ctx.%s has no properties", strings.Join(path, "."))
	}
	return t, nil
}

func (s *session) replace(r pythonRequest) error {
	t, err := s.trackedAt(r.Path)
	if err != nil {
		return err
	}
	if t.refuse != "" {
		return nonRecoverable("%s", t.refuse)
	}
	t.values, t.dirty = maps.Clone(r.Values), true
	if t.values == nil {
		t.values = map[string]any{}
	}
	return nil
}

// resource is get_resource for any bytes.
func (s *session) resource(r pythonRequest) (any, error) {
	bound, err := bind("get_resource", r.Args, r.Kwargs, "resource_path", "template_variables")
	if err != nil {
		return nil, err
	}
	name, err := required("get_resource", bound, "resource_path")
	if err != nil {
		return nil, err
	}
	data, err := s.readResource(pytext.Str(name))
	if variables, ok := bound["template_variables"]; ok && err == nil {
		data, err = s.render(data, variables)
	}
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

func (s *session) finish(failure json.RawMessage) error {
	s.outcome.reported = true
	if len(failure) == 0 || string(failure) == "null" {
		return nil
	}
	e, err := operation.DecodeError(failure)
	if err != nil {
		e = operation.Exception("RuntimeError", "%v", err)
	}
	s.outcome.failure = e
	return nil
}
