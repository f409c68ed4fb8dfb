package internal

import (
	"fmt"
	"go/ast"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// callRule forbids functions of a package outside of some rooms. Tests may call anything but what is forbidden there.
type callRule struct {
	pkg   string
	names []string
	in    []string // where the calls are right
	tests bool     // whether tests are bound too
	why   string
}

var callRules = []callRule{
	{pkg: "time", names: []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"},
		in: in("clock", "tools"), why: "take a clock.Clock, so that tests and the simulation own the time"},
	{pkg: "time", names: []string{"Sleep"}, in: in("clock", "tools"), tests: true,
		why: "wait for a condition or move a manual clock"},
	{pkg: "context", names: []string{"Background", "TODO"}, in: append(in("server", "tools"), "cmd"),
		why: "pass the caller's context on; only main functions begin one"},
	{pkg: "os", names: []string{"Exit"}, in: append(in("tools"), "cmd"), why: "return an error; only main functions exit"},
	{pkg: "log", names: []string{"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Print", "Printf", "Println"},
		why: "return an error, or log through the slog.Logger that you were given"},
	{pkg: "log/slog", names: []string{"Default", "SetDefault", "Debug", "Info", "Warn", "Error"}, in: append(in("tools"), "cmd"),
		why: "log through the slog.Logger that you were given"},
}

// forbiddenImports are packages that nobody may import, with what to do instead.
var forbiddenImports = map[string]string{
	"math/rand":    "crypto/rand, or a seeded source in package sim",
	"math/rand/v2": "crypto/rand, or a seeded source in package sim",
	"io/ioutil":    "io and os",
}

// mayImport are the exceptions from forbiddenImports.
var mayImport = map[string][]string{
	"math/rand": in("sim"), "math/rand/v2": in("sim", "tools/kill"),
}

// mayPanic are the rooms whose pure code may panic on a broken invariant.
var mayPanic = append(knowledge, "internal/sim", "internal/tools")

func TestCalls(t *testing.T) {
	over := map[string]string{}
	for _, p := range load(t) {
		for _, name := range p.allFiles {
			checkCalls(p, name, parse(t, name), over)
		}
	}
	judge(t, over, "call", "import")
}

// checkCalls notes the forbidden calls and imports of a file as "call PACKAGE/FILE what" and "import PACKAGE/FILE what".
func checkCalls(p *pkg, name string, f parsedFile, over map[string]string) {
	id := p.ImportPath + "/" + path.Base(name)
	test := strings.HasSuffix(name, "_test.go") || strings.HasSuffix(p.ImportPath, "test")
	names := importNames(f.file)
	ast.Inspect(f.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if fn, ok := n.Fun.(*ast.Ident); ok && fn.Name == "panic" && !test && !under(p.ImportPath, mayPanic...) {
				over["call "+id+" panic"] = fmt.Sprintf("line %d: return an error", f.set.Position(n.Pos()).Line)
			}
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok {
				break
			}
			if why := forbidden(p, names[x.Name], n.Sel.Name, test); why != "" {
				over["call "+id+" "+names[x.Name]+"."+n.Sel.Name] = fmt.Sprintf("line %d: %s", f.set.Position(n.Pos()).Line, why)
			}
		}
		return true
	})
	for _, imported := range names {
		if instead, bad := forbiddenImports[imported]; bad && !test && !under(p.ImportPath, mayImport[imported]...) {
			over["import "+id+" "+imported] = "use " + instead
		}
	}
}

// forbidden says why a package must not use a name of an import, "" when it may.
func forbidden(p *pkg, imported, name string, test bool) string {
	for _, rule := range callRules {
		if rule.pkg == imported && slices.Contains(rule.names, name) && (!test || rule.tests) && !under(p.ImportPath, rule.in...) {
			return rule.why
		}
	}
	return ""
}

// importNames maps the names under which a file knows packages to their paths.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, i := range f.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(imported)
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = imported
	}
	return names
}

func TestPackageNames(t *testing.T) {
	unwanted := []string{"util", "utils", "common", "helper", "helpers", "types", "core", "manager", "base", "misc", "shared",
		"interfaces"}
	for _, p := range load(t) {
		if slices.Contains(unwanted, path.Base(p.ImportPath)) {
			t.Errorf("%s: a package is named after what it provides", p.ImportPath)
		}
	}
}

func TestNoInitAndNoReplace(t *testing.T) {
	for _, p := range load(t) {
		for _, name := range p.productionFiles {
			for _, d := range parse(t, name).file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
					t.Errorf("%s has an init function: register explicitly, in server.New", name)
				}
			}
		}
	}
	data, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`(?m)^\s*replace\b`).Match(data) {
		t.Error("go.mod has a replace: others could not build this module")
	}
}

// ownerLine is a row of the table in docs/dependencies.md: module, owners, reason.
var ownerLine = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\|")

// TestDependencies checks that every library has its owners and its reason in docs/dependencies.md, that nobody else
// imports it, and that the document lists no library that is gone.
func TestDependencies(t *testing.T) {
	data, err := os.ReadFile("../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	owners, used := map[string][]string{}, map[string]bool{}
	for _, m := range ownerLine.FindAllStringSubmatch(string(data), -1) {
		for owner := range strings.SplitSeq(m[2], ",") {
			owners[m[1]] = append(owners[m[1]], strings.Trim(strings.TrimSpace(owner), "`"))
		}
		if strings.TrimSpace(m[3]) == "" {
			t.Errorf("docs/dependencies.md gives no reason for %s", m[1])
		}
	}
	library := func(imported string) string {
		best := ""
		for l := range owners {
			if under(imported, l) && len(l) > len(best) {
				best = l
			}
		}
		return best
	}
	for _, p := range load(t) {
		isTest := strings.HasSuffix(p.ImportPath, "test")
		for i, imports := range [][]string{p.Imports, p.TestImports, p.XTestImports} {
			for _, imported := range imports {
				if !thirdParty(imported) {
					continue
				}
				l := library(imported)
				if l == "" {
					t.Errorf("%s imports %s, which docs/dependencies.md does not list", p.ImportPath, imported)
					continue
				}
				used[l] = true
				test := (i > 0 || isTest) && slices.Contains(owners[l], "tests")
				if !test && !under(strings.TrimPrefix(p.ImportPath, "internal/"), owners[l]...) {
					t.Errorf("%s imports %s, which belongs to %s", p.ImportPath, imported, strings.Join(owners[l], ", "))
				}
			}
		}
	}
	for l := range owners {
		if !used[l] {
			t.Errorf("docs/dependencies.md lists %s, which nothing imports", l)
		}
	}
}
