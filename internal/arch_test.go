// Package internal holds no code, only the tests of the house rules: who may import whom (this file), how large things
// may grow (arch_budget_test.go), and which calls and names are not wanted (arch_calls_test.go).
package internal

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/reifyhq/reify"

// pkg is what go list says of a package; import paths of our own packages are shortened to the part below the module.
type pkg struct {
	ImportPath                           string
	Dir                                  string
	Standard                             bool
	GoFiles, TestGoFiles, XTestGoFiles   []string
	Imports, TestImports, XTestImports   []string
	Module                               *struct{ Path string }
	Deps                                 []string
	ours                                 bool
	productionFiles, testFiles, allFiles []string
}

// packages returns all packages of the module. It looks into all directories by itself, because go test does not see what
// go list reads and would answer from its cache although a file was added.
var packages = sync.OnceValues(func() ([]*pkg, error) {
	for _, dir := range []string{".", "../cmd"} {
		err := filepath.WalkDir(dir, func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			return nil, err
		}
	}
	return golist("./...")
})

// golist lists packages in the root of the module. Packages that do not build are listed too: the compiler reports them.
func golist(args ...string) ([]*pkg, error) {
	cmd := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,Dir,Standard,GoFiles,TestGoFiles,XTestGoFiles," +
		"Imports,TestImports,XTestImports,Module,Deps"}, args...)...)
	cmd.Dir = ".."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var list []*pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		p := &pkg{}
		if err := dec.Decode(p); err != nil {
			return nil, err
		}
		p.ImportPath, p.ours = short(p.ImportPath)
		for _, imports := range [][]string{p.Imports, p.TestImports, p.XTestImports} {
			for i := range imports {
				imports[i], _ = short(imports[i])
			}
		}
		p.productionFiles = join(p.Dir, p.GoFiles)
		p.testFiles = append(join(p.Dir, p.TestGoFiles), join(p.Dir, p.XTestGoFiles)...)
		p.allFiles = slices.Concat(p.productionFiles, p.testFiles)
		list = append(list, p)
	}
	return list, nil
}

func short(importPath string) (string, bool) {
	below, ours := strings.CutPrefix(importPath, module+"/")
	return below, ours || importPath == module
}

func join(dir string, names []string) []string {
	files := make([]string, len(names))
	for i, n := range names {
		files[i] = filepath.Join(dir, n)
	}
	return files
}

func load(t *testing.T) []*pkg {
	t.Helper()
	list, err := packages()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	return list
}

// thirdParty reports whether an import path has a domain in its first part.
func thirdParty(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return strings.Contains(first, ".")
}

// under reports whether an import path is one of the roots or lies below one; "std" stands for the standard library and
// "third" for other modules.
func under(importPath string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		switch root {
		case "third":
			return thirdParty(importPath)
		case "std":
			return !thirdParty(importPath) && !strings.HasPrefix(importPath, "internal/") && !strings.HasPrefix(importPath, "cmd/")
		}
		return importPath == root || strings.HasPrefix(importPath, root+"/")
	})
}

func in(rooms ...string) []string {
	for i, r := range rooms {
		if r != "std" && r != "third" {
			rooms[i] = path.Join("internal", r)
		}
	}
	return rooms
}

// The storeys, from the ground up. Tests and developer programs are outside of the house.
var (
	knowledge  = in("dsl", "topology", "workflow", "auth", "recurrence", "model", "fault")
	ground     = in("store", "bus", "blob", "tsdb", "secret", "clock", "config", "obs", "archive", "certs", "vault", "directory", "issuer")
	transports = in("api", "fileserver", "web")
	doors      = in("cli", "server")
)

// importRule says what the packages below "from" must not import. Except are the imports that are right nevertheless.
type importRule struct {
	from, not, except []string
	why               string
}

var importRules = []importRule{
	{from: in("model", "fault"), not: append(in("third"), "internal"), except: nil,
		why: "model and fault are the vocabulary: they import the standard library only"},
	{from: in("clock"), not: append(in("third"), "internal"),
		why: "clock is below everything: it imports the standard library only"},
	{from: knowledge, not: []string{"internal"}, except: knowledge,
		why: "knowledge (storey 2) is pure: it imports knowledge only"},
	{from: knowledge, not: []string{"net", "os", "database/sql", "io/ioutil", "syscall", "math/rand", "log", "log/slog"},
		except: []string{"net/url", "net/netip"},
		why:    "knowledge (storey 2) does no I/O and has no chance in it: the same input gives the same output"},
	{from: ground, not: []string{"internal"}, except: slices.Concat(ground, in("model", "fault")),
		why: "ground (storey 1) knows the vocabulary and nothing of what is built on it"},
	{from: []string{"internal"}, not: in("store/sqlite", "store/postgres", "store/memstore", "store/storetest", "bus/natsbus", "bus/membus",
		"bus/bustest", "blob/fs", "blob/s3", "blob/blobtest"), except: nil,
		why: "implementations of the seams are chosen by the composition root only; depend on the seam"},
	{from: transports, not: in("store", "engine", "dsl", "bus", "blob", "topology", "workflow"),
		why: "transports translate: they call service and nothing below it"},
	{from: in("service"), not: slices.Concat(transports, doors), why: "use cases do not know who calls them"},
	{from: in("engine", "operation", "script", "agent", "pyhost", "plugin"), not: slices.Concat(transports, doors, in("service")),
		why: "the engine and its executors are driven by state and messages, not by use cases"},
	{from: in("agent", "pyhost", "script", "operation", "plugin"), not: in("store", "engine"),
		why: "the agent binary holds no database and no engine"},
	{from: in("client"), not: []string{"internal"}, except: in("model", "fault"),
		why: "the REST client is shared by the command line and the executors; it brings nothing along"},
	{from: in("cli"), not: slices.Concat(knowledge, ground, transports, in("service", "engine", "operation", "script")),
		except: in("model", "fault", "clock", "config", "obs", "archive", "dsl"),
		why:    "the command line talks REST like any client; only its server verb knows the manager"},
	{from: in("inspect", "lsp"), not: slices.Concat(ground, transports, doors, in("client", "service", "engine")),
		except: in("clock", "archive"),
		why:    "tools for blueprints work on the user's machine and know of no manager"},
	{from: []string{"cmd"}, not: slices.Concat(ground, transports, knowledge, in("service", "engine")),
		except: in("clock", "obs", "config", "bus/natsbus", "model"),
		why:    "a main function wires a door or the agent and decides nothing"},
}

// wires lists who may import implementations and everything else: the composition root, tests' own packages and tools.
var wires = in("server", "tools", "sim", "store/sqlite", "store/postgres", "store/memstore", "bus/natsbus", "bus/membus", "blob/fs", "blob/s3",
	"store/storetest", "bus/bustest", "blob/blobtest", "agent/remote")

func TestImports(t *testing.T) {
	for _, p := range load(t) {
		for _, rule := range importRules {
			if !under(p.ImportPath, rule.from...) || rule.from[0] == "internal" && under(p.ImportPath, wires...) {
				continue
			}
			for _, imported := range p.Imports {
				own := under(imported, p.ImportPath) || under(p.ImportPath, imported)
				if under(imported, rule.not...) && !under(imported, rule.except...) && !own {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, rule.why)
				}
			}
		}
	}
}

// TestAgentHoldsNoManager checks what the agent binary is made of; its own test keeps the list of all its packages.
func TestAgentHoldsNoManager(t *testing.T) {
	if _, err := os.Stat("../cmd/reify-agent"); err != nil {
		t.Skip("there is no agent binary yet")
	}
	agent, err := golist("./cmd/reify-agent")
	if err != nil || len(agent) != 1 {
		t.Fatalf("list the agent: %v", err)
	}
	for _, d := range agent[0].Deps {
		d, _ = short(d)
		if under(d, append(in("store", "service", "engine", "api", "server", "dsl"), "modernc.org", "database/sql")...) {
			t.Errorf("the agent binary holds %s: it runs operations on a host and must hold no manager and no database", d)
		}
	}
}
