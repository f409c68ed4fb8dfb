package server

import (
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/config"
	"github.com/reifyhq/reify/internal/pyhost"
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
		WorkDir: work, CtxDir: filepath.Join(work, "bin"), Base: PythonBase(c), SetupOnUse: c.Python.SetupOnUse, Cold: !c.Python.Warm,
		Clock: m.clock, Upstream: &url.URL{Scheme: "http", Host: "manager.invalid"}, Transport: inProcess{handler}, Log: m.Log,
	})
}
