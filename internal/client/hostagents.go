package client

import (
	"context"
	"net/http"

	"github.com/reifyhq/reify/internal/model"
)

// AgentScriptParams describe an agent that is to be installed on a host.
type AgentScriptParams struct {
	Instance model.InstanceID `json:"node_instance_id"`
	// IP is the address of the host and URL that of the manager as the host knows it; empty ones are found out.
	IP         string            `json:"ip,omitempty"`
	URL        string            `json:"manager_url,omitempty"`
	Dir        string            `json:"agent_dir,omitempty"`
	User       string            `json:"user,omitempty"`
	LogLevel   string            `json:"log_level,omitempty"`
	Kind       string            `json:"process_management,omitempty"`
	MaxWorkers int               `json:"max_workers,omitempty"`
	Env        map[string]string `json:"env,omitempty"`
}

// AgentScript is what installs an agent when a host runs it with bash. It holds the agent's secret.
type AgentScript struct {
	Name    string `json:"name"`
	Queue   string `json:"queue"`
	Script  string `json:"script"`
	Dir     string `json:"agent_dir"`
	Manager string `json:"manager_url"`
	Version string `json:"version"`
}

// MakeAgentScript makes the account of an agent and returns the script that installs it.
func (c *Client) MakeAgentScript(ctx context.Context, name string, p AgentScriptParams) (AgentScript, error) {
	return c.agentScript(ctx, name, p)
}

// AgentScriptWith is MakeAgentScript with the fields of the request as they are.
func (c *Client) AgentScriptWith(ctx context.Context, name string, fields model.Document) (AgentScript, error) {
	return c.agentScript(ctx, name, fields)
}

func (c *Client) agentScript(ctx context.Context, name string, body any) (AgentScript, error) {
	return send[AgentScript](ctx, c, request{method: http.MethodPost, path: path("agents", name, "install-script"), json: body})
}

// RevokeAgent ends the account of an agent and with it its connection.
func (c *Client) RevokeAgent(ctx context.Context, name string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: path("agents", name, "account")}, nil)
}

// PutAgent stores the record of an agent; one that exists stays as it is.
func (c *Client) PutAgent(ctx context.Context, name string, record model.Document) error {
	return c.call(ctx, request{method: http.MethodPut, path: path("agents", name), json: record}, nil)
}

// PatchAgent changes the state, the system or the version in the record of an agent.
func (c *Client) PatchAgent(ctx context.Context, name string, fields model.Document) error {
	return c.call(ctx, request{method: http.MethodPatch, path: path("agents", name), json: fields}, nil)
}
