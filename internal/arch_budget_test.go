package internal

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The budgets. Test files may be twice as long as the code they test.
const (
	maxFileLines      = 600
	maxFunctionLines  = 80
	maxPackageFiles   = 25
	maxPackageLines   = 5000
	maxInterfaceSize  = 7
	maxTestFileFactor = 2
)

// allowListFile lists the exceptions from the rules of this package's tests.
const allowListFile = "arch_allow.txt"

// seams are the packages whose interfaces may be wide.
var seams = in("store", "bus", "blob", "clock")

func TestBudgets(t *testing.T) {
	over := map[string]string{}
	for _, p := range load(t) {
		lines := 0
		for _, name := range p.productionFiles {
			lines += checkFile(t, p, name, maxFileLines, over)
		}
		for _, name := range p.testFiles {
			checkFile(t, p, name, maxFileLines*maxTestFileFactor, over)
		}
		if n := len(p.productionFiles); n > maxPackageFiles {
			over["files "+p.ImportPath] = fmt.Sprintf("%d files, the budget is %d", n, maxPackageFiles)
		}
		if lines > maxPackageLines {
			over["package "+p.ImportPath] = fmt.Sprintf("%d lines, the budget is %d", lines, maxPackageLines)
		}
	}
	judge(t, over, "file", "files", "package", "function", "interface")
}

// judge reports what is over and not on the allow-list, and what is on the list and no longer over. Both begin with one
// of the kinds.
func judge(t *testing.T, over map[string]string, kinds ...string) {
	t.Helper()
	allowed := allowList(t)
	for _, what := range slices.Sorted(maps.Keys(over)) {
		if !slices.Contains(allowed, what) {
			t.Errorf("%s: %s", what, over[what])
		}
	}
	for _, what := range allowed {
		kind, _, _ := strings.Cut(what, " ")
		if _, needed := over[what]; !needed && slices.Contains(kinds, kind) {
			t.Errorf("%s: %q keeps the rules now; remove the line, the list may only shrink", allowListFile, what)
		}
	}
}

// allowList reads the exceptions: one per line, # begins a comment.
func allowList(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(allowListFile)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// checkFile notes what is over its budget in a file and returns the number of its lines.
func checkFile(t *testing.T, p *pkg, name string, budget int, over map[string]string) int {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Count(data, []byte("\n"))
	id := p.ImportPath + "/" + filepath.Base(name)
	if ast.IsGenerated(parse(t, name).file) {
		return 0
	}
	if lines > budget {
		over["file "+id] = fmt.Sprintf("%d lines, the budget is %d", lines, budget)
	}
	if strings.HasSuffix(name, "_test.go") {
		return lines
	}
	parsed := parse(t, name)
	ast.Inspect(parsed.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			size := parsed.set.Position(n.End()).Line - parsed.set.Position(n.Pos()).Line + 1
			if size > maxFunctionLines && !isTable(parsed.set, n) {
				over["function "+id+" "+n.Name.Name] = fmt.Sprintf("%d lines, the budget is %d", size, maxFunctionLines)
			}
		case *ast.TypeSpec:
			i, ok := n.Type.(*ast.InterfaceType)
			if ok && i.Methods.NumFields() > maxInterfaceSize && !slices.Contains(seams, p.ImportPath) {
				over["interface "+id+" "+n.Name.Name] = fmt.Sprintf("%d methods, the budget is %d", i.Methods.NumFields(),
					maxInterfaceSize)
			}
		}
		return true
	})
	return lines
}

// isTable reports whether nearly all of a function is one composite literal: data, not logic.
func isTable(set *token.FileSet, f *ast.FuncDecl) bool {
	size := func(n ast.Node) int { return set.Position(n.End()).Line - set.Position(n.Pos()).Line + 1 }
	table := 0
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CompositeLit); ok {
			table = max(table, size(c))
			return false
		}
		return true
	})
	return size(f)-table <= 25
}

type parsedFile struct {
	set  *token.FileSet
	file *ast.File
}

var parsedFiles = map[string]parsedFile{}

// parse parses a file with its comments, once. The tests of this package are not parallel.
func parse(t *testing.T, name string) parsedFile {
	t.Helper()
	if p, ok := parsedFiles[name]; ok {
		return p
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	parsedFiles[name] = parsedFile{set, file}
	return parsedFiles[name]
}

// TestPackageComments checks that every package says once what it is for.
func TestPackageComments(t *testing.T) {
	for _, p := range load(t) {
		var with []string
		for _, name := range p.productionFiles {
			if doc := parse(t, name).file.Doc; doc != nil && strings.TrimSpace(doc.Text()) != "" {
				with = append(with, filepath.Base(name))
			}
		}
		if len(with) != 1 && len(p.productionFiles) > 0 {
			t.Errorf("%s has %d package comments %v, want one: what it is for, what it never does, its invariants",
				p.ImportPath, len(with), with)
		}
	}
}
