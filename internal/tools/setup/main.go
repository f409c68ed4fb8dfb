// Command setup installs what building, testing and the examples need on a Debian machine, and says what it does. Run
// again it changes nothing. It never touches what is already there.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// need is a program that must be found, and the Debian package that brings it.
type need struct {
	program, why, pkg string
	// places are globs beside PATH where the program may be.
	places []string
	// optional needs are installed when that is possible and missed without harm.
	optional bool
}

var needs = []need{
	{program: "gcc", why: "the race detector of the tests", pkg: "gcc libc6-dev"},
	{program: "git", why: "the build stamps its commit", pkg: "git"},
	{program: "bash", why: "operations of the examples", pkg: "bash"},
	{program: "python3", why: "operations of the examples", pkg: "python3"},
	{program: "curl", why: "operations of the examples", pkg: "curl"},
	{program: "slapd", why: "the tests of LDAP sign-in", pkg: "slapd", optional: true, places: []string{"/usr/sbin/slapd"}},
	{program: "initdb", why: "the database of examples/three-tier", pkg: "postgresql", optional: true,
		places: []string{"/usr/lib/postgresql/*/bin/initdb"}},
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
	return nil
}

func (n need) found() bool {
	if _, err := exec.LookPath(n.program); err == nil {
		return true
	}
	for _, glob := range n.places {
		if found, err := filepath.Glob(glob); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

// install installs a package with apt-get, as root or through sudo.
func install(n need, updated *bool) error {
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
