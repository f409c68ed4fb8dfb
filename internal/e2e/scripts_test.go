package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestCfy runs the scripts of the original's command line, unmodified.
func TestCfy(t *testing.T) {
	t.Parallel()
	runScripts(t, "cfy", filepath.Join(originals(t).Dir, "bin"))
}

// TestCommandLine runs the scripts of our own command line.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	runScripts(t, "reify", filepath.Dir(program))
}

// runScripts runs the scripts in a directory of testdata/clients, each against a manager of its own and with a home
// directory of its own; programs are looked for in bin first. Beside the commands of testscript they know fails, which
// wants the exit code 1, and remember, which keeps a part of the last output in a variable.
func runScripts(t *testing.T, dir, bin string) {
	t.Helper()
	scripts, err := filepath.Glob(filepath.Join("testdata", "clients", dir, "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("find the scripts: %v %v", scripts, err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			t.Parallel()
			m := newManager(t)
			host, port := m.at()
			testscript.Run(t, testscript.Params{
				Files: []string{script},
				Setup: func(e *testscript.Env) error {
					for key, value := range map[string]string{
						"HOME": e.WorkDir, "PATH": bin + string(os.PathListSeparator) + os.Getenv("PATH"),
						// The library under the original's command line wants a locale that can write any text.
						"LC_ALL": "C.UTF-8",
						"HOST":   host, "PORT": port, "URL": m.url, "PASSWORD": m.password(), "BLUEPRINT": application(t),
					} {
						e.Setenv(key, value)
					}
					return nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"fails": fails, "remember": remember},
			})
		})
	}
}

// fails runs a program that must end with the exit code 1: fails PROGRAM ARGS...
func fails(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		ts.Fatalf("%v: %v, want the exit code 1", args, err)
	}
}

// remember keeps what the group of a pattern matches in the last standard output: remember VARIABLE PATTERN.
func remember(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("nothing matches %s in\n%s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], found[1])
}
