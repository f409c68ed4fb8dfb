package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/script/pytext"
)

// maxInline bounds a resource that is read into memory, in bytes.
const maxInline = 64 << 20

// missingResource says that none of the places had the resource (operations, section 3.4).
type missingResource struct {
	path  string
	tried []string
}

func (e *missingResource) Error() string {
	return fmt.Sprintf("%s (404) : Resource not found: %s", strings.Join(e.tried, ","), e.path)
}

// taskError is the error as the outcome of an operation.
func (e *missingResource) taskError() *model.TaskError {
	return &model.TaskError{
		ExceptionType: string(model.ErrorHTTP), Message: e.Error(), Known: model.ErrorHTTP,
		Args: []any{strings.Join(e.tried, ","), 404}, AppendMessage: true,
	}
}

func (s *session) addResourceCalls(a attributes) {
	a["get_resource"] = attr(function(func(args []any, kwargs map[string]any) (any, error) {
		return s.getResource("get_resource", args, kwargs, false)
	}))
	a["get_resource_and_render"] = attr(function(func(args []any, kwargs map[string]any) (any, error) {
		return s.getResource("get_resource_and_render", args, kwargs, true)
	}))
	a["download_resource"] = attr(function(func(args []any, kwargs map[string]any) (any, error) {
		return s.downloadCall("download_resource", args, kwargs, false)
	}))
	a["download_resource_and_render"] = attr(function(func(args []any, kwargs map[string]any) (any, error) {
		return s.downloadCall("download_resource_and_render", args, kwargs, true)
	}))
}

// open looks for a resource in the deployment's files, in its blueprint's and at the root, in this order.
func (s *session) open(ctx context.Context, resource string) (io.ReadCloser, error) {
	clean := strings.TrimPrefix(path.Clean("/"+resource), "/")
	missing := &missingResource{path: resource}
	try := func(candidate string) (io.ReadCloser, error) {
		missing.tried = append(missing.tried, candidate)
		return s.manager.Download(ctx, candidate)
	}
	if s.c.DeploymentID != "" {
		r, err := try(path.Join("deployments", string(s.c.Tenant.Name), string(s.c.DeploymentID), clean))
		if err == nil || !fault.Is(err, fault.NotFound) {
			return r, downloadError(err, resource)
		}
	}
	if s.c.BlueprintID != "" {
		place, err := s.blueprintPath(ctx, clean)
		if err != nil {
			return nil, err
		}
		r, err := try(place)
		if err == nil || !fault.Is(err, fault.NotFound) {
			return r, downloadError(err, resource)
		}
	}
	r, err := try(clean)
	if err != nil && fault.Is(err, fault.NotFound) {
		return nil, missing
	}
	return r, downloadError(err, resource)
}

func downloadError(err error, resource string) error {
	if err == nil {
		return nil
	}
	return clientError(err, "download %s", resource)
}

// blueprintPath is where a resource of the blueprint is: below its own tenant, and for an imported one (namespace--path)
// below the blueprint that the namespace stands for.
func (s *session) blueprintPath(ctx context.Context, resource string) (string, error) {
	id, tenant := string(s.c.BlueprintID), string(s.c.Tenant.Name)
	var blueprint struct {
		Visibility model.Visibility `json:"visibility"`
		Tenant     string           `json:"tenant_name"`
		Plan       struct {
			Namespaces map[string]string `json:"namespaces_mapping"`
		} `json:"plan"`
	}
	namespace, rest, namespaced := cutLast(resource, "--")
	query := "blueprints/" + url.PathEscape(id)
	if namespaced {
		query += "?_include=plan"
	}
	data, err := s.manager.Get(ctx, query)
	switch {
	case err != nil && !fault.Is(err, fault.NotFound):
		return "", clientError(err, "read blueprint %s", id)
	case err == nil:
		if err := json.Unmarshal(data, &blueprint); err != nil {
			return "", clientError(err, "read blueprint %s", id)
		}
	}
	if blueprint.Visibility == model.VisibilityGlobal && blueprint.Tenant != "" {
		tenant = blueprint.Tenant
	}
	if mapped := blueprint.Plan.Namespaces[namespace]; namespaced && mapped != "" {
		id, resource = mapped, rest
	}
	return path.Join("blueprints", tenant, id, resource), nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func (s *session) readResource(resource string) ([]byte, error) {
	r, err := s.open(s.ctx, resource)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxInline+1))
	if err != nil {
		return nil, clientError(err, "download %s", resource)
	}
	if len(data) > maxInline {
		return nil, nonRecoverable("resource %s is larger than %d bytes; download it to a file", resource, maxInline)
	}
	return data, nil
}

func (s *session) getResource(what string, args []any, kwargs map[string]any, render bool) (any, error) {
	names := []string{"resource_path"}
	if render {
		names = append(names, "template_variables")
	}
	bound, err := bind(what, args, kwargs, names...)
	if err != nil {
		return nil, err
	}
	resource, err := required(what, bound, "resource_path")
	if err != nil {
		return nil, err
	}
	data, err := s.readResource(resource)
	if err == nil && render {
		data, err = s.render(data, bound["template_variables"])
	}
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(data) {
		return map[string]any{reprKey: "b" + pytext.Repr(string(data))}, nil
	}
	return string(data), nil
}

func (s *session) downloadCall(what string, args []any, kwargs map[string]any, render bool) (any, error) {
	names := []string{"resource_path", "target_path"}
	if render {
		names = append(names, "template_variables")
	}
	bound, err := bind(what, args, kwargs, names...)
	if err != nil {
		return nil, err
	}
	resource, err := required(what, bound, "resource_path")
	if err != nil {
		return nil, err
	}
	target := optionalText(bound["target_path"])
	if !render {
		return s.download(s.ctx, resource, target)
	}
	data, err := s.readResource(resource)
	if err == nil {
		data, err = s.render(data, bound["template_variables"])
	}
	if err != nil {
		return nil, err
	}
	return s.store(resource, target, strings.NewReader(string(data)))
}

// download stores a resource in a file and returns its path; an empty target is a new temporary directory.
func (s *session) download(ctx context.Context, resource, target string) (string, error) {
	r, err := s.open(ctx, resource)
	if err != nil {
		return "", err
	}
	defer r.Close()
	return s.store(resource, target, r)
}

func (s *session) store(resource, target string, r io.Reader) (string, error) {
	target, err := s.target(resource, target)
	if err != nil {
		return "", err
	}
	if err := writeFile(target, r, 0o644); err != nil {
		return "", &Exception{"OSError", fmt.Sprintf("store %s: %v", resource, err)}
	}
	s.logf("info", "Downloaded %s to %s", resource, target)
	return target, nil
}

func (s *session) target(resource, target string) (string, error) {
	if target != "" {
		return target, nil
	}
	dir, err := os.MkdirTemp(s.req.TempDir, "")
	if err != nil {
		return "", &Exception{"OSError", err.Error()}
	}
	return filepath.Join(dir, baseName(resource)), nil
}

// baseName is the last component of a path with slashes of either kind.
func baseName(resource string) string {
	name := resource[strings.LastIndexAny(resource, `/\`)+1:]
	if name == "" || name == "." || name == ".." {
		return "resource"
	}
	return name
}

func writeFile(target string, r io.Reader, mode os.FileMode) error {
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
