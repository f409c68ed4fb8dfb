package dsl

import (
	"context"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// Parse reads a blueprint and everything it imports. The plan is nil when the
// list has errors; the first of the list is what the reference would raise.
func Parse(ctx context.Context, in Input, src Source) (*Plan, diag.List) {
	root, e := imports.Load(in)
	if e != nil {
		return nil, diag.List{e}
	}
	p := &parser{ctx: ctx, in: in, src: src, root: root, exists: map[string]bool{}, resolved: map[*value.Map]*plan.Operation{},
		resolvedAll: map[*value.Map]*value.Ordered[*plan.Operation]{}}
	p.mainFile()
	if len(p.errs) > 0 {
		return nil, p.errs
	}
	m, errs := imports.Merge(ctx, root, p.version, in, src, isFunction)
	if errs.HasErrors() {
		return nil, errs
	}
	p.root, p.base = m.Root, m.Base
	out := p.elements()
	if !in.NoInputDefaultsCheck && len(p.errs) == 0 {
		p.checkInputDefaults()
	}
	p.checkFunctions(out)
	if len(p.errs) > 0 {
		return nil, p.errs
	}
	return out, nil
}

// mainFile reads what is needed before imports: the version and the gate of
// dsl_definitions.
func (p *parser) mainFile() {
	v, e := imports.MainVersion(p.root)
	if e != nil {
		p.errs = append(p.errs, e)
		return
	}
	p.version = v
	p.stringKeys(place{At: p.root, Value: p.root})
	p.definitions()
}

func (p *parser) definitions() {
	at := p.section("dsl_definitions")
	if p.typed(at, tDict|tList) {
		p.gate(at, "dsl_definitions", 2)
	}
}

// elements parses all sections in the order of their dependencies.
func (p *parser) elements() *Plan {
	p.namespaces = p.root.Get("namespaces_mapping")
	p.empty()
	top := place{Value: p.root}
	p.known(top, sections...)
	out := &plan.Plan{Version: plan.Version{Raw: p.version.Raw, Name: "cloudify_dsl", Numbers: p.version.Numbers}}
	if p.loops() {
		return out
	}
	p.sectionsBackwards(out)
	out.DataTypes = p.dataTypesValue()
	out.Inputs = p.inputsValue()
	out.Relationships = p.relationTypesValue()
	out.ImportedBlueprints = value.Strings(p.root.Get("imported_blueprints").Value())
	out.NamespacesMapping, _ = p.namespaces.Value().(*value.Map)
	p.finishNodes(out)
	return out
}

// empty makes all results empty, so that what was not parsed can be read.
func (p *parser) empty() {
	p.dataTypes = &value.Ordered[*dataType]{}
	p.nodeTypes = &value.Ordered[*nodeType]{}
	p.relationTypes = &value.Ordered[*relationType]{}
	p.inputs = &value.Ordered[*inputSchema]{}
	p.plugins = &value.Ordered[*plan.Plugin]{}
	p.nodes = &value.Ordered[*nodeTemplate]{}
}

// loops records elements that need each other. The reference finds them before
// it looks at anything else.
func (p *parser) loops() bool {
	p.derivedLoops("node_types")
	p.derivedLoops("relationships")
	p.nodeLoops()
	p.dataLoops()
	for _, e := range p.errs {
		if e.Code == 100 && e.Class == diag.Logic {
			return true
		}
	}
	return false
}

// sectionsBackwards parses the sections from the last of the schema to the
// first, each after those it needs; parsing twice does nothing.
func (p *parser) sectionsBackwards(out *Plan) {
	out.ResourceTags = p.parseTags()
	out.DeploymentSettings = p.parseSettings()
	out.BlueprintLabels = p.parseBlueprintLabels()
	out.Labels = p.parseLabels()
	out.Capabilities = p.parseOutputs("capabilities")
	p.parseDataTypes()
	out.Outputs = p.parseOutputs("outputs")
	p.parsePlugins()
	out.Workflows, out.WorkflowPluginsToInstall = p.parseWorkflows()
	p.parseNodeTypes()
	p.parseRelationTypes()
	p.parseNodes()
	out.PolicyTriggers = p.parsePolicyTriggers()
	out.PolicyTypes = p.parsePolicyTypes()
	out.Groups = p.parseGroups()
	out.Policies, out.ScalingGroups = p.parsePolicies()
	p.parseInputs()
	if metadata := p.section("metadata"); p.typed(metadata, tDict) {
		out.Metadata = metadata.Value.Value()
	}
	description := p.section("description")
	if p.typed(description, tString) {
		p.gate(description, "description", 2)
	}
	out.Description = description.Value.Value()
}

// pairsOf gives the entries of a mapping, none for anything else.
func pairsOf(n *node) []yamltree.Pair {
	if n == nil {
		return nil
	}
	return n.Pairs
}
