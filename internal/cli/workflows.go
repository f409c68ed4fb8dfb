package cli

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

func (a *app) workflowsCommand() *cobra.Command {
	return noun("workflows", "Workflows that a deployment offers", []string{"workflow"}, a.workflowsList(), a.workflowsGet())
}

func (a *app) workflowsList() *cobra.Command {
	var deployment string
	var all bool
	cmd := verb("list", "List the workflows of a deployment", 0, 0,
		a.call(func(ctx context.Context, c *client.Client, _ []string) error {
			list, err := a.workflowsOf(ctx, c, deployment)
			if err != nil {
				return err
			}
			if !all {
				list = slices.DeleteFunc(list, func(w client.Workflow) bool { return !w.IsAvailable })
			}
			if a.json {
				return a.printJSON(list)
			}
			t := table.New("Workflows:", a.style(), "name", "is_available", "parameters")
			for _, w := range list {
				t.Add(w.Name, w.IsAvailable, slices.Sorted(maps.Keys(w.Parameters)))
			}
			return t.Write(a.Stdout)
		}))
	cmd.Flags().StringVarP(&deployment, "deployment-id", "d", "", "deployment to ask (required)")
	cmd.Flags().BoolVar(&all, "all", false, "also those that cannot start now")
	return require(cmd, "deployment-id")
}

func (a *app) workflowsOf(ctx context.Context, c *client.Client, deployment string) ([]client.Workflow, error) {
	d, err := c.GetDeployment(ctx, model.DeploymentID(deployment))
	return d.Workflows, err
}

func (a *app) workflowsGet() *cobra.Command {
	var deployment string
	cmd := verb("get WORKFLOW", "Show a workflow and its parameters", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			list, err := a.workflowsOf(ctx, c, deployment)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(list, func(w client.Workflow) bool { return w.Name == args[0] })
			if i < 0 {
				return exit.Hint(exit.Usagef("deployment %s has no workflow %q", deployment, args[0]),
					"reify workflows list -d %s --all lists them.", deployment)
			}
			w := list[i]
			if a.json {
				return a.printJSON(w)
			}
			t := table.New("Parameters of workflow "+w.Name+":", a.style(), "name", "type", "default", "description")
			for _, name := range slices.Sorted(maps.Keys(w.Parameters)) {
				p := w.Parameters[name]
				t.Add(name, p["type"], p["default"], p["description"])
			}
			return t.Write(a.Stdout)
		}))
	cmd.Flags().StringVarP(&deployment, "deployment-id", "d", "", "deployment to ask (required)")
	return require(cmd, "deployment-id")
}
