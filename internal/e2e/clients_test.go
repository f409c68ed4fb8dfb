package e2e_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/tools/pyenv"
)

// clientPatience bounds making the environment of the original's clients and one run of them.
const clientPatience = 5 * time.Minute

// originals returns the environment of the original's clients. Without a package index the tests that need it fail: that
// these clients work is a promise.
func originals(t *testing.T) pyenv.Env {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	env, err := pyenv.Make(ctx, pyenv.Cfy)
	if err != nil {
		t.Fatalf("make the environment of the original's clients: %v", err)
	}
	return env
}

// application is the blueprint that the clients work with.
func application(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "clients", "app", "blueprint.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// at returns the host and the port of the manager.
func (m *manager) at() (host, port string) {
	m.t.Helper()
	u, err := url.Parse(m.url)
	if err != nil {
		m.t.Fatal(err)
	}
	return u.Hostname(), u.Port()
}

// TestRESTClient drives every resource client of the original's Python REST client; testdata/clients/rest_client.py says
// how.
func TestRESTClient(t *testing.T) {
	t.Parallel()
	env := originals(t)
	m := newManager(t)
	host, port := m.at()
	ctx, cancel := context.WithTimeout(t.Context(), clientPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, env.Program("python"), filepath.Join("testdata", "clients", "rest_client.py"),
		host, port, m.password(), application(t))
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the REST client: %v\n%s", err, out)
	}
}
