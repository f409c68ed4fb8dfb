package dsl

import (
	"fmt"
	"sort"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/iface"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// Fields that a script's operation and workflow get, sections 8.11 and 9.3.
const (
	scriptPath      = "script_path"
	scriptSource    = "script_source"
	scriptRun       = "script_runner.tasks.run"
	scriptWorkflow  = "script_runner.tasks.execute_workflow"
	scriptParamText = "Workflow script executed by the script plugin"
)

// resolved is what an implementation or mapping turned out to be.
type resolved struct {
	plugin    *plan.Plugin
	operation string
	// script is script_path or script_source for a script, else empty.
	script string
}

// resolve finds the plugin or script of an implementation, section 9.3.
// unknown makes the error when there is neither.
func (p *parser) resolve(impl, what string, workflow bool, payload *value.Map, unknown func() *diag.Error) (resolved, *diag.Error) {
	var candidates []*plan.Plugin
	for name, pl := range p.plugins.All() {
		if strings.HasPrefix(impl, name+".") {
			candidates = append(candidates, pl)
		}
	}
	inline := strings.Contains(strings.TrimSpace(impl), "\n")
	if inline || imports.IsURL(impl) || p.scriptExists(impl) || len(candidates) == 0 && p.ofImportedBlueprint(impl) {
		return p.resolveScript(inline, what, workflow, payload)
	}
	switch len(candidates) {
	case 0:
		return resolved{}, unknown()
	case 1:
		return resolved{plugin: candidates[0], operation: impl[len(candidates[0].Name)+1:]}, nil
	}
	names := make([]string, len(candidates))
	for i, c := range candidates {
		names[i] = c.Name
	}
	e := diag.Coded(diag.Logic, 91, fmt.Sprintf("Ambiguous operation mapping. [operation=%s, plugins=%s]", what, value.QuoteList(names)))
	e.Diag = &diag.D{Summary: "Ambiguous plugin", Detail: fmt.Sprintf("%q begins with the names of several plugins: %s.", impl, strings.Join(names, ", ")),
		Fix: "Rename one of the plugins."}
	return resolved{}, e
}

func (p *parser) resolveScript(inline bool, what string, workflow bool, payload *value.Map) (resolved, *diag.Error) {
	task, kind := scriptRun, "operation"
	if workflow {
		task, kind = scriptWorkflow, "workflow"
	}
	field := scriptPath
	if inline {
		field = scriptSource
	}
	for _, f := range []string{scriptPath, scriptSource} {
		if payload.Has(f) && (f == field || f == scriptPath) {
			return resolved{}, diag.Coded(diag.Logic, 60, fmt.Sprintf("Cannot define '%s' in '%s' of %s '%s' because it is reserved", f, "inputs", kind, what))
		}
	}
	for name, pl := range p.plugins.All() {
		if strings.HasSuffix(name, "script") {
			return resolved{plugin: pl, operation: task, script: field}, nil
		}
	}
	e := diag.Coded(diag.Logic, 61, fmt.Sprintf("Script plugin is not defined but it is required for mapping '%s' of %s '%s'", task, kind, what))
	e.Diag = &diag.D{Summary: "Script plugin missing", Detail: fmt.Sprintf("The %s %q is a script, but no plugin whose name ends in \"script\" is defined.", kind, what),
		Fix: "Import cloudify/types/types.yaml, which defines it."}
	return resolved{}, e
}

// scriptExists tells whether there is a file of that name under a base.
func (p *parser) scriptExists(name string) bool {
	if i := strings.LastIndex(name, imports.Delimiter); i >= 0 {
		name = name[i+len(imports.Delimiter):]
	}
	if name == "" {
		return false
	}
	if known, ok := p.exists[name]; ok {
		return known
	}
	found := false
	for _, base := range p.scriptBases() {
		if p.src.Exists(p.ctx, base+imports.EscapePath(name)) {
			found = true
			break
		}
	}
	p.exists[name] = found
	return found
}

func (p *parser) scriptBases() []string {
	var out []string
	add := func(base string) {
		if base == "" {
			return
		}
		if !imports.IsURL(base) {
			base = imports.FileURL(base)
		}
		out = append(out, strings.TrimSuffix(base, "/")+"/")
	}
	add(p.base)
	for _, b := range p.in.AdditionalResourceSources {
		add(b)
	}
	return out
}

func (p *parser) ofImportedBlueprint(impl string) bool {
	i := strings.Index(impl, imports.Delimiter)
	return i > 0 && p.namespaces.Find(impl[:i]) >= 0
}

// operation turns a merged operation into its resolved record.
func (p *parser) operation(name string, op iface.Op, unknown func() *diag.Error) (*plan.Operation, *diag.Error) {
	out := &plan.Operation{Inputs: value.NewMap()}
	if op.Implementation == "" {
		return out, nil
	}
	r, e := p.resolve(op.Implementation, name, false, op.Inputs, unknown)
	if e != nil {
		return out, e
	}
	out.Plugin, out.Operation, out.Inputs = r.plugin.Name, r.operation, op.Inputs.Clone()
	out.Executor = op.Executor
	if out.Executor == nil {
		out.Executor = r.plugin.Executor
		if r.script != "" {
			out.Executor = autoExecutor
		}
	}
	if r.script != "" {
		out.Inputs.Set(r.script, op.Implementation)
	}
	out.MaxRetries, out.RetryInterval, out.Timeout, out.TimeoutRecoverable = op.MaxRetries, op.RetryInterval, op.Timeout, op.TimeoutRecoverable
	for k, v := range op.Inputs.All() {
		m, _ := v.(*value.Map)
		if t, ok := m.Get("type"); ok {
			if out.InputsTypes == nil {
				out.InputsTypes = value.NewMap()
			}
			out.InputsTypes.Set(k, t)
		}
	}
	return out, nil
}

// operations resolves all operations of merged interfaces: each is known by
// its short name, unless several interfaces have it, and its full name.
// written is where the template has the interfaces, for diagnostics.
func (p *parser) operations(ifaces *value.Map, describe string, code int, written *node) (*value.Ordered[*plan.Operation], *diag.Error) {
	if all, ok := p.resolvedAll[ifaces]; ok {
		return all, nil
	}
	out := &value.Ordered[*plan.Operation]{}
	uses := map[string]int{}
	for _, x := range ifaces.All() {
		ops, _ := x.(*value.Map)
		for op := range ops.All() {
			uses[op]++
		}
	}
	for name, x := range ifaces.All() {
		ops, _ := x.(*value.Map)
		for op, v := range ops.All() {
			m, _ := v.(*value.Map)
			o, ok := p.resolved[m]
			if !ok {
				raw := iface.Read(v)
				var e *diag.Error
				o, e = p.operation(op, raw, func() *diag.Error { return p.unknownOperation(raw.Implementation, name, op, describe, code) })
				if e != nil {
					return out, yamltree.Aim(e, implementationOf(written, name, op))
				}
				p.resolved[m] = o
			}
			if uses[op] == 1 {
				out.Set(op, o)
			}
			out.Set(name+"."+op, o)
		}
	}
	p.resolvedAll[ifaces] = out
	return out, nil
}

// implementationOf gives the node at which an operation names what implements
// it, nil when the type does.
func implementationOf(written *node, interfaceName, op string) *node {
	k, v := written.Get(interfaceName).Entry(op)
	if ik, iv := v.Entry("implementation"); ik != nil {
		return iv
	}
	if _, ok := v.Str(); ok {
		return v
	}
	return k
}

func (p *parser) unknownOperation(impl, interfaceName, op, describe string, code int) *diag.Error {
	e := diag.Coded(diag.Logic, code, fmt.Sprintf("Could not extract plugin or a script resource is not found from operation mapping/script-path '%s', "+
		"which is declared for operation '%s'.In interface '%s' in %s", impl, op, interfaceName, describe))
	e.Diag = p.explainImplementation(impl, fmt.Sprintf("operation %q of interface %q in %s", op, interfaceName, strings.ReplaceAll(describe, "'", `"`)))
	return e
}

// explainImplementation says what an implementation could have meant.
func (p *parser) explainImplementation(impl, where string) *diag.D {
	names := p.plugins.Keys()
	sort.Strings(names)
	d := &diag.D{Summary: "Unknown plugin or script",
		Detail: fmt.Sprintf("%q, the implementation of %s, begins with no plugin's name and is no file beside the blueprint. Defined plugins: %s.",
			impl, where, diag.Names(names))}
	if i := strings.IndexByte(impl, '.'); i > 0 {
		if c := diag.Closest(impl[:i], names); c != "" {
			d.Fix = fmt.Sprintf("Did you mean \"%s%s\"?", c, impl[i:])
		}
	}
	if d.Fix == "" {
		d.Fix = "Import the plugin, or add the script file to the blueprint's archive."
	}
	return d
}
