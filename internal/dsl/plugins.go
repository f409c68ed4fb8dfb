package dsl

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Executors of plugins and operations.
const (
	centralExecutor = "central_deployment_agent"
	hostExecutor    = "host_agent"
	autoExecutor    = "auto"
)

var pluginKeys = []string{"source", "executor", "install", "install_arguments", "package_name", "package_version", "supported_platform",
	"distribution", "distribution_version", "distribution_release", "properties_description", "properties"}

// pluginGates give the minor version with which a field of plugins came.
var pluginGates = map[string]int{"install_arguments": 1, "package_name": 2, "package_version": 2, "supported_platform": 2,
	"distribution": 2, "distribution_version": 2, "distribution_release": 2, "properties_description": 5, "properties": 5}

var pluginTypes = map[string]leafType{"install": tBool, "package_version": tString | tInt | tFloat, "supported_platform": tString,
	"properties": tDict, "distribution_version": tString | tInt | tFloat}

// parsePlugins reads the plugins, section 8.10.
func (p *parser) parsePlugins() {
	p.plugins = &value.Ordered[*plan.Plugin]{}
	at, pairs := p.dictSection("plugins")
	for _, q := range backwards(pairs) {
		if pl := p.parsePlugin(at.Entry(q), q.Key.Text()); pl != nil {
			p.plugins.Set(pl.Name, pl)
		}
	}
	p.plugins.Reverse()
}

func (p *parser) parsePlugin(at place, name string) *plan.Plugin {
	pl := &plan.Plugin{Name: name, Install: true, Properties: value.NewMap()}
	n := p.dict(at)
	if n != nil {
		p.known(at, pluginKeys...)
		p.pluginFields(at, pl)
	}
	exec := at.Key(n, "executor")
	if n == nil {
		exec = place{Path: at.Path + ".executor"}
	}
	if p.required(exec, "executor") && p.typed(exec, tString) {
		s := exec.Value.Text()
		if s != centralExecutor && s != hostExecutor {
			e := diag.Coded(diag.Logic, 18, fmt.Sprintf("Plugin '%s' has an illegal 'executor' value '%s'; value must be either '%s' or '%s'",
				name, s, centralExecutor, hostExecutor))
			e.Diag = &diag.D{Summary: "Unknown executor", Detail: fmt.Sprintf("The executor %q of plugin %q is neither %s nor %s.", s, name, centralExecutor, hostExecutor),
				Fix: diag.DidYouMean(s, []string{centralExecutor, hostExecutor})}
			p.fail(exec, e)
		}
		pl.Executor = s
	}
	if n != nil && value.Truthy(pl.Install) && pl.Source == nil && pl.PackageName == nil {
		e := diag.Coded(diag.Logic, 50, fmt.Sprintf("Plugin '%s' needs to be installed, but does not declare a source or package_name property", name))
		e.Diag = &diag.D{Summary: "Plugin without a source", Detail: fmt.Sprintf("Plugin %q is to be installed, but neither source nor package_name says from where.", name),
			Fix: "Add package_name, or set install: false."}
		p.fail(at, e)
	}
	return pl
}

func (p *parser) pluginFields(at place, pl *plan.Plugin) {
	into := map[string]*any{"source": &pl.Source, "install": &pl.Install, "install_arguments": &pl.InstallArguments,
		"package_name": &pl.PackageName, "package_version": &pl.PackageVersion, "supported_platform": &pl.SupportedPlatform,
		"distribution": &pl.Distribution, "distribution_version": &pl.DistributionVersion,
		"distribution_release": &pl.DistributionRelease, "properties_description": &pl.PropertiesDescription, "properties": &pl.Properties}
	for _, key := range backwards(pluginKeys) {
		f := at.Key(at.Value, key)
		dst := into[key]
		if dst == nil || f.Value.IsNull() {
			continue
		}
		t, ok := pluginTypes[key]
		if !ok {
			t = tString
		}
		if !p.typed(f, t) {
			continue
		}
		if minor := pluginGates[key]; minor > 0 {
			p.gate(f, key, minor)
		}
		if key == "properties" {
			p.pluginProperties(f)
		}
		*dst = f.Value.Value()
	}
}

func (p *parser) pluginProperties(at place) {
	for _, q := range backwards(at.Value.Pairs) {
		f := at.Entry(q)
		if n := p.dict(f); n != nil {
			p.known(f, "description", "type", "display_label", "value")
		}
	}
}
