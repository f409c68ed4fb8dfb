package hostagents

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/reifyhq/reify/internal/fault"
)

// machines are the names of processors as uname says them, by their names in Go.
var machines = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

// Machines returns the names of processors for which there are packages, as uname says them, by their names in Go.
func Machines() map[string]string { return maps.Clone(machines) }

// PackageName is the name of the agent's package for Linux on a machine such as x86_64 (operations, section 7.4).
func PackageName(machine string) string { return "manylinux-" + machine + "-agent.tar.gz" }

// Packages finds the packages of agents. The zero value has none.
type Packages struct {
	// Dirs may hold packages; the first that has one wins.
	Dirs []string
	// Program is the agent for the manager's own platform, of which a package is made in Cache when Dirs has none.
	Program, Cache string

	own *ownPackage
}

// ownPackage makes the package of the manager's own platform once.
type ownPackage struct {
	once sync.Once
	path string
	err  error
}

// WithOwn returns the packages ready for use.
func (p Packages) WithOwn() Packages {
	p.own = &ownPackage{}
	return p
}

// Open opens a package by its file name; the caller closes it. One that does not exist is fault.NotFound.
func (p Packages) Open(name string) (*os.File, error) {
	missing := fault.New(fault.NotFound, "Resource not found: packages/agents/%s", name)
	if name != filepath.Base(name) || !strings.HasSuffix(name, "-agent.tar.gz") {
		return nil, missing
	}
	for _, dir := range p.Dirs {
		f, err := os.Open(filepath.Join(dir, name))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	if p.own == nil || p.Program == "" || name != PackageName(machines[runtime.GOARCH]) {
		return nil, missing
	}
	p.own.once.Do(func() { p.own.path, p.own.err = pack(p.Program, filepath.Join(p.Cache, name)) })
	if p.own.err != nil {
		return nil, p.own.err
	}
	return os.Open(p.own.path)
}

// Sums returns the SHA-256 of each package that there is, by machine.
func (p Packages) Sums() (map[string]string, error) {
	sums := map[string]string{}
	for _, machine := range machines {
		f, err := p.Open(PackageName(machine))
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open the agent's package for %s: %w", machine, err)
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("read the agent's package for %s: %w", machine, err)
		}
		sums[machine] = hex.EncodeToString(h.Sum(nil))
	}
	return sums, nil
}

// pack writes the package of a program.
func pack(program, path string) (_ string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("make the agent's package of %s: %w", program, err)
		}
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	out, err := os.CreateTemp(filepath.Dir(path), "package-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name())
	err = WritePackage(out, program)
	if err = errors.Join(err, out.Close()); err != nil {
		return "", err
	}
	return path, os.Rename(out.Name(), path)
}

// WritePackage writes the package of the agent program at a path.
func WritePackage(w io.Writer, program string) error {
	in, err := os.Open(program)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	for _, dir := range []string{"reify-agent/", "reify-agent/bin/"} {
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}); err != nil {
			return err
		}
	}
	if err := t.WriteHeader(&tar.Header{Name: "reify-agent/bin/reify-agent", Mode: 0o755, Size: info.Size()}); err != nil {
		return err
	}
	if _, err := io.Copy(t, in); err != nil {
		return err
	}
	return errors.Join(t.Close(), z.Close())
}
