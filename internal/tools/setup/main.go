// Command setup installs what building, testing and the examples need on a Debian machine, and says what it does. Run
// again it changes nothing. It never touches what is already there.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/tools/pyenv"
)

// need is a program that must be found, and the Debian package that brings it.
type need struct {
	program, why, pkg string
	// places are globs beside PATH where the program may be.
	places []string
	// module is the Go program that "go install" makes, with its version, where there is no package.
	module string
	// optional needs are installed when that is possible and missed without harm.
	optional bool
}

var needs = []need{
	{program: "gcc", why: "the race detector of the tests", pkg: "gcc libc6-dev"},
	{program: "git", why: "the build stamps its commit", pkg: "git"},
	{program: "bash", why: "operations of the examples", pkg: "bash"},
	{program: "python3", why: "operations of the examples", pkg: "python3"},
	{program: "curl", why: "operations of the examples", pkg: "curl"},
	{program: "sshd", why: "the hosts of agents in tests and in examples/ssh-hosts", pkg: "openssh-server",
		places: []string{"/usr/sbin/sshd"}},
	{program: "slapd", why: "the tests of LDAP sign-in", pkg: "slapd", optional: true, places: []string{"/usr/sbin/slapd"}},
	{program: "initdb", why: "the database of examples/three-tier", pkg: "postgresql", optional: true,
		places: []string{"/usr/lib/postgresql/*/bin/initdb"}},
	{program: "wrk", why: "the load of internal/tools/load", pkg: "wrk", optional: true},
	{program: "versitygw", why: "the S3 service of the tests", module: "github.com/versity/versitygw/cmd/versitygw@v1.8.0"},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "setup:", err)
		os.Exit(1)
	}
}

func run() error {
	updated := false
	for _, n := range needs {
		if n.found() {
			fmt.Printf("setup: %s is there (%s)\n", n.program, n.why)
			continue
		}
		err := install(n, &updated)
		if err != nil && n.optional {
			fmt.Printf("setup: going on without %s (%s): %v\n", n.program, n.why, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s is missing (%s): %w", n.program, n.why, err)
		}
	}
	return clients()
}

// clients makes the Python environment of the original's clients, which the tests drive.
func clients() error {
	fmt.Println("setup: making or finding the Python environment of the original's clients (the tests drive them)")
	env, err := pyenv.Make(context.Background(), pyenv.Cfy)
	if errors.Is(err, pyenv.ErrNoPython) {
		updated := false
		if installErr := install(need{pkg: "python3-venv", why: "the original's clients"}, &updated); installErr != nil {
			return errors.Join(err, installErr)
		}
		env, err = pyenv.Make(context.Background(), pyenv.Cfy)
	}
	if err != nil {
		return err
	}
	fmt.Printf("setup: the original's clients are in %s\n", env.Dir)
	return nil
}

func (n need) found() bool {
	if _, err := exec.LookPath(n.program); err == nil {
		return true
	}
	places := n.places
	if n.module != "" {
		places = append(places, filepath.Join(goBin(), n.program))
	}
	for _, glob := range places {
		if found, err := filepath.Glob(glob); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

// goBin is where "go install" puts programs, "" when go does not say.
func goBin() string {
	out, err := exec.Command("go", "env", "GOBIN", "GOPATH").Output()
	if err != nil {
		return ""
	}
	bin, gopath, _ := strings.Cut(strings.TrimRight(string(out), "\n"), "\n")
	if bin == "" {
		bin = filepath.Join(gopath, "bin")
	}
	return bin
}

// install installs a program with go, or a package with apt-get, as root or through sudo.
func install(n need, updated *bool) error {
	if n.module != "" {
		fmt.Printf("setup: building %s for %s; this takes a few minutes once\n", n.module, n.why)
		return command("go", "install", n.module)
	}
	apt := []string{"apt-get"}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("this is not a Debian system; install " + n.pkg + " by hand")
	}
	if os.Geteuid() != 0 {
		if _, err := exec.LookPath("sudo"); err != nil {
			return errors.New("run as root: apt-get install " + n.pkg)
		}
		apt = []string{"sudo", "apt-get"}
	}
	if !*updated {
		fmt.Println("setup: refreshing the package lists")
		if err := command(append(apt, "-qq", "update")...); err != nil {
			return err
		}
		*updated = true
	}
	fmt.Printf("setup: installing %s for %s\n", n.pkg, n.why)
	args := append(apt, "install", "-y", "-qq", "--no-install-recommends")
	return command(append(args, strings.Fields(n.pkg)...)...)
}

func command(args ...string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%v: %w", args, err)
	}
	return nil
}
