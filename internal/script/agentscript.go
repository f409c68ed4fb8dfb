package script

import (
	"context"
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// AgentScripts is what a Manager offers on which hosts can install agents by themselves.
type AgentScripts interface {
	// AgentScript makes the account of the agent of a host and returns the script that installs it there.
	AgentScript(ctx context.Context, name string, host model.InstanceID, settings model.Document) (string, error)
}

// agentObject is ctx.agent (operations, section 7.3).
func (s *session) agentObject() *object {
	return &object{class: "cloudify.context.CloudifyAgentContext", attributes: attributes{"init_script": attr(function(s.initScript))}}
}

// initScript returns the script that a new machine runs to install its agent, None when the host gets its agent otherwise.
func (s *session) initScript([]any, map[string]any) (any, error) {
	scripts, ok := s.req.Manager.(AgentScripts)
	if !ok || s.c.NodeID == "" {
		return nil, nonRecoverable("ctx.agent works in operations of a host only")
	}
	node, err := s.req.Manager.Node(s.ctx, s.c.DeploymentID, s.c.NodeName, s.c.NodeID)
	if err != nil {
		return nil, clientError(err, "read node %s", s.c.NodeName)
	}
	config, _ := node.Properties["agent_config"].(map[string]any)
	method, _ := config["install_method"].(string)
	if !slices.Contains([]string{"init_script", "plugin", "provided"}, method) {
		return nil, nil
	}
	settings := model.Document{}
	extra, _ := config["extra"].(map[string]any)
	for _, from := range []map[string]any{extra, config} {
		for _, key := range []string{"user", "agent_dir", "max_workers", "log_level", "env", "manager_url"} {
			if v := from[key]; v != nil && v != "" {
				settings[key] = v
			}
		}
	}
	management, _ := config["process_management"].(map[string]any)
	if kind, ok := management["name"].(string); ok {
		settings["process_management"] = kind
	}
	name, _ := config["service_name"].(string)
	if name == "" {
		name = string(s.c.NodeID)
	}
	text, err := scripts.AgentScript(s.ctx, name, s.c.NodeID, settings)
	if err != nil {
		return nil, clientError(err, "make the installation script of agent %s", name)
	}
	return text, nil
}
