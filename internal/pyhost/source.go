package pyhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

// maxSourceFiles bounds the files of a plugin that lies in a blueprint.
const maxSourceFiles = 10_000

// source is the installation of a plugin that a blueprint brings along or names by URL (operations, section 6.6).
func (h *Host) source(base *Installation, c *operation.Context, files Files) installation {
	from := *c.Plugin.Source
	args := installArguments(c)
	return installation{
		dir:  h.sourceDir(c),
		id:   "source-" + string(c.DeploymentID),
		what: c.Plugin.Name + " from " + from,
		failed: func(err error) error {
			var known *operation.Error
			if errors.As(err, &known) {
				return err
			}
			return &operation.Error{Task: operation.Exception("PluginInstallationError", "Failed installing plugin %s from %s: %v",
				c.Plugin.Name, from, err)}
		},
		fill: func(ctx context.Context, interpreter, scratch string) error {
			dir, err := h.fetchSource(ctx, c, files, scratch)
			if err != nil {
				return err
			}
			install := append([]string{"install"}, args...)
			if _, err := os.Stat(filepath.Join(dir, "pyproject.toml")); err != nil {
				// What builds such a package is in the base, so that no registry is needed for it.
				install = append(install, "--no-build-isolation")
			}
			return h.pip(ctx, interpreter, dir, append(install, dir)...)
		},
	}
}

func (h *Host) fetchSource(ctx context.Context, c *operation.Context, files Files, scratch string) (string, error) {
	from := *c.Plugin.Source
	if scheme, _, isURL := strings.Cut(from, "://"); isURL {
		if scheme != "http" && scheme != "https" {
			return "", &operation.Error{Task: operation.NonRecoverable("Invalid schema: %s", scheme)}
		}
		return fetchURL(ctx, from, scratch)
	}
	roots := []string{
		"deployments/" + string(c.Tenant.Name) + "/" + string(c.DeploymentID),
		"blueprints/" + string(c.Tenant.Name) + "/" + string(c.BlueprintID),
	}
	for _, root := range roots {
		body, err := files.Download(ctx, root+"/plugins/"+from+".zip")
		if err == nil {
			defer body.Close()
			return unpack(ctx, scratch, body)
		}
		if !fault.Is(err, fault.NotFound) {
			return "", err
		}
		dir, err := fetchDirectory(ctx, files, root+"/plugins/"+from, filepath.Join(scratch, "content"))
		if dir != "" || !fault.Is(err, fault.NotFound) {
			return dir, err
		}
	}
	return "", &operation.Error{Task: operation.NonRecoverable("plugin %s: there is no directory plugins/%s in blueprint %s",
		c.Plugin.Name, from, c.BlueprintID)}
}

func fetchURL(ctx context.Context, from, scratch string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("download %s: the server answered %s", from, res.Status)
	}
	return unpack(ctx, scratch, res.Body)
}

// fetchDirectory copies a directory of the file server, whose index names the files below it.
func fetchDirectory(ctx context.Context, files Files, path, to string) (string, error) {
	body, err := files.Download(ctx, path+"/")
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil {
		return "", err
	}
	var index map[string]string
	if err := model.DecodeJSON(data, &index); err != nil {
		return "", fmt.Errorf("read the index of %s: %w", path, err)
	}
	if len(index) > maxSourceFiles {
		return "", fmt.Errorf("%s has %d files; at most %d are taken", path, len(index), maxSourceFiles)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return "", err
	}
	defer root.Close()
	names := make([]string, 0, len(index))
	for name := range index {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := fetchFile(ctx, files, path+"/"+name, root, name); err != nil {
			return "", fmt.Errorf("copy %s/%s: %w", path, name, err)
		}
	}
	return to, nil
}

func fetchFile(ctx context.Context, files Files, path string, root *os.Root, name string) error {
	body, err := files.Download(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	return errors.Join(err, f.Close())
}
