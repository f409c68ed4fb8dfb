package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

func (a *app) schedulesCommand() *cobra.Command {
	return noun("schedule", "Workflows that start again and again", []string{"schedules"},
		a.schedulesList(), a.schedulesCreate(), a.schedulesUpdate(), a.schedulesGet(),
		verb("enable DEPLOYMENT_ID SCHEDULE_ID", "Let a schedule start executions", 2, 2, a.call(a.setEnabled(true))),
		verb("disable DEPLOYMENT_ID SCHEDULE_ID", "Let a schedule rest", 2, 2, a.call(a.setEnabled(false))),
		verb("delete DEPLOYMENT_ID SCHEDULE_ID", "Delete a schedule", 2, 2,
			a.call(func(ctx context.Context, c *client.Client, args []string) error {
				if err := c.DeleteSchedule(ctx, model.DeploymentID(args[0]), args[1]); err != nil {
					return err
				}
				a.say("Deleted the schedule %s of deployment %s", args[1], args[0])
				return nil
			})))
}

func (a *app) schedulesList() *cobra.Command {
	var l listFlags
	cmd := verb("list [DEPLOYMENT_ID]", "List schedules, of one deployment or of all", 0, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			o := l.options()
			if len(args) > 0 {
				o.Equal.Set("deployment_id", args[0])
			}
			page, err := c.ListSchedules(ctx, o)
			if err != nil {
				return err
			}
			return printPage(a, "schedules", page, []string{"id", "deployment_id", "workflow_id", "enabled", "next_occurrence", "since", "until",
				"latest_execution_status", "tenant_name"}, func(s client.Schedule) []any {
				return []any{s.ID, s.Deployment, s.Workflow, s.Enabled, s.Next, s.Since, s.Until, s.LatestStatus, s.Tenant}
			})
		}))
	l.register(cmd, "created_at", false)
	return cmd
}

// ruleFlags say when a schedule occurs.
type ruleFlags struct {
	since, until, recurrence, rrule string
	weekdays                        []string
	count, slip                     int
	stopOnFail                      bool
}

func (r *ruleFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&r.since, "since", "s", "", "first time, UTC, such as \"2030-01-31 14:30\", or from now such as \"+4 hours\"")
	f.StringVarP(&r.until, "until", "u", "", "last time, in the same forms")
	f.StringVarP(&r.recurrence, "recurrence", "r", "", "span between two, such as \"2 weeks\"")
	f.IntVarP(&r.count, "count", "c", 0, "greatest number of times")
	f.StringSliceVar(&r.weekdays, "weekdays", nil, "days such as mo,tu; with spans of months or years also 1mo or l-fr")
	f.StringVar(&r.rrule, "rrule", "", "an iCalendar recurrence rule instead of recurrence, count and weekdays")
	f.IntVar(&r.slip, "slip", 0, "how many minutes late it may start")
	f.BoolVar(&r.stopOnFail, "stop-on-fail", false, "disable the schedule when an execution failed")
}

// fields are what was given of the flags, by the names of the API.
func (r *ruleFlags) fields(cmd *cobra.Command) model.Document {
	out := model.Document{}
	for flag, field := range map[string]struct {
		name  string
		value any
	}{"since": {"since", r.since}, "until": {"until", r.until}, "recurrence": {"recurrence", r.recurrence}, "count": {"count", r.count},
		"weekdays": {"weekdays", r.weekdays}, "rrule": {"rrule", r.rrule}, "slip": {"slip", r.slip}, "stop-on-fail": {"stop_on_fail", r.stopOnFail}} {
		if cmd.Flags().Changed(flag) {
			out[field.name] = field.value
		}
	}
	return out
}

func (a *app) schedulesCreate() *cobra.Command {
	var r ruleFlags
	var name string
	var start startFlags
	var cmd *cobra.Command
	cmd = verb("create DEPLOYMENT_ID WORKFLOW", "Create a schedule", 2, 2,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			given, err := argument.ReadValues(start.parameters)
			if err != nil {
				return err
			}
			fields := r.fields(cmd)
			fields["workflow_id"], fields["parameters"] = args[1], given.Document
			fields["execution_arguments"] = model.Document{"allow_custom_parameters": start.allowCustom, "force": start.force,
				"dry_run": start.isDryRun, "wait_after_fail": start.waitAfterFail}
			if name == "" {
				name = args[1]
			}
			s, err := c.CreateSchedule(ctx, model.DeploymentID(args[0]), name, fields)
			if err != nil {
				return err
			}
			return a.printSchedule(s)
		}))
	r.register(cmd)
	f := cmd.Flags()
	f.StringVarP(&name, "schedule-name", "n", "", "id of the schedule; empty is the workflow's name")
	f.StringArrayVarP(&start.parameters, "parameters", "p", nil, "parameters: key=value, a JSON object, or a YAML file; may be repeated")
	f.BoolVar(&start.allowCustom, "allow-custom-parameters", false, "also send parameters that the workflow does not declare")
	f.BoolVarP(&start.force, "force", "f", false, "also when other executions run on the deployment")
	f.BoolVar(&start.isDryRun, "dry-run", false, "say what would be done without doing it")
	f.IntVar(&start.waitAfterFail, "wait-after-fail", 600, "seconds that running operations may go on after one failed")
	return require(cmd, "since")
}

func (a *app) schedulesUpdate() *cobra.Command {
	var r ruleFlags
	var cmd *cobra.Command
	cmd = verb("update DEPLOYMENT_ID SCHEDULE_ID", "Change a schedule", 2, 2,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			s, err := c.ChangeSchedule(ctx, model.DeploymentID(args[0]), args[1], r.fields(cmd))
			if err != nil {
				return err
			}
			return a.printSchedule(s)
		}))
	r.register(cmd)
	return cmd
}

func (a *app) schedulesGet() *cobra.Command {
	var preview int
	cmd := verb("get DEPLOYMENT_ID SCHEDULE_ID", "Show a schedule", 2, 2,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			s, err := c.GetSchedule(ctx, model.DeploymentID(args[0]), args[1])
			if err != nil {
				return err
			}
			if err := a.printSchedule(s); err != nil || a.json {
				return err
			}
			for _, at := range s.Occurrences[:min(preview, len(s.Occurrences))] {
				a.say("%s", at)
			}
			return nil
		}))
	cmd.Flags().IntVar(&preview, "preview", 0, "also show so many of the next times")
	return cmd
}

func (a *app) setEnabled(enabled bool) func(context.Context, *client.Client, []string) error {
	return func(ctx context.Context, c *client.Client, args []string) error {
		s, err := c.ChangeSchedule(ctx, model.DeploymentID(args[0]), args[1], model.Document{"enabled": enabled})
		if err != nil {
			return err
		}
		return a.printSchedule(s)
	}
}

func (a *app) printSchedule(s client.Schedule) error {
	return a.printOne("Schedule:", s, "id", s.ID, "deployment_id", s.Deployment, "workflow_id", s.Workflow, "enabled", s.Enabled,
		"next_occurrence", s.Next, "since", s.Since, "until", s.Until, "rule", map[string]any(s.Rule), "slip", s.Slip, "stop_on_fail", s.StopOnFail,
		"parameters", map[string]any(s.Parameters), "latest_execution_status", s.LatestStatus, "tenant_name", s.Tenant, "created_by", s.CreatedBy)
}

func (a *app) agentsCommand() *cobra.Command {
	var l listFlags
	var deployments, nodes, instances, methods []string
	list := verb("list", "List agents that are started", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		o := l.options()
		o.Equal.Set("state", "started")
		for field, values := range map[string][]string{"deployment_id": deployments, "node_ids": nodes, "node_instance_ids": instances,
			"install_methods": methods} {
			for _, v := range values {
				o.Equal.Add(field, v)
			}
		}
		page, err := c.ListAgents(ctx, o)
		if err != nil {
			return err
		}
		return printPage(a, "agents", page, []string{"id", "ip", "deployment", "node", "system", "version", "install_method", "tenant_name"},
			func(g client.Agent) []any {
				return []any{g.ID, g.IP, g.Deployment, g.Node, g.System, g.Version, g.InstallMethod, g.Tenant}
			})
	}))
	l.register(list, "created_at", false)
	f := list.Flags()
	f.StringArrayVar(&deployments, "deployment-id", nil, "only those of this deployment; may be repeated")
	f.StringArrayVar(&nodes, "node-id", nil, "only those of this node; may be repeated")
	f.StringArrayVar(&instances, "node-instance-id", nil, "only those of this node instance; may be repeated")
	f.StringArrayVar(&methods, "install-method", nil, "only those that were installed so; may be repeated")
	return noun("agents", "Agents on hosts", []string{"agent"}, append(a.agentWork(), list)...)
}
