package dsl

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

var workflowKeys = []string{"mapping", "parameters", "is_cascading", "availability_rules"}

// parseWorkflows reads the workflows and the plugins they use, section 8.11.
func (p *parser) parseWorkflows() (*value.Ordered[*plan.Workflow], []*plan.Plugin) {
	out := &value.Ordered[*plan.Workflow]{}
	at, pairs := p.dictSection("workflows")
	for _, q := range backwards(pairs) {
		if w := p.parseWorkflow(at.Entry(q), q.Key.Text()); w != nil {
			out.Set(q.Key.Text(), w)
		}
	}
	out.Reverse()
	var plugins []*plan.Plugin
	seen := map[string]bool{}
	for _, w := range out.All() {
		if pl, ok := p.plugins.Get(w.Plugin); ok && !seen[w.Plugin] {
			seen[w.Plugin] = true
			plugins = append(plugins, pl)
		}
	}
	return out, plugins
}

func (p *parser) parseWorkflow(at place, name string) *plan.Workflow {
	w := &plan.Workflow{Parameters: value.NewMap(), IsCascading: false}
	if !p.required(at, name) {
		return nil
	}
	mapping := at.Value.Text()
	if _, ok := at.Value.Str(); !ok {
		n := p.dict(at)
		if n == nil {
			return nil
		}
		p.known(at, workflowKeys...)
		p.availability(at, w)
		if f := at.Key(n, "is_cascading"); p.typed(f, tBool) && !f.Value.IsNull() {
			w.IsCascading = f.Value.Value()
		}
		w.Parameters = schemaValue(p.parseSchema(at.Key(n, "parameters"), name, parameterSchema))
		f := at.Key(n, "mapping")
		if f.At == nil {
			f.Path = at.Path + ".mapping"
		}
		if !p.required(f, "mapping") || !p.typed(f, tString) {
			return nil
		}
		mapping = f.Value.Text()
	}
	if mapping == "" {
		e := diag.New(diag.RuntimeError, "Illegal state. workflow mapping should always be defined (enforced by schema validation)")
		e.Diag = &diag.D{Code: "missing-key", Summary: "Empty workflow mapping", Detail: fmt.Sprintf("Workflow %q maps to nothing.", name)}
		p.fail(at, e)
		return nil
	}
	r, e := p.resolve(mapping, name, true, w.Parameters, func() *diag.Error {
		e := diag.Coded(diag.Logic, 21, fmt.Sprintf("Could not extract plugin or a script resource is not found from workflow mapping/script-path '%s', which is declared for workflow '%s'.", mapping, name))
		e.Diag = p.explainImplementation(mapping, fmt.Sprintf("workflow %q", name))
		return e
	})
	if e != nil {
		p.fail(at, e)
		return nil
	}
	w.Plugin, w.Operation = r.plugin.Name, r.operation
	if r.script != "" {
		w.Parameters = w.Parameters.Clone()
		w.Parameters.Set(r.script, value.MapOf("default", mapping, "description", scriptParamText))
	}
	return w
}

var activeStates = []string{"all", "partial", "none"}

func (p *parser) availability(at place, w *plan.Workflow) {
	f := at.Key(at.Value, "availability_rules")
	n := p.dict(f)
	if n == nil {
		return
	}
	p.known(f, "available", "node_instances_active", "node_types_required")
	types := f.Key(n, "node_types_required")
	for i, x := range backwards(p.list(types)) {
		p.typed(types.Index(i, x), tString)
	}
	states := f.Key(n, "node_instances_active")
	for i, x := range backwards(p.list(states)) {
		item := states.Index(i, x)
		if p.typed(item, tString) && !contains(activeStates, x.Text()) {
			e := diag.Coded(diag.Logic, 103, fmt.Sprintf("Invalid value: %s, allowed values are: %s", x.Text(), value.QuoteList(activeStates)))
			e.Diag = &diag.D{Summary: "Unknown availability", Detail: fmt.Sprintf("%q is none of all, partial, none.", x.Text()), Fix: diag.DidYouMean(x.Text(), activeStates)}
			p.fail(item, e)
		}
	}
	p.typed(f.Key(n, "available"), tBool)
	p.gate(f, "availability_rules", 4)
	w.AvailabilityRules = n.Value()
}
