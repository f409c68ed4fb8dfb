package config

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"
)

// Hook is an operation that runs when an execution changes its status (workflows, section 8.6).
type Hook struct {
	// EventType is workflow_queued, workflow_started, workflow_succeeded, workflow_failed or workflow_cancelled.
	EventType string
	// Implementation is the operation: "script", or the function of an installed plugin.
	Implementation string
	// Inputs are its arguments.
	Inputs map[string]any
}

// hookKeys are what an entry of the file may say; the description is for its readers.
var hookKeys = map[string]bool{"event_type": true, "implementation": true, "inputs": true, "description": true}

// eventTypes are the events that hooks may be on.
var eventTypes = map[string]bool{"workflow_queued": true, "workflow_started": true, "workflow_succeeded": true, "workflow_failed": true,
	"workflow_cancelled": true}

// ParseHooks reads a hooks file: a mapping with the list "hooks". The error joins everything that is wrong with it; the
// entries that are right are returned nevertheless, in their order.
func ParseHooks(data []byte) ([]Hook, error) {
	var file map[string]any
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("read hooks: %w", err)
	}
	entries, ok := file["hooks"].([]any)
	if !ok && file["hooks"] != nil {
		return nil, errors.New("read hooks: \"hooks\" must be a list")
	}
	var hooks []Hook
	var errs []error
	for i, e := range entries {
		h, err := parseHook(e)
		if err != nil {
			errs = append(errs, fmt.Errorf("hook %d: %w", i+1, err))
			continue
		}
		hooks = append(hooks, h)
	}
	return hooks, errors.Join(errs...)
}

func parseHook(entry any) (h Hook, err error) {
	m, ok := entry.(map[string]any)
	if !ok {
		return h, errors.New("it must be a mapping with event_type, implementation and inputs")
	}
	for key := range m {
		if !hookKeys[key] {
			return h, fmt.Errorf("unknown key %q; known are event_type, implementation, inputs and description", key)
		}
	}
	h.EventType, _ = m["event_type"].(string)
	h.Implementation, _ = m["implementation"].(string)
	if !eventTypes[h.EventType] {
		return h, fmt.Errorf("event_type %q is not one of workflow_queued, workflow_started, workflow_succeeded, workflow_failed, "+
			"workflow_cancelled", h.EventType)
	}
	if h.Implementation == "" {
		return h, errors.New("it needs an implementation: \"script\" or a function of a plugin")
	}
	if h.Inputs, ok = m["inputs"].(map[string]any); !ok && m["inputs"] != nil {
		return h, errors.New("inputs must be a mapping")
	}
	return h, nil
}
