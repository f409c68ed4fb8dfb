// Command agents makes the packages of the agent that managers serve to hosts: of DIRECTORY/ARCH/reify-agent it writes
// DIRECTORY/manylinux-MACHINE-agent.tar.gz.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/reifyhq/reify/internal/service/hostagents"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: agents DIRECTORY")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "agents:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	for arch, machine := range hostagents.Machines() {
		path := filepath.Join(dir, hostagents.PackageName(machine))
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		err = hostagents.WritePackage(f, filepath.Join(dir, arch, "reify-agent"))
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		fmt.Println("agents:", path)
	}
	return nil
}
