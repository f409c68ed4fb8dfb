package model

import (
	"encoding/json"
	"fmt"
	"math"
)

// Setting is a value that users change at run time and other programs read (rest-model, section 12).
type Setting struct {
	Name, Scope string
	Value       any
	// Schema is the JSON schema of the value; nil allows anything.
	Schema     Document
	IsEditable bool
	AdminOnly  bool
}

// Number returns the value of a setting that is a number.
func (s *Setting) Number() (float64, error) {
	switch v := s.Value.(type) {
	case int:
		return float64(v), nil
	case float64:
		return v, nil
	case json.Number:
		return v.Float64()
	}
	return 0, fmt.Errorf("the setting %s is not a number", s.Name)
}

// Typed returns a value as the setting's type wants it: a text that is a number becomes that number where the type is one,
// because the original's command line sends every value as text.
func (s *Setting) Typed(value any) any {
	text, isText := value.(string)
	if kind, _ := s.Schema["type"].(string); !isText || kind != "number" && kind != "integer" {
		return value
	}
	if n := json.Number(text); n != "" {
		if f, err := n.Float64(); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f
		}
	}
	return value
}

// Misfit says why a value does not fit the schema; "" when it fits.
func (s *Setting) Misfit(value any) string {
	kind, _ := s.Schema["type"].(string)
	probe := Setting{Name: s.Name, Value: value}
	switch kind {
	case "number", "integer":
		n, err := probe.Number()
		if err != nil || kind == "integer" && n != float64(int64(n)) {
			return fmt.Sprintf("%v is not a %s", value, kind)
		}
		if least, ok := s.Schema["minimum"].(int); ok && n < float64(least) {
			return fmt.Sprintf("%v is less than the minimum of %d", value, least)
		}
		if most, ok := s.Schema["maximum"].(int); ok && n > float64(most) {
			return fmt.Sprintf("%v is greater than the maximum of %d", value, most)
		}
	case "string":
		text, ok := value.(string)
		if !ok {
			return fmt.Sprintf("%v is not of type 'string'", value)
		}
		if allowed, ok := s.Schema["enum"].([]string); ok && !contains(allowed, text) {
			return fmt.Sprintf("'%s' is not one of %v", text, allowed)
		}
	case "boolean":
		if _, ok := value.(bool); !ok {
			return fmt.Sprintf("%v is not of type 'boolean'", value)
		}
	}
	return ""
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

// DefaultSettings returns the settings as they are shipped, by scope and name.
func DefaultSettings() []Setting {
	number := func(scope, name string, value, least, most int) Setting {
		schema := Document{"type": "number", "minimum": least}
		if most > 0 {
			schema["maximum"] = most
		}
		return Setting{Name: name, Scope: scope, Value: value, Schema: schema, IsEditable: true}
	}
	integer := func(scope, name string, value, least int) Setting {
		return Setting{Name: name, Scope: scope, Value: value, Schema: Document{"type": "integer", "minimum": least}, IsEditable: true}
	}
	level := func(scope, name, value string, levels ...string) Setting {
		return Setting{Name: name, Scope: scope, Value: value, Schema: Document{"type": "string", "enum": levels}, IsEditable: true}
	}
	return []Setting{
		level("rest", "rest_service_log_level", "INFO", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
		number("rest", "default_page_size", 1000, 1, 0),
		number("rest", "min_available_memory_mb", 100, 0, 0),
		number("rest", "failed_logins_before_account_lock", 4, 1, 0),
		number("rest", "account_lock_period", -1, -1, 0),
		number("rest", "blueprint_folder_max_size_mb", 50, 0, 0),
		number("rest", "blueprint_folder_max_files", 10000, 0, 0),
		number("rest", "max_concurrent_workflows", 20, 1, 1000),
		{Name: "insecure_endpoints_disabled", Scope: "rest", Value: true, Schema: Document{"type": "boolean"}},
		number("rest", "monitoring_timeout", 4, 0, 0),
		integer("rest", "default_agent_port", 443, 1),
		number("workflow", "task_retries", 60, -1, 0),
		number("workflow", "task_retry_interval", 15, 0, 0),
		number("workflow", "subgraph_retries", 0, -1, 0),
		integer("agent", "broker_port", 5671, 1),
		integer("agent", "min_workers", 2, 1),
		integer("agent", "max_workers", 5, 1),
		integer("agent", "heartbeat", 30, 0),
		level("agent", "log_level", "info", "debug", "info", "warning", "error", "critical"),
		integer("mgmtworker", "min_workers", 2, 1),
		integer("mgmtworker", "max_workers", 5, 1),
	}
}
