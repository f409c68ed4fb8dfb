// Package python is the small Python side, in two parts: host is what a Python script of a blueprint imports as cloudify on
// a machine that has only python3; dispatch is what starts operations and workflows of plugins on top of the published
// package.
//
// The files are embedded and written to a directory by Write and WriteDispatch; packages script and pyhost start them.
// Those of host talk to the running operation over the loopback interface and need nothing but the standard library of
// Python 3.6 or newer; only rendering templates needs jinja2. The package never runs Python itself.
package python

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed host host/cloudify/__init__.py dispatch
var files embed.FS

// Write puts the files for scripts into dir, which is made when it is missing. Files that are there with the same content
// are left alone, so that programs which run from dir are not disturbed.
func Write(dir string) error { return write("host", dir) }

// WriteDispatch is Write for the files that start operations of plugins.
func WriteDispatch(dir string) error { return write("dispatch", dir) }

func write(part, dir string) error {
	tree, err := fs.Sub(files, part)
	if err != nil {
		return fmt.Errorf("open embedded files: %w", err)
	}
	err = fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(name))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		return replace(target, data)
	})
	if err != nil {
		return fmt.Errorf("write Python files to %s: %w", dir, err)
	}
	return nil
}

// replace writes a file beside its place and moves it there, so that nobody sees half of it.
func replace(target string, data []byte) error {
	if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, data) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(target), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}
