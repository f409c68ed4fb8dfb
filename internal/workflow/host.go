package workflow

import (
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// The ways to get an agent onto a host (workflows, section 9.4).
const (
	methodNone       = "none"
	methodRemote     = "remote"
	methodInitScript = "init_script"
	methodProvided   = "provided"
	methodPlugin     = "plugin"
)

// installMethod says how the agent gets onto a host: the property install_agent wins over agent_config.install_method.
func installMethod(n *model.Node) string {
	switch v := n.Properties["install_agent"].(type) {
	case bool:
		if v {
			return methodRemote
		}
		return methodNone
	case string:
		if strings.EqualFold(v, "true") {
			return methodRemote
		}
		if strings.EqualFold(v, "false") {
			return methodNone
		}
	}
	config, _ := asDocument(n.Properties["agent_config"])
	if method, ok := config["install_method"].(string); ok && method != "" {
		return method
	}
	return methodNone
}

// hostStart appends what makes a started machine a host: its agent and the agent's monitoring (workflows, section 9.4).
func (b *builder) hostStart(seq *sequence, i *model.NodeInstance) {
	n := b.view.node(i)
	if !n.IsHost() {
		return
	}
	if op := b.op(i, hostInterface+"get_state"); op != nil {
		if !b.dryRun {
			op.Parameters.OnSuccess = &model.Handler{Kind: onHostState}
		}
		seq.add(op)
	}
	switch method := installMethod(n); {
	case method == methodNone:
	case b.implements(i, workerInstaller+"install"):
		seq.each(b.event(i, "Installing agent"), b.op(i, workerInstaller+"install"), b.event(i, "Agent installed"),
			b.event(i, "Starting agent"), b.op(i, workerInstaller+"start"), b.event(i, "Agent started"))
	default:
		seq.each(b.event(i, "Creating agent"), b.op(i, cloudifyAgent+"create"), b.event(i, "Agent created"))
		if method == methodPlugin || method == methodInitScript {
			seq.each(b.event(i, "Waiting for agent to start"), b.op(i, cloudifyAgent+"start"), b.event(i, "Agent started"))
		}
	}
	seq.each(b.op(i, monitoringAgent+"install"), b.op(i, monitoringAgent+"start"))
}

// hostStop appends what undoes hostStart (workflows, section 9.5).
func (b *builder) hostStop(seq *sequence, i *model.NodeInstance) {
	n := b.view.node(i)
	if !n.IsHost() {
		return
	}
	seq.each(b.op(i, monitoringAgent+"stop"), b.op(i, monitoringAgent+"uninstall"))
	method := installMethod(n)
	if method == methodNone {
		return
	}
	seq.add(b.event(i, "Stopping agent"))
	switch {
	case method == methodInitScript || method == methodProvided || method == methodPlugin:
		seq.each(b.op(i, cloudifyAgent+"stop_amqp"), b.event(i, "Deleting agent"), b.op(i, cloudifyAgent+"delete"))
	case b.implements(i, workerInstaller+"stop"):
		seq.each(b.op(i, workerInstaller+"stop"), b.event(i, "Deleting agent"), b.op(i, workerInstaller+"uninstall"))
	default:
		seq.each(b.op(i, cloudifyAgent+"stop"), b.event(i, "Deleting agent"), b.op(i, cloudifyAgent+"delete"))
	}
	seq.add(b.event(i, "Agent deleted"))
}
