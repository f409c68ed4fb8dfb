package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/cli/progress"
	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

func (a *app) installCommand() *cobra.Command {
	var u uploadFlags
	var d createFlags
	var s startFlags
	var deployment, workflow string
	cmd := verb("install PATH", "Upload a blueprint, create a deployment and install it", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			b, err := a.upload(ctx, c, args[0], u)
			if err != nil {
				return err
			}
			id := deployment
			if id == "" {
				id = string(b.ID)
			}
			d.visibility = u.visibility
			if _, err := a.create(ctx, c, id, string(b.ID), d); err != nil {
				return err
			}
			p, err := params(id, workflow, s)
			if err != nil {
				return err
			}
			x, err := a.start(ctx, c, p, s.follow)
			return a.report(x, err)
		}))
	u.register(cmd)
	d.register(cmd)
	s.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&deployment, "deployment-id", "d", "", "id of the deployment (default: that of the blueprint)")
	flags.StringVar(&d.displayName, "display-name", "", "name of the deployment for people (default: the id)")
	flags.StringVar(&u.labels, "blueprint-labels", "", "labels of the blueprint as key:value,key:value")
	flags.StringVar(&d.labels, "deployment-labels", "", "labels of the deployment as key:value,key:value")
	flags.StringVarP(&workflow, "workflow-id", "w", model.WorkflowInstall, "workflow to run")
	return cmd
}

func (a *app) uninstallCommand() *cobra.Command {
	var s startFlags
	var workflow string
	var recursive bool
	cmd := verb("uninstall DEPLOYMENT_ID", "Uninstall a deployment, delete it and its blueprint", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			p, err := params(args[0], workflow, s)
			if err != nil {
				return err
			}
			if recursive {
				p.Parameters["recursive"] = true
			}
			x, err := a.start(ctx, c, p, s.follow)
			if err := a.report(x, err); err != nil || !x.Status.Ended() {
				return err
			}
			return a.remove(ctx, c, p.Deployment, client.DeleteParams{Force: s.force, Recursive: recursive})
		}))
	s.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&workflow, "workflow-id", "w", model.WorkflowUninstall, "workflow to run")
	flags.BoolVarP(&s.force, "force", "f", false, "also when other executions run or other deployments depend on it")
	flags.BoolVar(&recursive, "recursive", false, "uninstall the deployments below it, too")
	return cmd
}

// remove deletes a deployment and its blueprint.
func (a *app) remove(ctx context.Context, c *client.Client, id model.DeploymentID, p client.DeleteParams) error {
	d, err := c.GetDeployment(ctx, id, "id", "blueprint_id")
	if err != nil {
		return err
	}
	if err := a.deleteDeployment(ctx, c, id, p, false); err != nil {
		return err
	}
	a.say("Deployment deleted: %s", id)
	if err := c.DeleteBlueprint(ctx, d.Blueprint, p.Force); err != nil && !client.IsNotFound(err) {
		return fmt.Errorf("delete blueprint %s: %w", d.Blueprint, err)
	}
	a.say("Blueprint deleted: %s", d.Blueprint)
	return nil
}

func (a *app) upCommand() *cobra.Command {
	var u uploadFlags
	var d createFlags
	var f followFlags
	var id string
	cmd := verb("up [DIRECTORY]", "Bring the application in a directory up: upload, deploy and install it in one go", 0, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			return a.up(ctx, c, directory(args), id, u, d, f)
		}))
	f.register(cmd)
	d.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&id, "id", "", "id of blueprint and deployment (default: name of the directory)")
	flags.StringVarP(&u.mainFile, "blueprint-filename", "n", "", "blueprint file in the directory (default "+defaultMainFile+")")
	flags.StringVarP(&u.visibility, "visibility", "l", "tenant", "who may see it: private, tenant or global")
	cmd.Example = "  reify up examples/hello-web -i greeting=\"Hello world\""
	return cmd
}

func directory(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

// brought is what up prints in JSON.
type brought struct {
	Blueprint    model.BlueprintID  `json:"blueprint_id"`
	Deployment   model.DeploymentID `json:"deployment_id"`
	Execution    client.Execution   `json:"execution"`
	Capabilities model.Document     `json:"capabilities"`
}

func (a *app) up(
	ctx context.Context, c *client.Client, dir, id string, u uploadFlags, d createFlags, f followFlags,
) error {
	began := a.Clock.Now()
	if id == "" {
		var err error
		if id, err = idOfDirectory(dir); err != nil {
			return err
		}
	}
	deployment := model.DeploymentID(id)
	switch _, err := c.GetDeployment(ctx, deployment, "id"); {
	case err == nil:
		return exit.Hint(fmt.Errorf("deployment %s exists already", id),
			"Take it down first (reify down %s), or choose another id with --id.", id)
	case !client.IsNotFound(err):
		return err
	}
	if err := a.dropUnused(ctx, c, model.BlueprintID(id)); err != nil {
		return err
	}
	u.id, d.visibility = id, u.visibility
	b, err := a.upload(ctx, c, dir, u)
	if err != nil {
		return err
	}
	if _, err := a.create(ctx, c, id, id, d); err != nil {
		return err
	}
	x, err := a.start(ctx, c, client.StartParams{Deployment: deployment, Workflow: model.WorkflowInstall}, f)
	if err != nil || !x.Status.Ended() {
		return a.report(x, err)
	}
	capabilities, err := c.Capabilities(ctx, deployment)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(brought{b.ID, deployment, x, capabilities})
	}
	if len(capabilities) > 0 {
		if err := table.Document(a.Stdout, "Capabilities:", a.style(), capabilities); err != nil {
			return err
		}
	}
	a.say("%s is up (%s). Take it down with: reify down %s", id, progress.Duration(a.Clock.Now().Sub(began)), id)
	return nil
}

// dropUnused deletes a blueprint that no deployment uses, so that the directory's present state is what is installed.
func (a *app) dropUnused(ctx context.Context, c *client.Client, id model.BlueprintID) error {
	err := c.DeleteBlueprint(ctx, id, false)
	if err == nil || client.IsNotFound(err) {
		return nil
	}
	return exit.Hint(fmt.Errorf("replace blueprint %s: %w", id, err), "Choose another id with --id.")
}

func idOfDirectory(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(abs)
	if err != nil || !info.IsDir() {
		return "", exit.Usagef("%s is not a directory", dir)
	}
	id := idFrom(filepath.Base(abs))
	if id == "" {
		return "", exit.Usagef("no id can be made of the directory name %q; give one with --id", filepath.Base(abs))
	}
	return id, nil
}

func (a *app) downCommand() *cobra.Command {
	var f followFlags
	var force bool
	cmd := verb("down [DIRECTORY|ID]", "Take an application down: uninstall it, delete its deployment and blueprint", 0, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			id := directory(args)
			if info, err := os.Stat(id); err == nil && info.IsDir() {
				if id, err = idOfDirectory(id); err != nil {
					return err
				}
			}
			if err := argument.CheckID("deployment", id, true); err != nil {
				return err
			}
			return a.down(ctx, c, id, force, f)
		}))
	f.register(cmd)
	cmd.Flags().BoolVarP(&force, "force", "f", false, "go on when an operation fails, and delete whatever is left")
	return cmd
}

// down may be repeated: what is gone already is left alone.
func (a *app) down(ctx context.Context, c *client.Client, id string, force bool, f followFlags) error {
	began := a.Clock.Now()
	deployment := model.DeploymentID(id)
	d, err := c.GetDeployment(ctx, deployment, "id", "blueprint_id")
	if client.IsNotFound(err) {
		if err := c.DeleteBlueprint(ctx, model.BlueprintID(id), force); err != nil {
			return err
		}
		a.say("%s had no deployment; its blueprint is deleted", id)
		return a.report(client.Execution{}, nil)
	}
	if err != nil {
		return err
	}
	alive, err := a.hasLife(ctx, c, d.ID)
	if err != nil {
		return err
	}
	var x client.Execution
	if alive {
		p := client.StartParams{Deployment: deployment, Workflow: model.WorkflowUninstall, Force: force}
		if force {
			p.Parameters = model.Document{"ignore_failure": true}
		}
		if x, err = a.start(ctx, c, p, f); err != nil || !x.Status.Ended() {
			return a.report(x, err)
		}
	}
	if err := a.remove(ctx, c, deployment, client.DeleteParams{Force: force}); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(x)
	}
	a.say("%s is down (%s)", id, progress.Duration(a.Clock.Now().Sub(began)))
	return nil
}

// hasLife reports whether an instance of the deployment has something left to remove.
func (a *app) hasLife(ctx context.Context, c *client.Client, id model.DeploymentID) (bool, error) {
	page, err := c.ListNodeInstances(ctx, client.InstanceQuery{
		Deployment: id, ListOptions: client.ListOptions{Include: []string{"id", "state"}, AllResults: true},
	})
	for _, i := range page.Items {
		if !i.State.Dead() {
			return true, nil
		}
	}
	return false, err
}
