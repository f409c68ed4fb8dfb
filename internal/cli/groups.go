package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

func (a *app) deploymentGroupsCommand() *cobra.Command {
	return noun("groups", "Deployments that belong together", []string{"group"},
		a.groupsList(),
		verb("get GROUP_ID", "Show a group of deployments", 1, 1, a.call(a.groupGet)),
		a.groupsPut("create GROUP_ID", "Create a group of deployments"),
		a.groupsPut("update GROUP_ID", "Change a group of deployments"),
		a.groupsExtend(), a.groupsShrink(), a.groupsDelete(), a.labelsCommand(groupLabels{}))
}

// groupLabels are the labels of a group of deployments.
type groupLabels struct{}

func (groupLabels) name() string { return "group" }

func (groupLabels) get(ctx context.Context, c *client.Client, id string) ([]client.Label, error) {
	g, err := c.GetDeploymentGroup(ctx, id)
	return g.Labels, err
}

func (groupLabels) set(ctx context.Context, c *client.Client, id string, l []client.Label) ([]client.Label, error) {
	labels := make([]map[string]string, 0, len(l))
	for _, one := range l {
		labels = append(labels, map[string]string{one.Key: one.Value})
	}
	g, err := c.PutDeploymentGroup(ctx, id, client.GroupParams{Labels: labels})
	return g.Labels, err
}

func (a *app) groupsList() *cobra.Command {
	var l listFlags
	cmd := verb("list", "List groups of deployments", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		page, err := c.ListDeploymentGroups(ctx, l.options())
		if err != nil {
			return err
		}
		return printPage(a, "groups", page, []string{"id", "description", "default_blueprint_id", "deployments", "tenant_name", "created_by"},
			func(g client.DeploymentGroup) []any {
				return []any{g.ID, g.Description, g.Blueprint, len(g.Deployments), g.Tenant, g.CreatedBy}
			})
	}))
	l.register(cmd, "created_at", false)
	return cmd
}

func (a *app) groupGet(ctx context.Context, c *client.Client, args []string) error {
	g, err := c.GetDeploymentGroup(ctx, args[0])
	if err != nil {
		return err
	}
	return a.printGroup(g)
}

func (a *app) printGroup(g client.DeploymentGroup) error {
	return a.printOne("Deployment group:", g, "id", g.ID, "description", g.Description, "default_blueprint_id", g.Blueprint,
		"default_inputs", map[string]any(g.Inputs), "deployment_ids", g.Deployments, "visibility", g.Visibility, "tenant_name", g.Tenant,
		"created_by", g.CreatedBy, "created_at", g.CreatedAt)
}

func (a *app) groupsPut(use, short string) *cobra.Command {
	var p client.GroupParams
	var blueprint, visibility string
	var inputs []string
	cmd := verb(use, short, 1, 1, a.call(func(ctx context.Context, c *client.Client, args []string) error {
		given, err := argument.ReadValues(inputs)
		if err != nil {
			return err
		}
		if p.Visibility, err = argument.Visibility(visibility); err != nil {
			return err
		}
		p.Blueprint, p.Inputs = model.BlueprintID(blueprint), given.Document
		g, err := c.PutDeploymentGroup(ctx, args[0], p)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(g)
		}
		a.say("Stored the group %s; it has %d deployments", g.ID, len(g.Deployments))
		return nil
	}))
	f := cmd.Flags()
	f.StringVarP(&blueprint, "default-blueprint", "b", "", "blueprint of new deployments of the group")
	f.StringArrayVarP(&inputs, "inputs", "i", nil, "inputs of new deployments: key=value, a JSON object, or a YAML file; may be repeated")
	f.StringVar(&p.Description, "description", "", "what the group is for")
	f.StringVarP(&visibility, "visibility", "l", "", "who may see it: private, tenant or global")
	return cmd
}

// memberFlags select deployments.
type memberFlags struct {
	deployments []string
	filter      string
	group       string
	rules       listFlags
}

func (m *memberFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&m.deployments, "deployment-id", "d", nil, "deployment; may be repeated")
	f.StringVar(&m.filter, "filter-id", "", "deployments that a stored filter selects")
	f.StringVar(&m.group, "from-group", "", "deployments of another group")
	f.StringArrayVar(&m.rules.labelRules, "labels-rule", nil, "deployments whose labels match, such as env=prod (also -lr)")
	f.StringArrayVar(&m.rules.attrsRules, "attrs-rule", nil, "deployments whose attributes match, such as created_by=admin (also -ar)")
}

func (m *memberFlags) members() (client.Members, error) {
	rules, err := m.rules.rules()
	out := client.Members{Filter: m.filter, Group: m.group, Rules: rules}
	for _, d := range m.deployments {
		out.Deployments = append(out.Deployments, model.DeploymentID(d))
	}
	return out, err
}

func (a *app) groupsExtend() *cobra.Command {
	var m memberFlags
	var count int
	var inputs []string
	cmd := verb("extend GROUP_ID", "Add deployments to a group, or make new ones in it", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			members, err := m.members()
			if err != nil {
				return err
			}
			given, err := argument.ReadValues(inputs)
			if err != nil {
				return err
			}
			if len(inputs) > 0 && count == 0 {
				count = 1
			}
			for range count {
				spec := map[string]model.Document{}
				if len(inputs) > 0 {
					spec["inputs"] = given.Document
				}
				members.New = append(members.New, spec)
			}
			g, err := c.ExtendDeploymentGroup(ctx, args[0], members)
			if err != nil {
				return err
			}
			return a.reportMembers(g)
		}))
	m.register(cmd)
	cmd.Flags().IntVar(&count, "count", 0, "make so many new deployments of the group's blueprint")
	cmd.Flags().StringArrayVarP(&inputs, "inputs", "i", nil, "inputs of the new deployments: key=value, a JSON object, or a YAML file; may be repeated")
	return cmd
}

func (a *app) reportMembers(g client.DeploymentGroup) error {
	if a.json {
		return a.printJSON(g)
	}
	a.say("The group %s has %d deployments", g.ID, len(g.Deployments))
	return nil
}

func (a *app) groupsShrink() *cobra.Command {
	var m memberFlags
	cmd := verb("shrink GROUP_ID", "Remove deployments from a group; they are not deleted", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			members, err := m.members()
			if err != nil {
				return err
			}
			g, err := c.ShrinkDeploymentGroup(ctx, args[0], members)
			if err != nil {
				return err
			}
			return a.reportMembers(g)
		}))
	m.register(cmd)
	return cmd
}

func (a *app) groupsDelete() *cobra.Command {
	var d client.GroupDeletion
	cmd := verb("delete GROUP_ID", "Delete a group, and its deployments when asked to", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			id, err := c.DeleteDeploymentGroup(ctx, args[0], d)
			if err != nil {
				return err
			}
			a.say("Deleted the group %s", args[0])
			if id != "" {
				a.say("Its deployments are deleted by the execution group %s", id)
			}
			return nil
		}))
	f := cmd.Flags()
	f.BoolVar(&d.Deployments, "delete-deployments", false, "also delete the deployments of the group")
	f.BoolVarP(&d.Force, "force", "f", false, "delete deployments that have live node instances")
	f.BoolVar(&d.Logs, "with-logs", false, "also delete the log files of the deployments")
	f.BoolVar(&d.Recursive, "recursive", false, "also delete the deployments inside of them")
	return cmd
}

func (a *app) executionGroupsCommand() *cobra.Command {
	return noun("groups", "Workflows that run on all deployments of a group", []string{"group"},
		a.executionGroupsList(),
		verb("get EXECUTION_GROUP_ID", "Show an execution group", 1, 1, a.call(a.executionGroupGet)),
		a.executionGroupsStart(), a.executionGroupsCancel(), a.executionGroupsResume(),
		verb("set-concurrency EXECUTION_GROUP_ID NUMBER", "Set how many members run at the same time; 0 pauses the group", 2, 2,
			a.call(func(ctx context.Context, c *client.Client, args []string) error {
				n, err := strconv.Atoi(args[1])
				if err != nil || n < 0 {
					return exit.Usagef("%q is not a number of executions", args[1])
				}
				return a.changeGroup(ctx, c, args[0], map[string]any{"concurrency": n})
			})),
		a.executionGroupTarget("success", "terminated"), a.executionGroupTarget("failure", "failed"))
}

func (a *app) executionGroupTarget(name, status string) *cobra.Command {
	return verb(fmt.Sprintf("set-%s-group EXECUTION_GROUP_ID GROUP_ID", name),
		fmt.Sprintf("Collect the deployments of executions that are %s in a group", status), 2, 2,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			return a.changeGroup(ctx, c, args[0], map[string]any{name + "_group_id": args[1]})
		}))
}

func (a *app) changeGroup(ctx context.Context, c *client.Client, id string, fields map[string]any) error {
	g, err := c.ChangeExecutionGroup(ctx, id, fields)
	if err != nil {
		return err
	}
	return a.printExecutionGroup(g)
}

func (a *app) executionGroupsList() *cobra.Command {
	var l listFlags
	cmd := verb("list", "List execution groups", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		page, err := c.ListExecutionGroups(ctx, l.options())
		if err != nil {
			return err
		}
		return printPage(a, "execution groups", page, []string{"id", "workflow_id", "deployment_group_id", "concurrency", "created_at",
			"tenant_name", "created_by"}, func(g client.ExecutionGroup) []any {
			return []any{g.ID, g.Workflow, g.Group, g.Concurrency, g.CreatedAt, g.Tenant, g.CreatedBy}
		})
	}))
	l.register(cmd, "created_at", false)
	return cmd
}

func (a *app) executionGroupGet(ctx context.Context, c *client.Client, args []string) error {
	g, err := c.GetExecutionGroup(ctx, args[0])
	if err != nil {
		return err
	}
	return a.printExecutionGroup(g)
}

func (a *app) printExecutionGroup(g client.ExecutionGroup) error {
	return a.printOne("Execution group:", g, "id", g.ID, "workflow_id", g.Workflow, "deployment_group_id", g.Group, "status", g.Status.Display(),
		"executions", len(g.Members), "concurrency", g.Concurrency, "created_at", g.CreatedAt, "tenant_name", g.Tenant, "created_by", g.CreatedBy)
}

func (a *app) executionGroupsStart() *cobra.Command {
	var p client.ExecutionGroupParams
	var parameters []string
	var noWait bool
	cmd := verb("start WORKFLOW", "Start a workflow on every deployment of a group and wait for it", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			given, err := argument.ReadValues(parameters)
			if err != nil {
				return err
			}
			p.Workflow, p.Defaults = args[0], given.Document
			g, err := c.StartExecutionGroup(ctx, p)
			if err != nil {
				return err
			}
			a.say("Started execution group %s with %d executions", g.ID, len(g.Members))
			if !noWait {
				if g, err = a.awaitGroup(ctx, c, g); err != nil {
					return err
				}
			}
			if a.json {
				if err := a.printJSON(g); err != nil {
					return err
				}
			}
			if g.Status == model.ExecutionFailed {
				return fmt.Errorf("execution group %s failed; see: reify executions list -g %s", g.ID, g.ID)
			}
			a.say("Execution group %s is %s", g.ID, g.Status.Display())
			return nil
		}))
	f := cmd.Flags()
	f.StringVarP(&p.Group, "deployment-group", "g", "", "group of deployments to run on (required)")
	f.StringArrayVarP(&parameters, "parameters", "p", nil, "parameters: key=value, a JSON object, or a YAML file; may be repeated")
	f.BoolVarP(&p.Force, "force", "f", false, "also where other executions run on a deployment")
	f.IntVar(&p.Concurrency, "concurrency", model.DefaultConcurrency, "how many run at the same time; 0 starts none yet")
	f.BoolVar(&noWait, "no-wait", false, "do not wait for the end")
	return require(cmd, "deployment-group")
}

// awaitGroup waits until an execution group has ended.
func (a *app) awaitGroup(ctx context.Context, c *client.Client, g client.ExecutionGroup) (client.ExecutionGroup, error) {
	for g.Status != "" && !g.Status.Ended() {
		timer := a.Clock.NewTimer(time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
			return g, ctx.Err()
		case <-timer.C():
		}
		var err error
		if g, err = c.GetExecutionGroup(ctx, string(g.ID)); err != nil {
			return g, err
		}
	}
	return g, nil
}

func (a *app) executionGroupsCancel() *cobra.Command {
	var force, kill bool
	cmd := verb("cancel EXECUTION_GROUP_ID", "Ask all executions of a group to stop", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			action := client.ActionCancel
			switch {
			case kill:
				action = client.ActionKill
			case force:
				action = client.ActionForceCancel
			}
			return a.actOnGroup(ctx, c, args[0], action)
		}))
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not wait for the operations that run")
	cmd.Flags().BoolVarP(&kill, "kill", "k", false, "kill the operations that run")
	return cmd
}

func (a *app) executionGroupsResume() *cobra.Command {
	var reset bool
	cmd := verb("resume EXECUTION_GROUP_ID", "Continue the executions of a group that failed or were cancelled", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			action := client.ActionResume
			if reset {
				action = client.ActionForceResume
			}
			return a.actOnGroup(ctx, c, args[0], action)
		}))
	cmd.Flags().BoolVar(&reset, "reset-operations", false, "also repeat operations that were under way")
	return cmd
}

func (a *app) actOnGroup(ctx context.Context, c *client.Client, id string, action client.Action) error {
	g, err := c.ActOnExecutionGroup(ctx, id, action)
	if err != nil {
		return err
	}
	return a.printExecutionGroup(g)
}
