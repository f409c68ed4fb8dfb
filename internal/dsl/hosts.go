package dsl

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// finishNodes puts the nodes in file order, finds their hosts and collects the
// plugins that they need, section 9.4.
func (p *parser) finishNodes(out *Plan) {
	byName := map[string]*plan.Node{}
	for _, q := range pairsOf(p.root.Get("node_templates")) {
		if nt, ok := p.nodes.Get(q.Key.Text()); ok {
			out.Nodes = append(out.Nodes, nt.plan)
			byName[nt.plan.Name] = nt.plan
		}
	}
	hosts := map[string]string{}
	for _, n := range out.Nodes {
		n.IsHost = hostType(n.TypeHierarchy)
		n.HostID = hostOf(n, byName, hosts, 0)
		p.addPlugins(n, n.Operations)
	}
	for _, n := range out.Nodes {
		for _, r := range n.Relationships {
			p.addPlugins(n, r.SourceOperations)
			if t := byName[r.TargetID]; t != nil {
				p.addPlugins(t, r.TargetOperations)
			}
		}
	}
	hosted := map[string][]*plan.Node{}
	for _, n := range out.Nodes {
		if n.HostID != "" {
			hosted[n.HostID] = append(hosted[n.HostID], n)
		}
	}
	for _, n := range out.Nodes {
		n.DeploymentPluginsToInstall = distinct(nil, n.Plugins, centralExecutor)
		if n.IsHost {
			for _, m := range hosted[n.Name] {
				n.PluginsToInstall = distinct(n.PluginsToInstall, m.Plugins, hostExecutor)
			}
		}
		out.DeploymentPluginsToInstall = distinct(out.DeploymentPluginsToInstall, n.DeploymentPluginsToInstall, centralExecutor)
		out.HostAgentPluginsToInstall = distinct(out.HostAgentPluginsToInstall, n.PluginsToInstall, hostExecutor)
	}
	p.checkHosts(out)
}

const maxContainment = 10000

// hostOf gives the node that hosts a node: itself if it is a host, else the
// host of what it is contained in.
func hostOf(n *plan.Node, all map[string]*plan.Node, known map[string]string, depth int) string {
	if h, ok := known[n.Name]; ok || depth > maxContainment {
		return h
	}
	host := ""
	if n.IsHost || hostType(n.TypeHierarchy) {
		host = n.Name
	} else {
		for _, r := range n.Relationships {
			if t := all[r.TargetID]; t != nil && contains(r.TypeHierarchy, relContainedIn) {
				known[n.Name] = ""
				host = hostOf(t, all, known, depth+1)
				break
			}
		}
	}
	known[n.Name] = host
	return host
}

// addPlugins adds the plugins of operations, each once per executor.
func (p *parser) addPlugins(n *plan.Node, ops *value.Ordered[*plan.Operation]) {
	for _, op := range ops.All() {
		if op.Plugin == "" {
			continue
		}
		found := false
		for _, have := range n.Plugins {
			if have.Name == op.Plugin && have.Executor == op.Executor {
				found = true
				break
			}
		}
		if found {
			continue
		}
		if pl := p.pluginOf(op); pl != nil {
			n.Plugins = append(n.Plugins, pl)
		}
	}
}

// distinct adds the plugins with an executor that the list does not name yet.
func distinct(have, more []*plan.Plugin, executor string) []*plan.Plugin {
	for _, pl := range more {
		if pl.Executor != executor {
			continue
		}
		found := false
		for _, h := range have {
			if h.Name == pl.Name {
				found = true
				break
			}
		}
		if !found {
			have = append(have, pl)
		}
	}
	return have
}

// checkHosts refuses plugins for host agents on nodes without a host.
func (p *parser) checkHosts(out *Plan) {
	at := p.section("node_templates")
	for _, n := range out.Nodes {
		if n.HostID != "" {
			continue
		}
		for _, pl := range n.Plugins {
			if pl.Executor != hostExecutor {
				continue
			}
			e := diag.Coded(diag.Logic, 24, fmt.Sprintf("node '%s' has no relationship which makes it contained within a host and it has a plugin '%s' with '%s' as an executor. "+
				"These types of plugins must be installed on a host", n.Name, pl.Name, hostExecutor))
			e.Diag = &diag.D{Summary: "Plugin needs a host",
				Detail: fmt.Sprintf("Node %q uses plugin %q, which runs on a host's agent, but the node is contained in no host.", n.Name, pl.Name),
				Fix:    fmt.Sprintf("Add a relationship derived from %s to a host, or set executor: %s.", relContainedIn, centralExecutor)}
			if nt := p.nodes.At(n.Name); nt != nil && nt.place.At != nil {
				e.Diag.File = nt.place.At.FileName()
				e.Diag.Range.Start = diag.Pos{Line: nt.place.At.Line, Column: nt.place.At.Col + 1}
			}
			p.fail(at, e)
			break
		}
	}
}
