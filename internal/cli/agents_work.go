package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// agentWork are the verbs that do something with agents; each is a workflow of a deployment, or reads what it left.
func (a *app) agentWork() []*cobra.Command {
	return []*cobra.Command{a.agentsInstall(), a.agentsValidate(), a.agentsUpgrade(), a.agentsLogs()}
}

// hostFlags choose the hosts of a deployment.
type hostFlags struct {
	deployment       string
	nodes, instances []string
	methods          []string
	follow           followFlags
}

func (f *hostFlags) register(cmd *cobra.Command) *cobra.Command {
	f.follow.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.deployment, "deployment-id", "d", "", "deployment of the hosts (required)")
	flags.StringSliceVar(&f.nodes, "node-id", nil, "only hosts of these nodes")
	flags.StringSliceVar(&f.instances, "node-instance-id", nil, "only these hosts")
	flags.StringSliceVar(&f.methods, "install-method", nil, "only hosts whose agents were installed like this")
	return require(cmd, "deployment-id")
}

func (f *hostFlags) start(ctx context.Context, a *app, c *client.Client, name string, more model.Document) error {
	parameters := model.Document{}
	for key, values := range map[string][]string{"node_ids": f.nodes, "node_instance_ids": f.instances, "install_methods": f.methods} {
		if len(values) > 0 {
			parameters[key] = values
		}
	}
	for key, value := range more {
		parameters[key] = value
	}
	x, err := a.start(ctx, c, client.StartParams{Deployment: model.DeploymentID(f.deployment), Workflow: name, Parameters: parameters}, f.follow)
	if err != nil || !a.json {
		return err
	}
	return a.printJSON(x)
}

func (a *app) agentsInstall() *cobra.Command {
	var f hostFlags
	var stopOld bool
	cmd := verb("install", "Install new agents through the old ones", 0, 0,
		a.call(func(ctx context.Context, c *client.Client, _ []string) error {
			return f.start(ctx, a, c, "install_new_agents", model.Document{"stop_old_agent": stopOld})
		}))
	cmd.Flags().BoolVar(&stopOld, "stop-old-agent", false, "end the old agents when the new ones answer")
	return f.register(cmd)
}

func (a *app) agentsValidate() *cobra.Command {
	var f hostFlags
	return f.register(verb("validate", "Ask agents for a sign of life", 0, 0,
		a.call(func(ctx context.Context, c *client.Client, _ []string) error {
			return f.start(ctx, a, c, "validate_agents", nil)
		})))
}

func (a *app) agentsUpgrade() *cobra.Command {
	var f hostFlags
	var wave int
	cmd := verb("upgrade", "Replace agents by those of this manager, some at a time, and stop at the first that fails", 0, 0,
		a.call(func(ctx context.Context, c *client.Client, _ []string) error {
			if wave < 1 {
				return exit.Usagef("--wave must be 1 or more")
			}
			hosts, err := f.hosts(ctx, c)
			if err != nil {
				return err
			}
			for some := range slices.Chunk(hosts, wave) {
				one := f
				one.nodes, one.instances = nil, some
				if err := one.start(ctx, a, c, "install_new_agents", model.Document{"stop_old_agent": true}); err != nil {
					return err
				}
			}
			a.say("Upgraded %d agents", len(hosts))
			return nil
		}))
	cmd.Flags().IntVar(&wave, "wave", 10, "agents that are replaced at the same time")
	return f.register(cmd)
}

// hosts are the chosen hosts that have an agent.
func (f *hostFlags) hosts(ctx context.Context, c *client.Client) ([]string, error) {
	var found []string
	q := client.InstanceQuery{Deployment: model.DeploymentID(f.deployment)}
	for {
		page, err := c.ListNodeInstances(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			_, hasAgent := i.RuntimeProperties["cloudify_agent"].(map[string]any)
			if !hasAgent || len(f.nodes) > 0 && !slices.Contains(f.nodes, string(i.Node)) ||
				len(f.instances) > 0 && !slices.Contains(f.instances, string(i.ID)) {
				continue
			}
			found = append(found, string(i.ID))
		}
		q.Offset += len(page.Items)
		if len(page.Items) == 0 || q.Offset >= page.Metadata.Pagination.Total {
			return found, nil
		}
	}
}

// agentEvents is how many of the newest events are looked at for those of an agent.
const agentEvents = 1000

func (a *app) agentsLogs() *cobra.Command {
	var deployment string
	cmd := verb("logs AGENT", "Show what the operations of an agent logged last", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			q := client.EventQuery{Deployment: model.DeploymentID(deployment)}
			q.Size, q.Sort = agentEvents, []string{"-reported_timestamp"}
			page, err := c.ListEvents(ctx, q)
			if err != nil {
				return err
			}
			page.Items = slices.DeleteFunc(page.Items, func(e client.Event) bool { return e.AgentName != args[0] })
			slices.Reverse(page.Items)
			page.Metadata.Pagination.Total = len(page.Items)
			return a.printEvents(page)
		}))
	cmd.Flags().StringVarP(&deployment, "deployment-id", "d", "", "deployment of the agent's host (required)")
	return require(cmd, "deployment-id")
}
