package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/reifyhq/reify/internal/script/ctxcmd"
	"github.com/reifyhq/reify/python"
)

func (a *Agent) ctxDir() string    { return filepath.Join(a.o.WorkDir, "bin") }
func (a *Agent) pythonDir() string { return filepath.Join(a.o.WorkDir, "python") }

// prepare makes the directories of the agent and puts the ctx command and the Python side into them.
func (a *Agent) prepare() error {
	switch {
	case a.o.Bus == nil, a.o.ManagerFor == nil:
		return errors.New("a bus and a manager are needed")
	case a.o.WorkDir == "":
		return errors.New("a work directory is needed")
	}
	if err := a.absolute(); err != nil {
		return err
	}
	for _, dir := range []string{a.o.WorkDir, a.ctxDir(), filepath.Join(a.o.WorkDir, "logs")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(a.o.TempDir, 0o700); err != nil {
		return err
	}
	if err := python.Write(a.pythonDir()); err != nil {
		return err
	}
	return a.linkCtx()
}

// absolute makes the directories independent of the working directory, which scripts may change.
func (a *Agent) absolute() error {
	for _, dir := range []*string{&a.o.WorkDir, &a.o.TempDir} {
		path, err := filepath.Abs(*dir)
		if err != nil {
			return err
		}
		*dir = path
	}
	return nil
}

// linkCtx makes the ctx command a link to the multi-call program.
func (a *Agent) linkCtx() error {
	program := a.o.CtxCommand
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find the running program: %w", err)
		}
		program = self
	}
	link := filepath.Join(a.ctxDir(), ctxcmd.Name)
	if old, err := os.Readlink(link); err == nil && old == program {
		return nil
	}
	fresh := link + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Symlink(program, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, link)
}
