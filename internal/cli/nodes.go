package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

func (a *app) nodesCommand() *cobra.Command {
	return noun("nodes", "Nodes of deployments", []string{"node"}, a.nodesList(), a.nodesGet())
}

func (a *app) nodesList() *cobra.Command {
	var l listFlags
	var deployment string
	var evaluate bool
	cmd := verb("list", "List nodes", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		page, err := c.ListNodes(ctx, client.NodeQuery{
			Deployment: model.DeploymentID(deployment), Evaluate: evaluate, ListOptions: l.options(),
		})
		if err != nil {
			return err
		}
		return printPage(a, "nodes", page, []string{"id", "deployment_id", "host_id", "type", "number_of_instances",
			"relationships", "visibility", "tenant_name"}, func(n client.Node) []any {
			return []any{n.ID, n.Deployment, n.HostID, n.Type, n.Number, relations(n.Relationships), n.Visibility, n.Tenant}
		})
	}))
	l.register(cmd, "deployment_id", false)
	cmd.Flags().StringVarP(&deployment, "deployment-id", "d", "", "only those of this deployment")
	cmd.Flags().BoolVar(&evaluate, "evaluate-functions", false, "show values instead of intrinsic functions")
	return cmd
}

// relations writes relationships in short: contained_in vm, connected_to db.
func relations(list []client.NodeRelationship) []string {
	out := make([]string, 0, len(list))
	for _, r := range list {
		out = append(out, r.Type[strings.LastIndexByte(r.Type, '.')+1:]+" "+string(r.TargetID))
	}
	return out
}

func (a *app) nodesGet() *cobra.Command {
	var deployment string
	var evaluate bool
	cmd := verb("get NODE_ID", "Show a node", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			d, id := model.DeploymentID(deployment), model.NodeID(args[0])
			n, err := c.GetNode(ctx, d, id, evaluate)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(n)
			}
			page, err := c.ListNodeInstances(ctx, client.InstanceQuery{Deployment: d, Node: id})
			if err != nil {
				return err
			}
			instances := make([]string, 0, len(page.Items))
			for _, i := range page.Items {
				instances = append(instances, fmt.Sprintf("%s (%s)", i.ID, i.State))
			}
			operations, err := operationNames(n.Operations)
			if err != nil {
				return err
			}
			if err := a.printOne("Node:", n, "id", n.ID, "deployment_id", n.Deployment, "type", n.Type,
				"type_hierarchy", n.TypeHierarchy, "host_id", n.HostID, "number_of_instances", n.Number,
				"planned_number_of_instances", n.Planned, "min", n.Min, "max", n.Max,
				"relationships", relations(n.Relationships), "operations", operations, "instances", instances); err != nil {
				return err
			}
			return a.printDocument("Properties:", n.Properties)
		}))
	cmd.Flags().StringVarP(&deployment, "deployment-id", "d", "", "deployment of the node (required)")
	cmd.Flags().BoolVar(&evaluate, "evaluate-functions", false, "show values instead of intrinsic functions")
	return require(cmd, "deployment-id")
}

// operationNames returns the full names of the operations that do something.
func operationNames(raw client.Raw) ([]string, error) {
	var operations map[string]struct {
		Operation string `json:"operation"`
	}
	if len(raw) == 0 {
		return nil, nil
	}
	if err := model.DecodeJSON(raw, &operations); err != nil {
		return nil, fmt.Errorf("operations in the answer: %w", err)
	}
	maps.DeleteFunc(operations, func(name string, o struct {
		Operation string `json:"operation"`
	}) bool {
		return o.Operation == "" || !strings.Contains(name, ".")
	})
	return slices.Sorted(maps.Keys(operations)), nil
}
