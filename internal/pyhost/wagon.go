package pyhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/reifyhq/reify/internal/archive"
)

// wagonFile holds what a wagon says of itself.
const wagonFile = "package.json"

// wagonLimits bound a wagon: few files, but large ones.
var wagonLimits = archive.Limits{Files: 20_000, FileSize: 2 << 30, TotalSize: 8 << 30}

// installWagon installs the package of a wagon from the wheels that it brings (operations, section 6.6).
func (h *Host) installWagon(ctx context.Context, interpreter, scratch string, body io.Reader, args []string) error {
	wagon, err := unpack(ctx, scratch, body)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(wagon, wagonFile))
	if err != nil {
		return fmt.Errorf("the archive is no wagon, it has no %s: %w", wagonFile, err)
	}
	var says struct {
		Name string `json:"package_name"`
	}
	if err := json.Unmarshal(data, &says); err != nil || says.Name == "" {
		return fmt.Errorf("the archive is no wagon, its %s names no package", wagonFile)
	}
	install := append([]string{"install", "--no-index", "--find-links", filepath.Join(wagon, "wheels"), "--pre"}, args...)
	return h.pip(ctx, interpreter, wagon, append(install, "--", says.Name)...)
}

// unpack unpacks an archive into a new directory of scratch and returns the directory in which its content begins.
func unpack(ctx context.Context, scratch string, body io.Reader) (string, error) {
	f, err := os.Create(filepath.Join(scratch, "archive"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.Copy(f, body); err != nil {
		return "", fmt.Errorf("download the archive: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	dir := filepath.Join(scratch, "content")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	_, err = archive.ExtractTo(ctx, f, root, wagonLimits)
	if err = errors.Join(err, root.Close()); err != nil {
		return "", fmt.Errorf("unpack the archive: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) == 1 && entries[0].IsDir() {
		dir = filepath.Join(dir, entries[0].Name())
	}
	return dir, nil
}
