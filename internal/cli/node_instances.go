package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// maxConflicts is how often a change of runtime properties is made anew when somebody else was faster.
const maxConflicts = 5

func (a *app) nodeInstancesCommand() *cobra.Command {
	return noun("node-instances", "Runtime copies of nodes", []string{"node-instance", "ni"},
		a.nodeInstancesList(), a.nodeInstancesGet(), a.updateRuntime(), a.deleteRuntime())
}

func (a *app) nodeInstancesList() *cobra.Command {
	var l listFlags
	var deployment, node string
	cmd := verb("list", "List node instances", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		page, err := c.ListNodeInstances(ctx, client.InstanceQuery{
			Deployment: model.DeploymentID(deployment), Node: model.NodeID(node), ListOptions: l.options(),
		})
		if err != nil {
			return err
		}
		return printPage(a, "node instances", page, []string{"id", "deployment_id", "host_id", "node_id", "index", "state",
			"visibility", "tenant_name"}, func(i client.NodeInstance) []any {
			return []any{i.ID, i.Deployment, i.HostID, i.Node, i.Index, i.State, i.Visibility, i.Tenant}
		})
	}))
	l.register(cmd, "node_id", false)
	cmd.Flags().StringVarP(&deployment, "deployment-id", "d", "", "only those of this deployment")
	cmd.Flags().StringVarP(&node, "node-name", "n", "", "only those of this node")
	return cmd
}

func (a *app) nodeInstancesGet() *cobra.Command {
	var evaluate bool
	cmd := verb("get NODE_INSTANCE_ID", "Show a node instance and its runtime properties", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			i, err := c.GetNodeInstance(ctx, model.InstanceID(args[0]), evaluate)
			if err != nil {
				return err
			}
			return a.printInstance(i)
		}))
	cmd.Flags().BoolVar(&evaluate, "evaluate-functions", false, "show values instead of intrinsic functions")
	return cmd
}

func (a *app) printInstance(i client.NodeInstance) error {
	if a.json {
		return a.printJSON(i)
	}
	related := make([]string, 0, len(i.Relationships))
	for _, r := range i.Relationships {
		related = append(related, r.Type[strings.LastIndexByte(r.Type, '.')+1:]+" "+string(r.TargetID))
	}
	groups := make([]string, 0, len(i.ScalingGroups))
	for _, g := range i.ScalingGroups {
		groups = append(groups, g.ID)
	}
	if err := a.printOne("Node instance:", i, "id", i.ID, "deployment_id", i.Deployment, "node_id", i.Node,
		"host_id", i.HostID, "index", i.Index, "state", i.State, "version", i.Version, "relationships", related,
		"scaling_groups", groups, "is_status_check_ok", i.IsStatusOK, "has_configuration_drift", i.HasDrift,
		"visibility", i.Visibility, "tenant_name", i.Tenant); err != nil {
		return err
	}
	return a.printDocument("Runtime properties:", i.RuntimeProperties)
}

func (a *app) updateRuntime() *cobra.Command {
	var properties []string
	cmd := verb("update-runtime NODE_INSTANCE_ID", "Set runtime properties", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			given, err := argument.ReadValues(properties)
			if err != nil {
				return err
			}
			return a.changeRuntime(ctx, c, model.InstanceID(args[0]), func(have model.Document) error {
				for _, key := range slices.Sorted(maps.Keys(given.Document)) {
					setPath(have, key, given.Document[key])
				}
				return nil
			})
		}))
	cmd.Flags().StringArrayVarP(&properties, "properties", "p", nil,
		"properties: a.b=value, a JSON object, or a YAML file; may be repeated (required)")
	return require(cmd, "properties")
}

func (a *app) deleteRuntime() *cobra.Command {
	var properties []string
	cmd := verb("delete-runtime NODE_INSTANCE_ID", "Delete runtime properties", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			return a.changeRuntime(ctx, c, model.InstanceID(args[0]), func(have model.Document) error {
				for _, path := range properties {
					if !deletePath(have, path) {
						return exit.Usagef("there is no runtime property %q", path)
					}
				}
				return nil
			})
		}))
	cmd.Flags().StringArrayVarP(&properties, "properties", "p", nil, "path such as a.b; may be repeated (required)")
	return require(cmd, "properties")
}

// changeRuntime reads, changes and writes the runtime properties; when they changed in between it starts over.
func (a *app) changeRuntime(
	ctx context.Context, c *client.Client, id model.InstanceID, change func(model.Document) error,
) error {
	for attempt := 1; ; attempt++ {
		i, err := c.GetNodeInstance(ctx, id, false)
		if err != nil {
			return err
		}
		properties := i.RuntimeProperties
		if properties == nil {
			properties = model.Document{}
		}
		if err := change(properties); err != nil {
			return err
		}
		i, err = c.UpdateNodeInstance(ctx, id, client.InstanceUpdate{Version: i.Version, RuntimeProperties: properties}, false)
		if client.IsConflict(err) && attempt < maxConflicts {
			continue
		}
		if err != nil {
			return err
		}
		return a.printInstance(i)
	}
}

// setPath sets the value at a dotted path and makes the objects on the way.
func setPath(d map[string]any, path string, value any) {
	keys := strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		next, ok := d[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			d[key] = next
		}
		d = next
	}
	d[keys[len(keys)-1]] = value
}

// deletePath deletes what is at a dotted path and reports whether there was something.
func deletePath(d map[string]any, path string) bool {
	keys := strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		next, ok := d[key].(map[string]any)
		if !ok {
			return false
		}
		d = next
	}
	last := keys[len(keys)-1]
	_, ok := d[last]
	delete(d, last)
	return ok
}
