package server

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/config"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/plugin"
	"github.com/reifyhq/reify/internal/pyhost"
	"github.com/reifyhq/reify/internal/pyworkflow"
	"github.com/reifyhq/reify/internal/workflow"
)

// PythonBase is where a manager of the configuration has the environment that Python plugins build on.
func PythonBase(c config.Config) pyhost.Base {
	dir := c.Python.Base
	advice := "reify python setup --python.base " + dir
	if dir == "" {
		dir = filepath.Join(c.DataDir, "python")
		advice = "reify python setup --data_dir " + c.DataDir
	}
	return pyhost.Base{
		Dir: dir, Python: c.Python.Program, Wheelhouse: c.Python.Wheelhouse, Clock: clock.Real{}, Advice: advice,
	}
}

// pluginHost makes what runs Python plugins beside the manager; they reach the manager straight through its handler.
func (m *manager) pluginHost(handler http.Handler) *pyhost.Host {
	work := m.dir.path("executor")
	c := m.Config
	c.DataDir = m.dir.root
	return pyhost.New(pyhost.Options{
		Name: m.dir.id, WorkDir: work, CtxDir: filepath.Join(work, "bin"), Base: PythonBase(c), SetupOnUse: c.Python.SetupOnUse, Cold: !c.Python.Warm,
		Newer: func(a, b string) bool { return plugin.CompareText(a, b) > 0 },
		Clock: m.clock, Upstream: &url.URL{Scheme: "http", Host: "manager.invalid"}, Transport: inProcess{handler}, Log: m.Log,
	})
}

// workflowRunner makes what runs custom workflows; reach is how they reach the manager.
func (m *manager) workflowRunner(reach func(*operation.Message) agent.Manager) *pyworkflow.Runner {
	return pyworkflow.New(pyworkflow.Options{
		Host: m.plugins, Clock: m.clock, Log: m.Log, Name: m.dir.id, Env: os.Environ(),
		Files: func(t model.TenantName, token string) pyhost.Files {
			return reach(&operation.Message{Context: operation.Context{Tenant: operation.Tenant{Name: t}, ExecutionToken: token}})
		},
	})
}

// customWorkflow is the engine's way to custom workflows, which are made after it.
func (m *manager) customWorkflow(ctx context.Context, job engine.CustomJob) (workflow.End, error) {
	return m.workflows.Run(ctx, job)
}
