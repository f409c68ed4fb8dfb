package workflow

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// The interfaces whose operations the built-in workflows run.
const (
	lifecycle       = "cloudify.interfaces.lifecycle."
	validation      = "cloudify.interfaces.validation."
	monitoring      = "cloudify.interfaces.monitoring."
	monitoringAgent = "cloudify.interfaces.monitoring_agent."
	cloudifyAgent   = "cloudify.interfaces.cloudify_agent."
	workerInstaller = "cloudify.interfaces.worker_installer."
	hostInterface   = "cloudify.interfaces.host."
	relLifecycle    = "cloudify.interfaces.relationship_lifecycle."
)

// call is what a caller may say about an operation besides its name.
type call struct {
	kwargs model.Document
	// override allows kwargs to replace inputs of the operation.
	override bool
	// retries, when set, replaces the configured number of retries.
	retries *int
}

// implements reports whether the node of an instance has something to run for an operation.
func (b *builder) implements(i *model.NodeInstance, name string) bool {
	op, ok := b.view.node(i).Operations[name]
	return ok && !op.IsNoop()
}

// op adds an operation of an instance; nil when there is nothing to run.
func (b *builder) op(i *model.NodeInstance, name string) *model.Task {
	return b.opWith(i, name, call{})
}

func (b *builder) opWith(i *model.NodeInstance, name string, c call) *model.Task {
	n := b.view.node(i)
	return b.operation(n, n.Operations[name], model.OperationCall{Name: name, Instance: i.ID, Node: n.ID}, c)
}

// sourceOp and targetOp add an operation of a relationship, on its source or target instance (workflows, section 2.1).
func (b *builder) sourceOp(rel relation, name string) *model.Task {
	return b.operation(b.view.node(rel.source), rel.decl.SourceOperations[name], model.OperationCall{
		Name: name, Side: "source", Instance: rel.source.ID, Node: rel.source.Node,
		Related: rel.target.ID, RelatedNode: rel.target.Node,
	}, call{})
}

func (b *builder) targetOp(rel relation, name string) *model.Task {
	return b.operation(b.view.node(rel.target), rel.decl.TargetOperations[name], model.OperationCall{
		Name: name, Side: "target", Instance: rel.target.ID, Node: rel.target.Node,
		Related: rel.source.ID, RelatedNode: rel.source.Node,
	}, call{})
}

// operation adds the task for an operation that runs in the context of node n (workflows, section 2.1).
func (b *builder) operation(n *model.Node, op model.Operation, oc model.OperationCall, c call) *model.Task {
	if op.IsNoop() {
		return nil
	}
	at := slices.IndexFunc(n.Plugins, func(p model.PlanPlugin) bool { return p.Name == op.Plugin })
	if at < 0 {
		b.fail(fmt.Errorf("Plugin not found: %s", op.Plugin)) //nolint:staticcheck // the text of the reference
		return nil
	}
	kwargs, err := mergeKwargs(op, c)
	if err != nil {
		b.fail(err)
		return nil
	}
	oc.Operation, oc.Plugin, oc.Kwargs = op, n.Plugins[at], kwargs
	kind := model.TaskRemote
	if b.dryRun {
		kind = model.TaskDryRun
	}
	t := b.task(kind, op.Function)
	p := &t.Parameters
	p.SendTaskEvents = true
	p.Operation = &oc
	p.TotalRetries = b.settings.TaskRetries
	if c.retries != nil {
		p.TotalRetries = *c.retries
	}
	if op.MaxRetries != nil {
		p.TotalRetries = *op.MaxRetries
	}
	p.RetryInterval = b.settings.RetryInterval.Seconds()
	if op.RetryInterval != nil {
		p.RetryInterval = *op.RetryInterval
	}
	return t
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// mergeKwargs lays the caller's parameters over the inputs of an operation.
func mergeKwargs(op model.Operation, c call) (model.Document, error) {
	merged := maps.Clone(op.Inputs)
	if merged == nil {
		merged = model.Document{}
	}
	for _, k := range slices.Sorted(maps.Keys(c.kwargs)) {
		if _, both := merged[k]; both && !c.override {
			return nil, fmt.Errorf("Duplicate definition of %s in operation properties and in kwargs. To allow "+ //nolint:staticcheck // the text of the reference
				`redefinition, pass "allow_kwargs_override" to "execute_operation"`, k)
		}
		merged[k] = c.kwargs[k]
	}
	for _, name := range slices.Sorted(maps.Keys(op.InputsTypes)) {
		v, given := merged[name]
		if given && !isFunction(v) && !fits(v, op.InputsTypes[name]) {
			return nil, fmt.Errorf("Value %s of '%s' does not match the definition: %s", //nolint:staticcheck // the text of the reference
				textOf(v), name, op.InputsTypes[name])
		}
	}
	return merged, nil
}

// isFunction reports whether a value is an intrinsic function that is not evaluated yet.
func isFunction(v any) bool {
	doc, ok := asDocument(v)
	if !ok || len(doc) != 1 {
		return false
	}
	for k := range doc {
		return strings.HasPrefix(k, "get_") || strings.HasPrefix(k, "string_") || k == "concat" || k == "merge" || k == "join"
	}
	return false
}

// fits reports whether a value can be read as the simple type; other types fit always.
func fits(v any, simple string) bool {
	text := textOf(v)
	switch simple {
	case "integer":
		_, err := strconv.ParseInt(text, 10, 64)
		return err == nil
	case "float":
		_, err := strconv.ParseFloat(text, 64)
		return err == nil
	case "boolean":
		_, ok := v.(bool)
		return ok || strings.EqualFold(text, "true") || strings.EqualFold(text, "false")
	case "string":
		_, ok := v.(string)
		return ok
	}
	return true
}
