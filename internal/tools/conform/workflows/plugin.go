package workflows

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/reifyhq/reify/internal/model"
)

// invocationKey identifies a scripted operation; its calls are counted over the whole case.
type invocationKey struct {
	operation, side  string
	instance, target model.InstanceID
}

func keyOf(oc *model.OperationCall) invocationKey {
	if oc.Side == "target" {
		return invocationKey{oc.Name, oc.Side, oc.Related, oc.Instance}
	}
	return invocationKey{oc.Name, oc.Side, oc.Instance, oc.Related}
}

// plugin is the scripted operation of the recordings.
type plugin struct {
	calls map[invocationKey]int
}

// call runs the n-th invocation of an operation and returns its record, result and error.
func (p *plugin) call(w *world, t *model.Task, n int) (record, json.RawMessage, *model.TaskError) {
	oc := t.Parameters.Operation
	rec := record{
		"kind": "op", "operation": oc.Name, "invocation": n, "retry_number": t.Parameters.CurrentRetries, "outcome": "ok",
	}
	source := oc.Instance
	switch oc.Side {
	case "":
		rec["instance"] = oc.Instance
	case "source":
		rec["source"], rec["target"], rec["side"] = oc.Instance, oc.Related, oc.Side
	default:
		source = oc.Related
		rec["source"], rec["target"], rec["side"] = oc.Related, oc.Instance, oc.Side
	}
	inputs := maps.Clone(oc.Kwargs)
	delete(inputs, "script")
	delete(inputs, "scripts")
	if len(inputs) > 0 {
		rec["inputs"] = inputs
	}
	entry := scriptEntry(oc.Kwargs, string(source), n)
	if entry == nil {
		return rec, nil, nil
	}
	do, _ := entry["do"].(string)
	rec["outcome"] = do
	message, _ := entry["message"].(string)
	after := entry["retry_after"]
	fail := func(class string, known model.KnownError) *model.TaskError {
		e := &model.TaskError{ExceptionType: class, Message: message, Known: known}
		if n, ok := after.(json.Number); ok && known != model.ErrorNonRecoverable {
			f, err := n.Float64()
			if err == nil {
				e.RetryAfter = &f
				e.Message = fmt.Sprintf("%s [retry_after=%s]", message, n)
			}
		}
		return e
	}
	switch do {
	case "fail":
		return rec, nil, fail("RuntimeError", model.ErrorRecoverable)
	case "recoverable":
		return rec, nil, fail("RecoverableError", model.ErrorRecoverable)
	case "nonrecoverable":
		return rec, nil, fail("NonRecoverableError", model.ErrorNonRecoverable)
	case "retry":
		return rec, nil, fail("OperationRetry", model.ErrorRetry)
	case "set":
		if i := w.instance(oc.Instance); i != nil {
			key, _ := entry["key"].(string)
			i.RuntimeProperties = maps.Clone(i.RuntimeProperties)
			if i.RuntimeProperties == nil {
				i.RuntimeProperties = model.Document{}
			}
			i.RuntimeProperties[key] = entry["value"]
		}
	}
	result, err := model.EncodeJSON(entry["result"])
	if err != nil {
		result = nil
	}
	return rec, result, nil
}

// scriptEntry is what the script says about the n-th call; nil without a script.
func scriptEntry(kwargs model.Document, source string, n int) map[string]any {
	script, _ := kwargs["script"].([]any)
	if all, ok := kwargs["scripts"].(map[string]any); ok {
		if own, ok := all[source].([]any); ok {
			script = own
		}
	}
	if len(script) == 0 {
		return nil
	}
	entry, _ := script[min(n, len(script)-1)].(map[string]any)
	return entry
}
