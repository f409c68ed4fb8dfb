package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// updateFlags are the options of an update.
type updateFlags struct {
	follow                followFlags
	inputs                []string
	isRuntimeOnly         bool
	deployment, blueprint string
}

func (a *app) deploymentsUpdate() *cobra.Command {
	var f updateFlags
	var p client.UpdateParams
	cmd := verb("update [DEPLOYMENT_ID]", "Bring a deployment to another blueprint or other inputs", 0, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			id := f.deployment
			switch {
			case len(args) > 0 && id != "":
				return usagef("DEPLOYMENT_ID and --deployment-id exclude each other")
			case len(args) > 0:
				id = args[0]
			case id == "":
				return usagef("name the deployment: reify deployments update DEPLOYMENT_ID")
			}
			given, err := readValues(f.inputs)
			if err != nil {
				return err
			}
			p.Inputs, p.Blueprint = given.document, model.BlueprintID(f.blueprint)
			if f.isRuntimeOnly {
				p.RuntimeOnlyEvaluation = &f.isRuntimeOnly
			}
			u, err := c.UpdateDeployment(ctx, model.DeploymentID(id), p)
			if err != nil {
				return err
			}
			if p.Preview {
				return a.printUpdate("Preview of the update", u)
			}
			return a.followUpdate(ctx, c, u, f.follow)
		}))
	f.follow.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.deployment, "deployment-id", "d", "", "deployment to update, when it is not the argument")
	flags.StringVarP(&f.blueprint, "blueprint-id", "b", "", "blueprint to update to (default: the one it has)")
	flags.StringArrayVarP(&f.inputs, "inputs", "i", nil, "inputs to change: key=value, a JSON object, or a YAML file; may be repeated")
	flags.BoolVar(&f.isRuntimeOnly, "runtime-only-evaluation", false, "evaluate all functions when they are used")
	flags.BoolVar(&p.Preview, "preview", false, "show what would change without changing it")
	flags.StringArrayVarP(&p.ReinstallList, "reinstall-list", "r", nil, "node instance to reinstall in any case; may be repeated")
	flags.StringVarP(&p.Workflow, "workflow-id", "w", "", "workflow to run in place of the usual steps")
	flags.BoolVarP(&p.Force, "force", "f", false, "also when other deployments depend on it")
	flags.BoolVar(&p.SkipInstall, "skip-install", false, "do not install what is added")
	flags.BoolVar(&p.SkipUninstall, "skip-uninstall", false, "do not uninstall what is removed")
	flags.BoolVar(&p.SkipReinstall, "skip-reinstall", false, "reinstall only what --reinstall-list names")
	flags.BoolVar(&p.SkipDriftCheck, "skip-drift-check", false, "do not look for configuration drift first")
	flags.BoolVar(&p.SkipHeal, "skip-heal", false, "do not heal instances before they are updated")
	flags.BoolVar(&p.ForceReinstall, "force-reinstall", false, "reinstall what changed in place of updating it")
	flags.BoolVar(&p.IgnoreFailure, "ignore-failure", false, "go on when operations of an uninstall fail")
	return cmd
}

func (a *app) followUpdate(ctx context.Context, c *client.Client, u client.DeploymentUpdate, f followFlags) error {
	if f.noWait {
		if a.json {
			return a.printJSON(u)
		}
		a.say("Started update %s of deployment %s (execution %s)", u.ID, u.Deployment, u.Execution)
		return nil
	}
	a.say("Updating deployment %s (update %s, execution %s)...", u.Deployment, u.ID, u.Execution)
	x, err := a.follow(ctx, c, u.Execution, f)
	if err := a.report(x, err); err != nil {
		return err
	}
	a.say("Updated deployment %s; see reify deployments get-update %s", u.Deployment, u.ID)
	return nil
}

// printUpdate shows an update: its steps in words, then the node instances that come, go and change.
func (a *app) printUpdate(title string, u client.DeploymentUpdate) error {
	if a.json {
		return a.printJSON(u)
	}
	a.say("%s of deployment %s: blueprint %s -> %s", title, u.Deployment, u.OldBlueprint, u.NewBlueprint)
	for _, name := range changedInputs(u) {
		a.say("  input %s: %v -> %v", name, u.OldInputs[name], u.NewInputs[name])
	}
	t := table.New("Steps:", a.style(), "action", "what", "where")
	for _, s := range u.Steps {
		t.Add(s.Action, strings.ReplaceAll(s.EntityType, "_", " "), strings.Join(s.EntityID, "."))
	}
	if err := t.Write(a.Stdout); err != nil {
		return err
	}
	if u.Instances != nil {
		t = table.New("Node instances:", a.style(), "id", "node_id", "change")
		for _, list := range [][]client.UpdateInstance{u.Instances.Removed, u.Instances.Added, u.Instances.Reduced, u.Instances.Extended} {
			for _, i := range list {
				if i.Modification != "" {
					t.Add(i.ID, i.Node, i.Modification)
				}
			}
		}
		if err := t.Write(a.Stdout); err != nil {
			return err
		}
	}
	a.say("The state of update %s is %s", u.ID, u.State)
	return nil
}

func changedInputs(u client.DeploymentUpdate) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(u.NewInputs)) {
		if old, ok := u.OldInputs[name]; !ok || fmt.Sprint(old) != fmt.Sprint(u.NewInputs[name]) {
			out = append(out, name)
		}
	}
	return out
}

func (a *app) deploymentGetUpdate(ctx context.Context, c *client.Client, args []string) error {
	u, err := c.GetDeploymentUpdate(ctx, model.UpdateID(args[0]))
	if err != nil {
		return err
	}
	return a.printUpdate("Update", u)
}

func (a *app) deploymentsHistory() *cobra.Command {
	var l listFlags
	var deployment string
	cmd := verb("history", "List the updates of deployments", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		o := l.options()
		if deployment != "" {
			o.Equal.Set("deployment_id", deployment)
		}
		page, err := c.ListDeploymentUpdates(ctx, o)
		if err != nil {
			return err
		}
		return printPage(a, "updates", page, []string{"id", "deployment_id", "state", "old_blueprint_id", "new_blueprint_id",
			"execution_id", "tenant_name", "created_by", "created_at"}, func(u client.DeploymentUpdate) []any {
			return []any{u.ID, u.Deployment, u.State, u.OldBlueprint, u.NewBlueprint, u.Execution, u.Tenant, u.CreatedBy, u.CreatedAt}
		})
	}))
	l.register(cmd, "created_at", false)
	cmd.Flags().StringVarP(&deployment, "deployment-id", "d", "", "only those of this deployment")
	return cmd
}
