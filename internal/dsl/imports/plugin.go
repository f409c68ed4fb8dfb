package imports

import (
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// catalogue replaces the sections of a plugin's file which the catalogue
// keeps, section 5.5.
func catalogue(root *yamltree.Node, rec *PluginRecord) *yamltree.Node {
	if rec == nil {
		return root
	}
	c := root.Copy()
	for _, s := range []struct {
		key    string
		m      *value.Map
		labels bool
	}{{"blueprint_labels", rec.BlueprintLabels, true}, {"labels", rec.Labels, true}, {"resource_tags", rec.ResourceTags, false}} {
		c.Remove(s.key)
		if s.m.Len() == 0 {
			continue
		}
		out := value.NewMap()
		for k, v := range s.m.All() {
			if s.labels {
				v = value.MapOf("values", v)
			}
			out.Set(k, v)
		}
		at := &yamltree.Node{File: root.File}
		c.Put(yamltree.New(s.key, at), yamltree.FromValue(out, at))
	}
	return c
}

// setProperties stores the properties of an import entry in the plugins of the
// imported file, section 5.6.
func setProperties(root *yamltree.Node, given *yamltree.Node, isFunction func(*yamltree.Node) bool) (*yamltree.Node, *diag.Error) {
	plugins := root.Get("plugins")
	if !plugins.IsMap() {
		return root, nil
	}
	c := root.Copy()
	ps := plugins.Copy()
	var problems []string
	for i, p := range ps.Pairs {
		props := p.Value.Get("properties")
		if !p.Value.IsMap() || !props.IsMap() {
			continue
		}
		np, msgs, e := pluginProperties(props, given, isFunction)
		if e != nil {
			return nil, e
		}
		problems = append(problems, msgs...)
		plugin := p.Value.Copy()
		plugin.Pairs[plugin.Find("properties")].Value = np
		ps.Pairs[i].Value = plugin
	}
	if len(problems) > 0 {
		e := diag.Coded(diag.Logic, 221, strings.Join(problems, ".  "))
		e.Diag = &diag.D{Summary: "Wrong properties of an imported plugin", Detail: strings.Join(problems, ". ") + "."}
		return nil, e
	}
	c.Pairs[c.Find("plugins")].Value = ps
	return c, nil
}

func pluginProperties(props, given *yamltree.Node, isFunction func(*yamltree.Node) bool) (*yamltree.Node, []string, *diag.Error) {
	np := props.Copy()
	var problems []string
	used := map[string]bool{}
	for j, q := range np.Pairs {
		name := q.Key.Text()
		v := given.Get(name)
		if v == nil {
			continue
		}
		used[name] = true
		ok, known := accepts(q.Value.Get("type").Text(), v, isFunction)
		if !known {
			return nil, nil, diag.Coded(diag.Format, 220, "Properties should either be strings, integers, floats, booleans, or lists.")
		}
		if !ok {
			problems = append(problems, fmt.Sprintf("Property %s: value '%s' should be of type %s", name,
				value.Text(v.Value()), q.Value.Get("type").Text()))
			continue
		}
		prop := yamltree.NewMap(q.Value)
		if q.Value.IsMap() {
			prop = q.Value.Copy()
		}
		prop.Put(yamltree.New("value", v), v)
		np.Pairs[j].Value = prop
	}
	var redundant []string
	for _, q := range given.Pairs {
		if n := q.Key.Text(); !used[n] {
			redundant = append(redundant, n)
		}
	}
	if len(redundant) > 0 {
		problems = append(problems, fmt.Sprintf("Properties for imported plugin are redundant: %s, consider updating import lines", value.QuoteList(redundant)))
	}
	return np, problems, nil
}

// accepts tells whether a value is of a declared type, and whether the type is
// one that import properties may have.
func accepts(declared string, v *yamltree.Node, isFunction func(*yamltree.Node) bool) (ok, known bool) {
	x := v.Value()
	_, isBool := x.(bool)
	_, isStr := x.(string)
	_, isFloat := x.(float64)
	_, isList := x.([]any)
	switch declared {
	case "string":
		ok = isStr || isBool || value.IsInt(x)
	case "integer":
		ok = isBool || value.IsInt(x)
	case "float":
		ok = isFloat || isBool || value.IsInt(x)
	case "boolean":
		ok = isBool
	case "list":
		ok = isList
	default:
		return false, false
	}
	return ok || isFunction(v), true
}
