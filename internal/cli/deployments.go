package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

func (a *app) deploymentsCommand() *cobra.Command {
	return noun("deployments", "Instances of blueprints", []string{"deployment", "dep"},
		a.deploymentsCreate(), a.deploymentsList(),
		verb("get DEPLOYMENT_ID", "Show a deployment", 1, 1, a.call(a.deploymentGet)),
		a.deploymentsUpdate(),
		verb("get-update UPDATE_ID", "Show an update of a deployment", 1, 1, a.call(a.deploymentGetUpdate)),
		a.deploymentsHistory(),
		a.deploymentsDelete(),
		verb("inputs DEPLOYMENT_ID", "Show the inputs that a deployment was given", 1, 1, a.call(a.deploymentInputs)),
		verb("outputs DEPLOYMENT_ID", "Show the outputs, evaluated now", 1, 1, a.call(a.deploymentOutputs)),
		verb("capabilities DEPLOYMENT_ID", "Show the capabilities, evaluated now", 1, 1, a.call(a.deploymentCapabilities)),
		a.labelsCommand(deploymentLabels{}), a.deploymentGroupsCommand(), a.schedulesCommand())
}

// createFlags are the options of everything that creates a deployment.
type createFlags struct {
	inputs                                    []string
	displayName, siteName, visibility, labels string
	skipPlugins, isRuntimeOnly                bool
}

func (f *createFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.inputs, "inputs", "i", nil, "inputs: key=value, a JSON object, or a YAML file; may be repeated")
	flags.StringVarP(&f.siteName, "site-name", "s", "", "site of the deployment")
	flags.BoolVar(&f.skipPlugins, "skip-plugins-validation", false, "do not ask for the plugins to be on the manager")
	flags.BoolVar(&f.isRuntimeOnly, "runtime-only-evaluation", false, "evaluate all functions when they are used")
}

// create creates a deployment with what the flags say.
func (a *app) create(
	ctx context.Context, c *client.Client, id, blueprint string, f createFlags,
) (client.Deployment, error) {
	if err := argument.CheckID("deployment", id, true); err != nil {
		return client.Deployment{}, err
	}
	given, err := argument.ReadValues(f.inputs)
	if err != nil {
		return client.Deployment{}, err
	}
	p := client.CreateParams{
		Blueprint: model.BlueprintID(blueprint), Inputs: given.Document, DisplayName: f.displayName, SiteName: f.siteName,
		SkipPluginsValidation: f.skipPlugins, RuntimeOnlyEvaluation: f.isRuntimeOnly,
	}
	if p.DisplayName == "" {
		p.DisplayName = id
	}
	if p.Visibility, err = argument.Visibility(f.visibility); err != nil {
		return client.Deployment{}, err
	}
	if p.Labels, err = argument.Labels(f.labels); err != nil {
		return client.Deployment{}, err
	}
	if given.HasAmbiguous() {
		b, err := c.GetBlueprint(ctx, p.Blueprint)
		if err != nil {
			return client.Deployment{}, err
		}
		declared, err := b.Inputs()
		if err != nil {
			return client.Deployment{}, err
		}
		p.Inputs = given.Typed(declared)
	}
	a.say("Creating deployment %s from blueprint %s...", id, blueprint)
	return c.CreateDeployment(ctx, model.DeploymentID(id), p)
}

func (a *app) deploymentsCreate() *cobra.Command {
	var f createFlags
	var blueprint string
	var generateID bool
	cmd := verb("create [DEPLOYMENT_ID]", "Create a deployment", 0, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			id := blueprint
			switch {
			case generateID && len(args) > 0:
				return exit.Usagef("--generate-id and DEPLOYMENT_ID exclude each other")
			case generateID:
				id = newUUID()
			case len(args) > 0:
				id = args[0]
			}
			d, err := a.create(ctx, c, id, blueprint, f)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(d)
			}
			a.say("Deployment created. The deployment's id is %s", d.ID)
			return nil
		}))
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&blueprint, "blueprint-id", "b", "", "blueprint to make it from (required)")
	flags.StringVarP(&f.displayName, "display-name", "n", "", "name for people (default: the id)")
	flags.StringVarP(&f.visibility, "visibility", "l", "tenant", "who may see it: private, tenant or global")
	flags.StringVar(&f.labels, "labels", "", "labels as key:value,key:value")
	flags.BoolVar(&generateID, "generate-id", false, "make up an id")
	return require(cmd, "blueprint-id")
}

func (a *app) deploymentsList() *cobra.Command {
	var l listFlags
	var blueprint, group, dependenciesOf, searchName string
	cmd := verb("list", "List deployments", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		rules, err := l.rules()
		if err != nil {
			return err
		}
		o := l.options()
		o.SearchName = searchName
		for key, v := range map[string]string{
			"blueprint_id": blueprint, "_group_id": group, "_dependencies_of": dependenciesOf,
		} {
			if v != "" {
				o.Equal.Set(key, v)
			}
		}
		page, err := c.ListDeployments(ctx, o, rules...)
		if err != nil {
			return err
		}
		return printPage(a, "deployments", page, []string{"id", "display_name", "blueprint_id", "installation_status",
			"deployment_status", "visibility", "tenant_name", "created_by", "created_at"},
			func(d client.Deployment) []any {
				return []any{d.ID, d.DisplayName, d.Blueprint, d.InstallationStatus, d.Status, d.Visibility, d.Tenant,
					d.CreatedBy, d.CreatedAt}
			})
	}))
	l.register(cmd, "created_at", true)
	cmd.Flags().StringVarP(&blueprint, "blueprint-id", "b", "", "only those of this blueprint")
	cmd.Flags().StringVarP(&group, "group-id", "g", "", "only those of this deployment group")
	cmd.Flags().StringVar(&dependenciesOf, "dependencies-of", "", "only those that this deployment depends on")
	cmd.Flags().StringVar(&searchName, "search-name", "", "only those whose display name contains this text")
	return cmd
}

func (a *app) deploymentGet(ctx context.Context, c *client.Client, args []string) error {
	d, err := c.GetDeployment(ctx, model.DeploymentID(args[0]))
	if err != nil {
		return err
	}
	workflows := make([]string, 0, len(d.Workflows))
	for _, w := range d.Workflows {
		workflows = append(workflows, w.Name)
	}
	slices.Sort(workflows)
	return a.printOne("Deployment:", d, "id", d.ID, "display_name", d.DisplayName, "blueprint_id", d.Blueprint,
		"description", d.Description, "installation_status", d.InstallationStatus, "deployment_status", d.Status,
		"latest_execution", d.LatestExecution, "latest_workflow", d.LatestWorkflow, "latest_status", d.LatestStatus,
		"site_name", d.SiteName, "labels", labelText(d.Labels), "workflows", workflows, "visibility", d.Visibility,
		"tenant_name", d.Tenant, "created_by", d.CreatedBy, "created_at", d.CreatedAt, "updated_at", d.UpdatedAt)
}

func (a *app) deploymentsDelete() *cobra.Command {
	var p client.DeleteParams
	var noWait bool
	cmd := verb("delete DEPLOYMENT_ID", "Delete a deployment", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			if err := a.deleteDeployment(ctx, c, model.DeploymentID(args[0]), p, noWait); err != nil {
				return err
			}
			a.say("Deployment deleted: %s", args[0])
			return nil
		}))
	flags := cmd.Flags()
	flags.BoolVarP(&p.Force, "force", "f", false, "also when instances are alive or other deployments depend on it")
	flags.BoolVarP(&p.DeleteLogs, "with-logs", "l", false, "delete its logs, too")
	flags.BoolVar(&p.Recursive, "recursive", false, "delete the deployments below it, too")
	flags.BoolVar(&noWait, "no-wait", false, "do not wait until it is gone")
	return cmd
}

// deleteDeployment asks for the deletion and waits until the deployment is gone or its deletion failed.
func (a *app) deleteDeployment(
	ctx context.Context, c *client.Client, id model.DeploymentID, p client.DeleteParams, noWait bool,
) error {
	if err := c.DeleteDeployment(ctx, id, p); err != nil || noWait {
		return err
	}
	return a.until(ctx, func() (bool, error) {
		d, err := c.GetDeployment(ctx, id, "id", "latest_execution")
		if client.IsNotFound(err) {
			return true, nil
		}
		if err != nil || d.LatestExecution == "" {
			return false, err
		}
		x, err := c.GetExecution(ctx, d.LatestExecution)
		switch {
		case client.IsNotFound(err):
			return false, nil
		case err != nil:
			return false, err
		case x.Workflow == model.WorkflowDeleteEnvironment && x.Status.Ended() && x.Status != model.ExecutionTerminated:
			return false, &exit.ExecutionError{Execution: x}
		}
		return false, nil
	})
}

func (a *app) deploymentInputs(ctx context.Context, c *client.Client, args []string) error {
	d, err := c.GetDeployment(ctx, model.DeploymentID(args[0]), "inputs")
	if err != nil {
		return err
	}
	return a.printDocument(fmt.Sprintf("Inputs of deployment %s:", args[0]), d.Inputs)
}

func (a *app) deploymentOutputs(ctx context.Context, c *client.Client, args []string) error {
	id := model.DeploymentID(args[0])
	d, err := c.GetDeployment(ctx, id, "outputs")
	if err != nil {
		return err
	}
	values, err := c.Outputs(ctx, id)
	if err != nil {
		return err
	}
	return a.printDescribed(fmt.Sprintf("Outputs of deployment %s:", id), d.Outputs, values)
}

func (a *app) deploymentCapabilities(ctx context.Context, c *client.Client, args []string) error {
	id := model.DeploymentID(args[0])
	d, err := c.GetDeployment(ctx, id, "capabilities")
	if err != nil {
		return err
	}
	values, err := c.Capabilities(ctx, id)
	if err != nil {
		return err
	}
	return a.printDescribed(fmt.Sprintf("Capabilities of deployment %s:", id), d.Capabilities, values)
}

// printDescribed prints values beside the descriptions of their declarations.
func (a *app) printDescribed(title string, declared client.Raw, values model.Document) error {
	var descriptions map[string]struct {
		Description string `json:"description"`
	}
	if len(declared) > 0 {
		if err := model.DecodeJSON(declared, &descriptions); err != nil {
			return fmt.Errorf("declarations in the answer: %w", err)
		}
	}
	if a.json {
		out := make(map[string]any, len(values))
		for name, v := range values {
			out[name] = map[string]any{"value": v, "description": descriptions[name].Description}
		}
		return a.printJSON(out)
	}
	t := table.New(title, a.style(), "name", "value", "description")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		t.Add(name, values[name], descriptions[name].Description)
	}
	return t.Write(a.Stdout)
}

func (a *app) printDocument(title string, d model.Document) error {
	if a.json {
		if d == nil {
			d = model.Document{}
		}
		return a.printJSON(d)
	}
	return table.Document(a.Stdout, title, a.style(), d)
}

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
				return exit.Usagef("DEPLOYMENT_ID and --deployment-id exclude each other")
			case len(args) > 0:
				id = args[0]
			case id == "":
				return exit.Usagef("name the deployment: reify deployments update DEPLOYMENT_ID")
			}
			given, err := argument.ReadValues(f.inputs)
			if err != nil {
				return err
			}
			p.Inputs, p.Blueprint = given.Document, model.BlueprintID(f.blueprint)
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
