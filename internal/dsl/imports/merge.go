package imports

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// Names of sections with rules of their own.
const (
	secImports       = "imports"
	secVersion       = "tosca_definitions_version"
	secDefinitions   = "dsl_definitions"
	secBlueprints    = "imported_blueprints"
	secNamespaces    = "namespaces_mapping"
	secNodeTemplates = "node_templates"
	secWorkflows     = "workflows"
	secNodeTypes     = "node_types"
	rootType         = "cloudify.nodes.Root"
)

var (
	ignoredSections   = map[string]bool{secImports: true, secVersion: true, secDefinitions: true}
	firstWins         = map[string]bool{"description": true, "metadata": true}
	mergedAlways      = map[string]bool{"node_types": true, "plugins": true, "workflows": true, "relationships": true, "policy_types": true, "groups": true, "policy_triggers": true, "data_types": true, "interfaces": true}
	mergedFrom13      = map[string]bool{"inputs": true, "outputs": true, "node_templates": true, "capabilities": true, "blueprint_labels": true, "labels": true, "resource_tags": true}
	existingEntryWins = map[string]bool{"blueprint_labels": true, "labels": true, "resource_tags": true}
)

// merge adds an imported file to the combined tree, section 5.4.
func (r *run) merge(combined, imported *yamltree.Node, ns string, builtIn bool) *diag.Error {
	prefix := namespacer{ns: ns}
	if builtIn {
		prefix.ns = ""
	}
	for _, p := range imported.Pairs {
		key := p.Key.Text()
		switch {
		case ignoredSections[key]:
		case key == secBlueprints:
			mergeList(combined, p)
		case key == secNamespaces:
			r.mergeNamespaces(combined, p, ns)
		case combined.Find(key) < 0:
			combined.Put(p.Key, prefix.section(key, p.Value).Copy())
		case firstWins[key]:
		case mergedAlways[key], mergedFrom13[key]:
			if mergedFrom13[key] && !r.version.AtLeast(1, 3) {
				return notMergeable(key, fmt.Sprintf(". %s can be imported multiple times only from cloudify_dsl_1_3 and above.", key), p)
			}
			if e := r.mergeSection(combined, key, prefix.section(key, p.Value)); e != nil {
				return e
			}
		default:
			return notMergeable(key, "", p)
		}
	}
	return nil
}

func notMergeable(key, more string, p yamltree.Pair) *diag.Error {
	e := diag.Coded(diag.Logic, 3, fmt.Sprintf("Import failed: non-mergeable field: '%s'%s", key, more))
	e.Diag = &diag.D{Summary: "Section in several files",
		Detail:  fmt.Sprintf("The section %q is in the importing file and also in an imported one; it cannot be merged.", key),
		Fix:     "Keep the section in one file, or declare cloudify_dsl_1_3 or newer if it allows merging.",
		Related: []diag.Related{related("imported section", p.Key)}}
	return e
}

func related(msg string, at *yamltree.Node) diag.Related {
	return diag.Related{Message: msg, File: at.FileName(), Range: diag.Range{Start: diag.Pos{Line: at.Line, Column: at.Col + 1}}}
}

func mergeList(combined *yamltree.Node, p yamltree.Pair) {
	have := combined.Get(p.Key.Text())
	if have == nil {
		combined.Put(p.Key, p.Value)
		return
	}
	c := have.Copy()
	seen := map[string]bool{}
	for _, x := range c.Items {
		seen[x.Text()] = true
	}
	for _, x := range p.Value.Items {
		if !seen[x.Text()] {
			c.Items = append(c.Items, x)
		}
	}
	combined.Put(p.Key, c)
}

func (r *run) mergeNamespaces(combined *yamltree.Node, p yamltree.Pair, ns string) {
	have := combined.Get(secNamespaces)
	if have == nil {
		have = yamltree.NewMap(p.Key)
	}
	c := have.Copy()
	for _, q := range p.Value.Pairs {
		k := q.Key
		if ns != "" {
			k = yamltree.New(ns+Delimiter+k.Text(), k)
		}
		c.Put(k, q.Value)
	}
	combined.Put(p.Key, c)
}

// mergeSection merges the entries of a section that both files have.
func (r *run) mergeSection(combined *yamltree.Node, key string, in *yamltree.Node) *diag.Error {
	have := combined.Get(key)
	if have.IsNull() {
		combined.Put(yamltree.New(key, in), in.Copy())
		return nil
	}
	if !have.IsMap() || !in.IsMap() {
		return nil
	}
	for _, p := range in.Pairs {
		name := p.Key.Text()
		i := have.Find(name)
		switch {
		case i < 0:
			have.Put(p.Key, p.Value)
		case p.Key.BuiltIn || strings.HasPrefix(name, reserved):
			have.Pairs[i] = p
		case key == secNodeTemplates && extend(have, i, p):
		case existingEntryWins[key]:
		case key == secWorkflows && have.Pairs[i].Value.IsMap() && p.Value.IsMap():
			c := have.Pairs[i].Value.Copy()
			for _, q := range p.Value.Pairs {
				if c.Find(q.Key.Text()) < 0 {
					c.Put(q.Key, q.Value)
				}
			}
			have.Pairs[i].Value = c
		default:
			return conflict(key, name, have.Pairs[i].Key, p.Key)
		}
	}
	return nil
}

func conflict(section, name string, first, second *yamltree.Node) *diag.Error {
	e := diag.Coded(diag.Logic, 4, fmt.Sprintf("Import failed: Could not merge '%s' due to conflict on '%s'", section, name))
	e.Diag = &diag.D{Summary: "Name defined in several files",
		Detail:  fmt.Sprintf("%q is defined in section %q of more than one file.", name, section),
		Fix:     "Rename one of the two, or import one file with a namespace.",
		Related: []diag.Related{related("first definition", first), related("second definition", second)}}
	return e
}

// extend merges node templates of which one only adds relationships.
func extend(have *yamltree.Node, i int, p yamltree.Pair) bool {
	old, in := have.Pairs[i].Value, p.Value
	onlyRelationships := func(n *yamltree.Node) bool {
		return n.IsMap() && len(n.Pairs) == 1 && n.Get("relationships").IsList()
	}
	var base, more *yamltree.Node
	switch {
	case onlyRelationships(in) && old.Get("relationships").IsList():
		base, more = old, in
	case onlyRelationships(old) && in.IsMap() && in.Find("type") >= 0:
		base, more = in, old
	default:
		return false
	}
	c := base.Copy()
	key, list := c.Entry("relationships")
	if !list.IsList() {
		key, list = more.Entry("relationships")
		c.Put(key, list)
	} else {
		l := list.Copy()
		l.Items = append(l.Items, more.Get("relationships").Items...)
		c.Put(key, l)
	}
	have.Pairs[i].Value = c
	return true
}

// markBuiltIn gives a copy of a file in which all entries of sections are
// marked to come from the built-in types.
func markBuiltIn(root *yamltree.Node) *yamltree.Node {
	c := root.Copy()
	for i, p := range c.Pairs {
		if !p.Value.IsMap() {
			continue
		}
		s := p.Value.Copy()
		for j := range s.Pairs {
			k := *s.Pairs[j].Key
			k.BuiltIn = true
			s.Pairs[j].Key = &k
		}
		c.Pairs[i].Value = s
	}
	return c
}

// isBuiltInTypes tells whether a file is the built-in types file, section 5.3.
func isBuiltInTypes(root *yamltree.Node) bool {
	types := root.Get(secNodeTypes)
	if !types.IsMap() {
		return false
	}
	i := types.Find(rootType)
	return i >= 0 && !types.Pairs[i].Key.BuiltIn
}
