// Package parameter completes and converts the parameters with which users start workflows, from what the workflow
// declares (workflows, section 8.2).
//
// It is pure and changes no argument. It knows nothing of what a workflow does with its parameters.
package parameter

import (
	"encoding/json"
	"sort"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// Merge lays what the user gave over the declared defaults, converts by declared type and checks what is
// required (workflows, section 8.2). The result is new; the arguments are not changed.
func Merge(name string, w model.Workflow, given model.Document, custom bool) (model.Document, error) {
	if !custom {
		var unknown []string
		for key := range given {
			if _, ok := w.Parameters[key]; !ok {
				unknown = append(unknown, key)
			}
		}
		if len(unknown) > 0 {
			sort.Strings(unknown)
			return nil, fault.New(fault.IllegalExecutionParameters, "Workflow \"%s\" does not have the following parameters declared: %s. "+
				"Remove these parameters or use the flag for allowing custom parameters", name, strings.Join(unknown, ","))
		}
	}
	out := model.Document{}
	for key, v := range given {
		out[key] = v
	}
	var missing []string
	for key, schema := range w.Parameters {
		value, ok := given[key]
		if !ok {
			if value, ok = schema["default"]; ok {
				out[key] = value
			}
		}
		if !ok {
			if required, isBool := schema["required"].(bool); !isBool || required {
				missing = append(missing, key)
			}
			continue
		}
		converted, err := convert(schema, value)
		if err {
			return nil, fault.New(fault.IllegalExecutionParameters, "Parameter \"%s\" must be of type %v", key, schema["type"])
		}
		out[key] = converted
	}
	if len(missing) > 0 {
		sort.Strings(missing)
		return nil, fault.New(fault.IllegalExecutionParameters,
			"Workflow \"%s\" must be provided with the following parameters to execute: %s", name, strings.Join(missing, ","))
	}
	return out, nil
}

// convert converts a value to its declared type; wrong says that it cannot be. Null passes every type.
func convert(schema model.WorkflowParameter, v any) (out any, wrong bool) {
	if v == nil {
		return nil, false
	}
	kind, _ := schema["type"].(string)
	if kind != "list" {
		return convertScalar(kind, v)
	}
	items, ok := v.([]any)
	if !ok {
		return nil, true
	}
	itemType, _ := schema["item_type"].(string)
	converted := make([]any, len(items))
	for i, item := range items {
		c, wrong := convertScalar(itemType, item)
		if wrong {
			return nil, true
		}
		converted[i] = c
	}
	return converted, false
}

func convertScalar(kind string, v any) (out any, wrong bool) {
	text := scalarText(v)
	switch kind {
	case "integer":
		if f, err := strconv.ParseFloat(text, 64); err == nil && !isString(v) {
			return json.Number(strconv.FormatInt(int64(f), 10)), false
		}
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		return json.Number(strconv.FormatInt(n, 10)), err != nil
	case "float":
		if _, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err != nil {
			return nil, true
		}
		return json.Number(strings.TrimSpace(text)), false
	case "boolean":
		switch strings.ToLower(text) {
		case "true":
			return true, false
		case "false":
			return false, false
		}
		return nil, true
	case "string":
		return v, !isString(v)
	}
	return v, false
}

func isString(v any) bool {
	_, ok := v.(string)
	return ok
}

func scalarText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
