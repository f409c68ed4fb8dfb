package imports

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/reifyhq/reify/internal/dsl/builtin"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
)

// maxFiles bounds how many files one blueprint may import.
const maxFiles = 10000

// maxNamespace bounds the length of a full namespace in bytes: a file that
// imports itself with a namespace is a new file at every turn.
const maxNamespace = 1024

// Merged is a blueprint with everything it imports.
type Merged struct {
	Root    *yamltree.Node
	Version Version
	// Base is the URL of the main file's directory, empty when unknown.
	Base string
}

type run struct {
	in         Input
	src        Source
	version    Version
	isFunction func(*yamltree.Node) bool
	depth      int
	// loads counts the documents that were read for the main file, those of
	// imported blueprints included.
	loads *int
	place yamltree.Place
	// blueprints maps full namespaces to imported blueprints, in order.
	blueprints *value.Ordered[string]
}

// read tells the caller about a file.
func (r *run) read(location string, text []byte) {
	if r.in.OnFile != nil {
		r.in.OnFile(location, text)
	}
}

type entry struct {
	written    string
	namespace  string
	name       string
	properties *yamltree.Node
	at         *yamltree.Node
}

type imported struct {
	root    *yamltree.Node
	url     string
	ns      string
	builtIn bool
}

// Load reads the main document.
func Load(in Input) (*yamltree.Node, *diag.Error) {
	return yamltree.Load(in.Text, in.Location, "Failed to parse DSL")
}

// Merge reads all imports of a main document and merges them. isFunction tells
// whether a value is an intrinsic function.
func Merge(ctx context.Context, root *yamltree.Node, v Version, in Input, src Source, isFunction func(*yamltree.Node) bool) (*Merged, diag.List) {
	r := &run{in: in, src: src, version: v, isFunction: isFunction, loads: new(int)}
	return r.all(ctx, root)
}

func (r *run) all(ctx context.Context, root *yamltree.Node) (*Merged, diag.List) {
	r.blueprints = &value.Ordered[string]{}
	location := r.locate(r.in.Location)
	r.read(r.in.Location, r.in.Text)
	if isBuiltInTypes(root) {
		root = markBuiltIn(root)
	}
	r.place = yamltree.Place{}.Key(root, secImports)
	main, e := r.entries(root, r.place, true)
	if e != nil {
		return nil, diag.List{e}
	}
	files, errs := r.collect(ctx, root, location, main)
	if errs.HasErrors() {
		return nil, errs
	}
	combined := root.Copy()
	for i, p := range combined.Pairs {
		if p.Value.IsMap() {
			combined.Pairs[i].Value = p.Value.Copy()
		}
	}
	for _, f := range files {
		if e := r.merge(combined, f.root, f.ns, f.builtIn); e != nil {
			errs = append(errs, r.place.Locate(e))
		}
	}
	if errs.HasErrors() {
		return nil, errs
	}
	r.recordBlueprints(combined)
	combined.Remove(secImports)
	return &Merged{Root: combined, Version: r.version, Base: baseOf(location)}, nil
}

func (r *run) recordBlueprints(combined *yamltree.Node) {
	if r.blueprints.Len() == 0 {
		return
	}
	mapping, list := yamltree.NewMap(nil), yamltree.NewList(nil)
	seen := map[string]bool{}
	for ns, id := range r.blueprints.All() {
		mapping.Put(yamltree.New(ns, nil), yamltree.New(id, nil))
		seen[id] = true
		list.Items = append(list.Items, yamltree.New(id, nil))
	}
	if old := combined.Get(secNamespaces); old.IsMap() {
		for _, p := range old.Pairs {
			mapping.Put(p.Key, p.Value)
		}
	}
	combined.Put(yamltree.New(secNamespaces, nil), mapping)
	if old := combined.Get(secBlueprints); old.IsList() {
		for _, x := range old.Items {
			if !seen[x.Text()] {
				seen[x.Text()] = true
				list.Items = append(list.Items, x)
			}
		}
	}
	combined.Put(yamltree.New(secBlueprints, nil), list)
}

type queued struct {
	root    *yamltree.Node
	url     string
	ns      string
	entries []entry
}

// collect fetches all imported files in breadth-first order. A file that
// cannot be read is recorded, and the others are still looked at.
func (r *run) collect(ctx context.Context, root *yamltree.Node, location string, main []entry) ([]imported, diag.List) {
	var out []imported
	var errs diag.List
	seen := map[string]*imported{location + "\x00": {root: root, url: location}}
	queue := []queued{{root: root, url: location, entries: main}}
	for len(queue) > 0 {
		q := queue[0]
		queue = queue[1:]
		for _, en := range q.entries {
			if err := ctx.Err(); err != nil {
				return nil, append(errs, diag.New(diag.RuntimeError, err.Error()))
			}
			f, more, e := r.one(ctx, q, en, seen)
			if e != nil {
				errs = append(errs, r.place.Locate(yamltree.Aim(e, en.at)))
				continue
			}
			if f == nil {
				continue
			}
			if out = append(out, *f); len(out) > maxFiles {
				return nil, append(errs, diag.Coded(diag.Logic, 13, fmt.Sprintf("Import failed: more than %d files are imported", maxFiles)))
			}
			queue = append(queue, queued{root: f.root, url: f.url, ns: f.ns, entries: more})
		}
	}
	return out, errs
}

// one fetches what an entry names, unless it was seen before.
func (r *run) one(ctx context.Context, q queued, en entry, seen map[string]*imported) (*imported, []entry, *diag.Error) {
	ns := joinNamespace(q.ns, en.namespace)
	if len(ns) > maxNamespace {
		return nil, nil, namespaceTooLong(en, q.url)
	}
	isBlueprint := strings.HasPrefix(en.name, "blueprint:")
	if isBlueprint {
		if e := r.blueprint(en, ns); e != nil {
			return nil, nil, e
		}
	}
	urls := r.candidates(ctx, en.name, q.url, r.version.Suffix())
	for _, u := range urls {
		if old := seen[u+"\x00"+ns]; old != nil {
			return nil, nil, checkBuiltInNamespace(old.root, old.builtIn, en.namespace, q.ns, ns)
		}
	}
	fetched, u, e := r.fetch(ctx, urls)
	if e != nil {
		return nil, nil, importError(en, e)
	}
	root, e := r.load(ctx, en, fetched, u)
	if e != nil {
		return nil, nil, e
	}
	if e := r.checkVersion(root, u); e != nil {
		return nil, nil, e
	}
	builtIn := isBuiltInTypes(root)
	if e := checkBuiltInNamespace(root, builtIn, en.namespace, q.ns, ns); e != nil {
		return nil, nil, e
	}
	f := &imported{root: root, url: u, ns: ns, builtIn: builtIn}
	if builtIn {
		f.root = markBuiltIn(root)
	}
	if f.root, e = r.withPlugin(f.root, en, fetched); e != nil {
		return nil, nil, e
	}
	seen[u+"\x00"+ns] = f
	more, e := r.entries(f.root, yamltree.Place{}.Key(f.root, secImports), false)
	if e != nil {
		return nil, nil, e
	}
	return f, more, nil
}

func (r *run) withPlugin(root *yamltree.Node, en entry, f Fetched) (*yamltree.Node, *diag.Error) {
	root = catalogue(root, f.Plugin)
	if en.properties == nil {
		return root, nil
	}
	return setProperties(root, en.properties, r.isFunction)
}

func namespaceTooLong(en entry, from string) *diag.Error {
	e := diag.Coded(diag.Logic, 13, fmt.Sprintf("Import failed: the namespace of import '%s' is longer than %d characters", en.written, maxNamespace))
	e.Diag = &diag.D{Code: "import-namespace-too-long", Summary: "Namespace too long",
		Detail: fmt.Sprintf("%q, imported by %s, adds its namespace to those of the files above it; together they have more than %d characters.", en.written, from, maxNamespace),
		Fix:    "Look for a file that imports itself, directly or by others."}
	return e
}

func joinNamespace(outer, inner string) string {
	switch {
	case outer == "":
		return inner
	case inner == "":
		return outer
	}
	return outer + Delimiter + inner
}

// checkBuiltInNamespace refuses a namespace of its own on the built-in types.
func checkBuiltInNamespace(_ *yamltree.Node, builtIn bool, own, outer, full string) *diag.Error {
	if !builtIn || own == "" || full == outer {
		return nil
	}
	e := diag.Coded(diag.Logic, 214, fmt.Sprintf("Invalid import namespace %s: cannot be used on Cloudify basic types.", full))
	e.Diag = &diag.D{Summary: "Namespace on the built-in types",
		Detail: fmt.Sprintf("The built-in types are imported with the namespace %q; they exist once and have none.", own),
		Fix:    "Import the types file without a namespace."}
	return e
}

func (r *run) blueprint(en entry, ns string) *diag.Error {
	if en.namespace == "" {
		e := diag.Coded(diag.Logic, 213, fmt.Sprintf("Invalid %s: blueprint import cannotbe used without namespace", en.written))
		e.Diag = &diag.D{Summary: "Blueprint imported without a namespace",
			Detail: fmt.Sprintf("%q imports a whole blueprint, which needs a namespace for its elements.", en.written),
			Fix:    fmt.Sprintf("Write it as \"<namespace>--%s\".", en.name)}
		return e
	}
	id := strings.TrimPrefix(en.name, "blueprint:")
	if old, ok := r.blueprints.Get(ns); ok && old != id {
		return diag.Coded(diag.Logic, 214, fmt.Sprintf("Import failed %s: can not use the samenamespace for importing blueprints", ns))
	}
	r.blueprints.Set(ns, id)
	return nil
}

func importError(en entry, e *diag.Error) *diag.Error {
	if e == nil {
		e = diag.Coded(diag.Logic, 13, fmt.Sprintf("Import failed: no suitable location found for import '%s'", en.written))
	}
	if e.Diag == nil {
		e.Diag = &diag.D{Code: "import-not-found", Summary: "Import not found",
			Detail: fmt.Sprintf("%q cannot be read: %s.", en.written, strings.TrimSuffix(e.Message, ".")),
			Fix:    diag.DidYouMean(en.name, builtin.Names())}
		if e.Diag.Fix == "" {
			e.Diag.Fix = "Check the name; relative names are looked up beside the importing file, then among the resources of the manager."
		}
	}
	return e
}

// load turns what was fetched into a tree.
func (r *run) load(ctx context.Context, en entry, f Fetched, u string) (*yamltree.Node, *diag.Error) {
	if *r.loads++; *r.loads > maxFiles {
		return nil, diag.Coded(diag.Logic, 13, fmt.Sprintf("Import failed: more than %d files are imported", maxFiles))
	}
	if f.Blueprint != nil {
		return r.importedBlueprint(ctx, *f.Blueprint)
	}
	if file, ok := builtin.Find(u); ok && !r.in.NoBuiltInTypes && f.Text == nil {
		return builtInTree(file)
	}
	r.read(u, f.Text)
	root, e := yamltree.Load(f.Text, u, fmt.Sprintf("Failed to parse import '%s'(via '%s')", en.written, u))
	if e != nil {
		return nil, e
	}
	if !root.IsMap() {
		return nil, diag.New(diag.ValueError, "Value is expected to be a dictionary while it is of type "+value.TypeName(root.Value()))
	}
	return root, nil
}

var builtInTrees sync.Map // file name → *yamltree.Node, immutable

func builtInTree(file string) (*yamltree.Node, *diag.Error) {
	if t, ok := builtInTrees.Load(file); ok {
		return t.(*yamltree.Node), nil
	}
	root, e := yamltree.Load(builtin.Text(file), "builtin:"+file, "Failed to parse built-in types")
	if e == nil {
		builtInTrees.Store(file, root)
	}
	return root, e
}

// maxBlueprintDepth bounds blueprints that import blueprints.
const maxBlueprintDepth = 50

// importedBlueprint parses a blueprint that is imported: its merged tree with
// the validations off, sections 1 and 5.3.
func (r *run) importedBlueprint(ctx context.Context, in Input) (*yamltree.Node, *diag.Error) {
	if r.depth >= maxBlueprintDepth {
		return nil, diag.Coded(diag.Logic, 13, "Import failed: blueprints import each other without end")
	}
	in.NoVersionCheck, in.NoFunctionValidation, in.NoInputDefaultsCheck = true, true, true
	in.OnFile = r.in.OnFile
	in.NoBuiltInTypes, in.WorkingDirectory = r.in.NoBuiltInTypes, r.in.WorkingDirectory
	root, e := Load(in)
	if e != nil {
		return nil, e
	}
	v, e := MainVersion(root)
	if e != nil {
		return nil, e
	}
	sub := &run{in: in, src: r.src, version: v, isFunction: r.isFunction, depth: r.depth + 1, loads: r.loads}
	m, errs := sub.all(ctx, root)
	if errs.HasErrors() {
		return nil, errs.First()
	}
	return m.Root, nil
}

// MainVersion reads and checks the version of a main document, section 3.
func MainVersion(root *yamltree.Node) (Version, *diag.Error) {
	if !root.IsMap() {
		p := yamltree.Place{At: root, Value: root}
		return Version{}, p.Locate(WrongType("dict", root))
	}
	p := yamltree.Place{}.Key(root, secVersion)
	n := p.Value
	if s, ok := n.Str(); n.IsNull() || ok && s == "" {
		p.Path = secVersion
		e := diag.Coded(diag.Logic, 27, "tosca_definitions_version field must appear in the main blueprint file")
		e.Diag = &diag.D{Summary: "DSL version missing",
			Detail: "The main file must say which version of the language it is written in.",
			Fix:    "Add a line \"tosca_definitions_version: cloudify_dsl_1_5\" at the top."}
		return Version{}, p.Locate(e)
	}
	s, ok := n.Str()
	if !ok {
		return Version{}, p.Locate(WrongType("string", n))
	}
	if e := CheckSupported(s); e != nil {
		return Version{}, p.Locate(e)
	}
	v, e := ParseVersion(s)
	if e != nil {
		return Version{}, p.Locate(e)
	}
	return v, nil
}

// WrongType makes the schema error for a value of another type.
func WrongType(want string, n *yamltree.Node) *diag.Error {
	got := SchemaType(n)
	e := diag.Coded(diag.Format, 1, fmt.Sprintf("Expected '%s' type but found '%s' type", want, got))
	e.Diag = &diag.D{Code: "schema-type", Summary: "Value of a wrong type",
		Detail: fmt.Sprintf("A %s is expected here, but a %s was found.", want, got)}
	return e
}

// SchemaType gives the reference's name for the type of a node.
func SchemaType(n *yamltree.Node) string {
	if n == nil {
		return "NoneType"
	}
	switch n.Kind {
	case yamltree.Map:
		return "dict"
	case yamltree.List:
		return "list"
	}
	switch t := value.TypeName(n.Scalar); t {
	case "str":
		return "string"
	case "bool":
		return "boolean"
	case "int":
		return "integer"
	default:
		return t
	}
}

func (r *run) checkVersion(root *yamltree.Node, u string) *diag.Error {
	n := root.Get(secVersion)
	if r.in.NoVersionCheck || n.IsNull() {
		return nil
	}
	raw, ok := n.Str()
	if !ok {
		return yamltree.Place{}.Key(root, secVersion).Locate(WrongType("string", n))
	}
	if e := CheckSupported(raw); e != nil {
		return yamltree.Place{}.Key(root, secVersion).Locate(e)
	}
	v, e := ParseVersion(raw)
	if e != nil {
		return e
	}
	if !r.version.Less(v) {
		return nil
	}
	e = diag.Coded(diag.Logic, 28, fmt.Sprintf("An import uses a different tosca_definitions_version than the one defined in the main blueprint's file: "+
		"main blueprint's file version is '%s', import with different version is '%s', version of problematic import is '%s'", r.version.Raw, u, raw))
	e.Diag = &diag.D{Summary: "Import of a newer DSL version",
		Detail:  fmt.Sprintf("%s declares %s, but the main file only %s.", u, raw, r.version.Raw),
		Fix:     fmt.Sprintf("Set tosca_definitions_version of the main file to %s or newer.", raw),
		Related: []diag.Related{related("version of the import", n)}}
	return e
}
