package offline

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/plugin"
)

// ValidateWagon is the verb that reads a wagon as a manager would.
func (sh Shell) ValidateWagon() *cobra.Command {
	return sh.Verb("validate WAGON", "Check a wagon on this machine, without a manager", 1, 1, sh.validateWagon)
}

func (sh Shell) validateWagon(ctx context.Context, args []string) error {
	dir, err := os.MkdirTemp("", "reify-plugin-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	list, err := plugin.Open(ctx, args[0], dir, archive.DefaultLimits)
	if errors.Is(err, os.ErrNotExist) {
		return exit.Usagef("there is no %s", args[0])
	}
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	for _, p := range list {
		sh.Say("%s %s is a valid plugin (platform %s, Python %s)", p.PackageName, p.PackageVersion, p.SupportedPlatform,
			strings.Join(p.SupportedPythons, ", "))
	}
	return nil
}

// ZipPlugin packs a wagon with its descriptions and, unless it is empty, its icon into a temporary file, which the caller
// removes, and returns its name.
func ZipPlugin(wagon string, yamls []string, icon string) (name string, err error) {
	tmp, err := os.CreateTemp("", "reify-plugin-*.zip")
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, tmp.Close()); err != nil {
			os.Remove(tmp.Name())
		}
	}()
	w := zip.NewWriter(tmp)
	files := append([]string{wagon}, yamls...)
	names := map[string]bool{}
	for _, file := range append(files, icon) {
		if file == "" {
			continue
		}
		as := filepath.Base(file)
		if file == icon {
			as = plugin.IconName
		}
		if names[as] {
			return "", exit.Usagef("two files are called %s", as)
		}
		names[as] = true
		if err := addFile(w, file, as); err != nil {
			return "", err
		}
	}
	return tmp.Name(), w.Close()
}

func addFile(w *zip.Writer, file, as string) error {
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return exit.Usagef("there is no %s", file)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	// A wagon is compressed already.
	part, err := w.CreateHeader(&zip.FileHeader{Name: as, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = io.Copy(part, f)
	return err
}
