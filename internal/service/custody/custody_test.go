package custody

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/memstore"
)

var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	admin = &service.Actor{User: &model.User{Name: "admin", IsBootstrap: true}, Tenant: model.DefaultTenant}
)

// history makes a deployment with its creation and n executions that came a minute apart, the last of which runs.
func history(t *testing.T, n int) *Service {
	t.Helper()
	s := New(service.New(service.Options{Store: memstore.New()}))
	resource := func(minutes int) model.Resource {
		return model.Resource{Tenant: model.DefaultTenant, CreatedBy: "admin", Visibility: model.VisibilityTenant,
			CreatedAt: start.Add(time.Duration(minutes) * time.Minute)}
	}
	err := s.Store.Update(t.Context(), func(tx store.Tx) error {
		d := &model.Deployment{Resource: resource(0), ID: "d", CreateExecution: "create"}
		x := &model.Execution{Resource: resource(0), ID: "create", Workflow: model.WorkflowCreateEnvironment, Deployment: "d",
			Status: model.ExecutionTerminated}
		err := errors.Join(tx.InsertDeployment(d), tx.InsertExecution(x))
		for i := 1; i <= n; i++ {
			x := &model.Execution{Resource: resource(i), ID: model.ExecutionID(string(rune('a' + i - 1))), Workflow: "install",
				Deployment: "d", Status: []model.ExecutionStatus{model.ExecutionFailed, model.ExecutionTerminated}[i%2]}
			if i == n {
				x.Status = model.ExecutionStarted
			}
			err = errors.Join(err, tx.InsertExecution(x))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Service) left(t *testing.T) (ids string) {
	t.Helper()
	err := s.Store.View(t.Context(), func(tx store.Reader) error {
		page, err := tx.Executions(store.Query{Scope: store.Scope{Admin: true}, Limit: -1})
		for _, x := range page.Items {
			if x.ID != "create" {
				ids += string(x.ID)
			}
		}
		_, createErr := tx.Execution("create")
		return errors.Join(err, createErr)
	})
	if err != nil {
		t.Error(err)
	}
	return ids
}

// TestDeleteExecutions checks which executions go: never those that run, never the creation of a deployment.
func TestDeleteExecutions(t *testing.T) {
	t.Parallel()
	number := func(n int) *int { return &n }
	failed := []service.Condition{{Field: statusField, Values: []string{"failed"}}}
	for _, c := range []struct {
		name  string
		where []service.Condition
		keep  Retention
		left  string
		n     int
	}{
		{"all", nil, Retention{}, "e", 4},
		{"those before", nil, Retention{Before: start.Add(3 * time.Minute)}, "cde", 2},
		{"all but the newest two", nil, Retention{Keep: number(2)}, "cde", 2},
		{"all but more than there are", nil, Retention{Keep: number(10)}, "abcde", 0},
		{"failed ones", failed, Retention{}, "ace", 2},
	} {
		s := history(t, 5)
		n, err := s.DeleteExecutions(t.Context(), admin, service.Query{Where: c.where}, false, c.keep)
		if left := s.left(t); err != nil || n != c.n || left != c.left {
			t.Errorf("%s: %d deleted, %q left, %v; want %d and %q", c.name, n, left, err, c.n, c.left)
		}
	}
}

func TestDeleteExecutionsRefuses(t *testing.T) {
	t.Parallel()
	number := func(n int) *int { return &n }
	running := []service.Condition{{Field: statusField, Values: []string{"started"}}}
	nobody := &service.Actor{User: &model.User{Name: "eve"}, Tenant: model.DefaultTenant}
	for _, c := range []struct {
		name  string
		actor *service.Actor
		where []service.Condition
		keep  Retention
		code  fault.Code
	}{
		{"both", admin, nil, Retention{Before: start, Keep: number(1)}, fault.BadParameters},
		{"none to keep", admin, nil, Retention{Keep: number(0)}, fault.BadParameters},
		{"running ones", admin, running, Retention{}, fault.BadParameters},
		{"without permission", nobody, nil, Retention{}, fault.Forbidden},
	} {
		s := history(t, 3)
		_, err := s.DeleteExecutions(t.Context(), c.actor, service.Query{Where: c.where}, false, c.keep)
		if left := s.left(t); !fault.Is(err, c.code) || left != "abc" {
			t.Errorf("%s: %v, %q left", c.name, err, left)
		}
	}
}

// TestWithIcon checks that an archive keeps its members, modes and links, and has the icon exactly when there is one.
func TestWithIcon(t *testing.T) {
	t.Parallel()
	var src bytes.Buffer
	z := zip.NewWriter(&src)
	for name, text := range map[string]string{"app/blueprint.yaml": "b", "app/icon.png": "old", "app/sub/icon.png": "other"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	h := &zip.FileHeader{Name: "app/run.sh"}
	h.SetMode(0o755)
	if _, err := z.CreateHeader(h); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, icon := range []string{"new", ""} {
		var out bytes.Buffer
		scratch, err := os.Create(filepath.Join(t.TempDir(), "scratch"))
		if err != nil {
			t.Fatal(err)
		}
		defer scratch.Close()
		if err := withIcon(t.Context(), &packer{out: &out, scratch: scratch}, bytes.NewReader(src.Bytes()), archive.Limits{}, []byte(icon)); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"app/blueprint.yaml": "b", "app/sub/icon.png": "other", "app/run.sh": "x"}
		if icon != "" {
			want["app/icon.png"] = icon
		}
		if got := members(t, &out); !maps.Equal(got, want) {
			t.Errorf("icon %q: the archive holds %v, want %v", icon, got, slices.Sorted(maps.Keys(want)))
		}
	}
}

// members are the files of an archive with their content; "x" is an executable one.
func members(t *testing.T, archive io.Reader) map[string]string {
	t.Helper()
	gz, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if out[h.Name] = string(data); h.Mode&0o100 != 0 {
			out[h.Name] = "x"
		}
	}
}

// TestDeleteManyExecutions deletes more than are looked at together.
func TestDeleteManyExecutions(t *testing.T) {
	t.Parallel()
	const all, keep = 2*perPage + 100, 10
	s := history(t, all)
	n := keep
	deleted, err := s.DeleteExecutions(t.Context(), admin, service.Query{}, false, Retention{Keep: &n})
	if running := 1; err != nil || deleted != all-running-keep {
		t.Errorf("%d deleted, %v; want %d", deleted, err, all-running-keep)
	}
}
