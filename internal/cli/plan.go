package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// planFlags are the options of plan.
type planFlags struct {
	parameters, inputs []string
	allowCustom, force bool
	blueprint, out     string
	update             client.UpdateParams
}

func (a *app) planCommand() *cobra.Command {
	var f planFlags
	cmd := verb("plan WORKFLOW DEPLOYMENT_ID", "Show what a workflow or an update would do, without doing it", 2, 2,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			return a.plan(ctx, c, args[0], args[1], f)
		}))
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.parameters, "parameters", "p", nil, "parameters: key=value, a JSON object, or a YAML file; may be repeated")
	flags.BoolVar(&f.allowCustom, "allow-custom-parameters", false, "also send parameters that the workflow does not declare")
	flags.BoolVarP(&f.force, "force", "f", false, "apply it also when other deployments depend on this one")
	flags.StringVarP(&f.out, "out", "o", "", "save the plan to this file, for reify apply")
	flags.StringVarP(&f.blueprint, "blueprint-id", "b", "", "update: blueprint to update to (default: the one it has)")
	flags.StringArrayVarP(&f.inputs, "inputs", "i", nil, "update: inputs to change: key=value, a JSON object, or a YAML file; may be repeated")
	flags.BoolVar(&f.update.SkipInstall, "skip-install", false, "update: do not install what is added")
	flags.BoolVar(&f.update.SkipUninstall, "skip-uninstall", false, "update: do not uninstall what is removed")
	flags.BoolVar(&f.update.SkipReinstall, "skip-reinstall", false, "update: do not reinstall what changed")
	flags.BoolVar(&f.update.SkipDriftCheck, "skip-drift-check", false, "update: do not look for configuration drift first")
	flags.BoolVar(&f.update.SkipHeal, "skip-heal", false, "update: do not heal instances before they are updated")
	flags.BoolVar(&f.update.ForceReinstall, "force-reinstall", false, "update: reinstall what changed in place of updating it")
	return cmd
}

func (f planFlags) params(workflow string) (client.PlanParams, error) {
	given, err := argument.ReadValues(f.parameters)
	p := client.PlanParams{Workflow: workflow, Parameters: given.Document, AllowCustomParameters: f.allowCustom, Force: f.force}
	if err != nil || workflow != model.WorkflowUpdate {
		if err == nil && (f.blueprint != "" || len(f.inputs) > 0) {
			err = exit.Usagef("--blueprint-id and --inputs are for updates: reify plan update DEPLOYMENT_ID")
		}
		return p, err
	}
	inputs, err := argument.ReadValues(f.inputs)
	p.Update = model.Document{
		"skip_install": f.update.SkipInstall, "skip_uninstall": f.update.SkipUninstall, "skip_reinstall": f.update.SkipReinstall,
		"skip_drift_check": f.update.SkipDriftCheck, "skip_heal": f.update.SkipHeal, "force_reinstall": f.update.ForceReinstall,
	}
	if f.blueprint != "" {
		p.Update["blueprint_id"] = f.blueprint
	}
	if len(inputs.Document) > 0 {
		p.Update["inputs"] = map[string]any(inputs.Document)
	}
	return p, err
}

func (a *app) plan(ctx context.Context, c *client.Client, workflow, deployment string, f planFlags) error {
	params, err := f.params(workflow)
	if err != nil {
		return err
	}
	p, err := c.MakePlan(ctx, model.DeploymentID(deployment), params)
	if err != nil {
		return err
	}
	if f.out != "" {
		// Parameters may hold what is nobody else's business.
		if err := os.WriteFile(f.out, append(p.Raw, '\n'), 0o600); err != nil {
			return fmt.Errorf("save the plan: %w", err)
		}
	}
	if a.json {
		return a.printJSON(p.Raw)
	}
	a.printPlan(p)
	if f.out != "" {
		a.say("Saved the plan; run it with reify apply %s", f.out)
	}
	return nil
}

// printPlan shows a plan: what happens to nodes and instances, the operations in order, and who is affected.
func (a *app) printPlan(p client.Plan) {
	a.say("Plan of workflow %s on deployment %s: %d operations on %d node instances", p.Request.Workflow, p.Request.Deployment,
		len(p.Steps), len(p.Instances))
	sign := map[string]string{"add": "+", "change": "~", "remove": "-"}
	for _, n := range p.Nodes {
		a.say("%s node %s", sign[n.Action], n.Node)
		for _, d := range n.Properties {
			a.say("    %s: %s -> %s", d.Name, d.From, d.To)
		}
	}
	for _, i := range p.Instances {
		switch i.Action {
		case "add":
			a.say("+ instance of %s: %s", i.Node, i.To)
		case "remove":
			a.say("- instance %s (%s)", i.Instance, i.From)
		default:
			a.say("~ instance %s: %s -> %s", i.Instance, i.From, i.To)
		}
	}
	phase := 0
	for _, s := range p.Steps {
		if s.Phase != phase {
			phase = s.Phase
			a.say("Phase %d:", phase)
		}
		after := ""
		if len(s.After) > 0 {
			after = "  after " + strings.Trim(strings.ReplaceAll(fmt.Sprint(s.After), " ", ", "), "[]")
		}
		where := string(s.Instance)
		if s.Related != "" {
			where += " (" + s.Side + ", with " + string(s.Related) + ")"
		}
		a.say("%4d. %s %s: %s %s [%s]%s", s.ID, where, s.Operation, s.Plugin, s.Function, s.Executor, after)
	}
	for _, d := range p.Dependents {
		a.say("! deployment %s depends on it (%s, node %s)", d.Deployment, d.Type, d.Node)
	}
	if p.Blocked != "" {
		a.say("! it will be refused without --force, because of:\n%s", p.Blocked)
	}
	switch e := p.Estimate; {
	case len(p.Steps) == 0:
	case e == nil:
		a.say("Duration: unknown, none of these operations ran here before")
	case e.Unknown > 0:
		a.say("Duration: more than %s; %d of %d operations never ran here before", shortly(e.Seconds), e.Unknown, e.Known+e.Unknown)
	default:
		a.say("Duration: about %s, by what the same operations took before", shortly(e.Seconds))
	}
}

// shortly rounds a number of seconds for people.
func shortly(seconds float64) time.Duration {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}

func (a *app) applyCommand() *cobra.Command {
	var f followFlags
	cmd := verb("apply FILE", "Run a saved plan, or refuse when something changed since", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			data, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read the plan: %w", err)
			}
			p, err := client.ReadPlan(data)
			if err != nil || p.Request.Deployment == "" {
				return exit.Usagef("%s holds no plan; make one with reify plan --out %s", args[0], args[0])
			}
			x, err := c.ApplyPlan(ctx, p)
			if err != nil {
				return err
			}
			if f.noWait {
				if a.json {
					return a.printJSON(x)
				}
				a.say("Started execution %s of workflow %s on deployment %s", x.ID, x.Workflow, x.Deployment)
				return nil
			}
			a.say("Executing the plan of workflow %s on deployment %s (execution %s)...", x.Workflow, x.Deployment, x.ID)
			x, err = a.follow(ctx, c, x.ID, f)
			return a.report(x, err)
		}))
	f.register(cmd)
	return cmd
}
