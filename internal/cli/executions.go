package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/cli/progress"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

func (a *app) executionsCommand() *cobra.Command {
	return noun("executions", "Runs of workflows", []string{"execution", "exec"},
		a.executionsStart(), a.executionsList(),
		verb("get EXECUTION_ID", "Show an execution", 1, 1, a.call(a.executionGet)),
		verb("why EXECUTION_ID", "Explain what an execution waits for, or why it failed", 1, 1, a.call(a.executionWhy)),
		a.executionsCancel(), a.executionsResume(), a.executionGroupsCommand())
}

// followFlags say how an execution is followed.
type followFlags struct {
	timeout seconds
	noLogs  bool
	noWait  bool
}

func (f *followFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&f.timeout, "timeout", "stop following after this time, in seconds or as 90s, 15m; the execution goes on")
	flags.BoolVar(&f.noLogs, "no-logs", false, "show events only, no log lines")
	flags.BoolVar(&f.noWait, "no-wait", false, "do not follow the execution")
}

// seconds is a duration that may be given as a bare number of seconds.
type seconds time.Duration

func (s *seconds) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

func (s *seconds) Set(text string) error {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		*s = seconds(time.Duration(n) * time.Second)
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("want a number of seconds or a duration such as 90s or 15m")
	}
	*s = seconds(d)
	return nil
}

func (*seconds) Type() string { return "duration" }

// follow shows an execution until it ended. An end that is not good is an *exit.ExecutionError.
func (a *app) follow(ctx context.Context, c *client.Client, id model.ExecutionID, f followFlags) (client.Execution, error) {
	view, isLive := a.view()
	defer view.Close()
	x, err := progress.Follower{
		Client: c, Clock: a.Clock, View: view, Timeout: time.Duration(f.timeout), NoLogs: f.noLogs, Nodes: isLive,
	}.Follow(ctx, id)
	if err == nil && x.Status != model.ExecutionTerminated {
		err = &exit.ExecutionError{Execution: x}
	}
	return x, err
}

func (a *app) view() (view progress.View, isLive bool) {
	switch {
	case a.json, a.quiet:
		return progress.Quiet{}, false
	case a.isTerminal():
		return progress.NewLive(a.Stdout, a.colour(), a.screen), true
	}
	return progress.Lines{Out: a.Stdout}, false
}

// startFlags are the options of everything that starts a workflow.
type startFlags struct {
	follow        followFlags
	parameters    []string
	allowCustom   bool
	force         bool
	isDryRun      bool
	queue         bool
	waitAfterFail int
	schedule      string
}

func (f *startFlags) register(cmd *cobra.Command) {
	f.follow.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.parameters, "parameters", "p", nil, "parameters: key=value, a JSON object, or a YAML file; may be repeated")
	flags.BoolVar(&f.allowCustom, "allow-custom-parameters", false, "also send parameters that the workflow does not declare")
}

// params turns the options into what the manager is asked for.
func params(deployment, workflow string, f startFlags) (client.StartParams, error) {
	given, err := argument.ReadValues(f.parameters)
	return client.StartParams{
		Deployment: model.DeploymentID(deployment), Workflow: workflow, Parameters: given.Document,
		AllowCustomParameters: f.allowCustom, Force: f.force, DryRun: f.isDryRun, Queue: f.queue,
		WaitAfterFail: f.waitAfterFail, ScheduledTime: f.schedule,
	}, err
}

// start starts a workflow and follows it unless it has to wait or nobody wants to. When the deployment is still being
// made, that is followed first.
func (a *app) start(ctx context.Context, c *client.Client, p client.StartParams, f followFlags) (client.Execution, error) {
	x, err := c.StartExecution(ctx, p)
	if client.HasCode(err, fault.EnvironmentInProgress) || client.HasCode(err, fault.EnvironmentPending) {
		if err := a.followCreation(ctx, c, p.Deployment, f); err != nil {
			return x, err
		}
		x, err = c.StartExecution(ctx, p)
	}
	if err != nil {
		return x, err
	}
	switch {
	case x.Status == model.ExecutionScheduled:
		a.say("Scheduled workflow %s on deployment %s", p.Workflow, p.Deployment)
		return x, nil
	case x.Status == model.ExecutionQueued:
		a.say("Queued execution %s of workflow %s on deployment %s", x.ID, p.Workflow, p.Deployment)
		return x, nil
	case f.noWait:
		a.say("Started execution %s of workflow %s on deployment %s", x.ID, p.Workflow, p.Deployment)
		return x, nil
	}
	a.say("Executing workflow %s on deployment %s (execution %s)...", p.Workflow, p.Deployment, x.ID)
	return a.follow(ctx, c, x.ID, f)
}

func (a *app) followCreation(ctx context.Context, c *client.Client, id model.DeploymentID, f followFlags) error {
	d, err := c.GetDeployment(ctx, id, "id", "create_execution")
	if err != nil {
		return err
	}
	a.say("Deployment %s is still being created...", id)
	_, err = a.follow(ctx, c, d.CreateExecution, f)
	return err
}

func (a *app) executionsStart() *cobra.Command {
	var f startFlags
	var deployment string
	cmd := verb("start WORKFLOW", "Start a workflow on a deployment and follow it", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			p, err := params(deployment, args[0], f)
			if err != nil {
				return err
			}
			x, err := a.start(ctx, c, p, f.follow)
			return a.report(x, err)
		}))
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&deployment, "deployment-id", "d", "", "deployment to run on (required)")
	flags.BoolVarP(&f.force, "force", "f", false, "also when other executions run on the deployment")
	flags.BoolVar(&f.isDryRun, "dry-run", false, "say what would be done without doing it")
	flags.BoolVar(&f.queue, "queue", false, "wait for executions that are in the way")
	flags.IntVar(&f.waitAfterFail, "wait-after-fail", 600, "seconds that running operations may go on after one failed")
	flags.StringVar(&f.schedule, "schedule", "", "start later, such as 202701311430+0000")
	return require(cmd, "deployment-id")
}

// report says how an execution ended. In JSON the execution is printed however it ended.
func (a *app) report(x client.Execution, err error) error {
	if a.json && (x.ID != "" || err == nil) {
		if e := a.printJSON(x); e != nil {
			return e
		}
		return err
	}
	if err == nil && x.Status.Ended() {
		a.say("Finished executing workflow %s on deployment %s (%s)", x.Workflow, x.Deployment,
			progress.Duration(x.EndedAt.Sub(x.StartedAt.Time)))
	}
	return err
}

func (a *app) executionsList() *cobra.Command {
	var l listFlags
	var deployment, group string
	var system bool
	cmd := verb("list", "List executions", 0, 0, a.call(func(ctx context.Context, c *client.Client, _ []string) error {
		o := l.options()
		if deployment != "" {
			o.Equal.Set("deployment_id", deployment)
		}
		if group != "" {
			o.Equal.Set("execution_group_id", group)
		}
		page, err := c.ListExecutions(ctx, o, system)
		if err != nil {
			return err
		}
		return printPage(a, "executions", page, []string{"id", "workflow_id", "status", "is_dry_run", "deployment_id",
			"created_at", "started_at", "ended_at", "visibility", "tenant_name", "created_by"},
			func(x client.Execution) []any {
				return []any{x.ID, x.Workflow, x.StatusDisplay, x.IsDryRun, x.Deployment, x.CreatedAt, x.StartedAt,
					x.EndedAt, x.Visibility, x.Tenant, x.CreatedBy}
			})
	}))
	l.register(cmd, "created_at", false)
	cmd.Flags().StringVarP(&deployment, "deployment-id", "d", "", "only those on this deployment")
	cmd.Flags().StringVarP(&group, "group-id", "g", "", "only those of this execution group")
	cmd.Flags().BoolVar(&system, "include-system-workflows", false, "also those that the manager runs by itself")
	return cmd
}

func (a *app) executionGet(ctx context.Context, c *client.Client, args []string) error {
	x, err := c.GetExecution(ctx, model.ExecutionID(args[0]))
	if err != nil {
		return err
	}
	return a.printExecution(x)
}

func (a *app) printExecution(x client.Execution) error {
	return a.printOne("Execution:", x, "id", x.ID, "workflow_id", x.Workflow, "deployment_id", x.Deployment,
		"status", x.StatusDisplay, "error", x.Error, "tasks", fmt.Sprintf("%d of %d", x.FinishedOperations, x.TotalOperations),
		"parameters", map[string]any(x.Parameters), "is_dry_run", x.IsDryRun, "created_at", x.CreatedAt,
		"started_at", x.StartedAt, "ended_at", x.EndedAt, "scheduled_for", x.ScheduledFor, "visibility", x.Visibility,
		"tenant_name", x.Tenant, "created_by", x.CreatedBy)
}

func (a *app) executionsCancel() *cobra.Command {
	var force, kill bool
	cmd := verb("cancel EXECUTION_ID", "Ask an execution to stop", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			action, word := client.ActionCancel, "cancel"
			switch {
			case kill:
				action, word = client.ActionKill, "kill"
			case force:
				action, word = client.ActionForceCancel, "force-cancel"
			}
			x, err := c.ActOnExecution(ctx, model.ExecutionID(args[0]), action)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(x)
			}
			a.say("A %s request for execution %s was sent; its status is %s", word, x.ID, x.Status.Display())
			return nil
		}))
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not wait for the operation that runs")
	cmd.Flags().BoolVarP(&kill, "kill", "k", false, "kill the operation that runs")
	return cmd
}

func (a *app) executionsResume() *cobra.Command {
	var f followFlags
	var reset bool
	cmd := verb("resume EXECUTION_ID", "Continue an execution that failed or was cancelled, and follow it", 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			action := client.ActionResume
			if reset {
				action = client.ActionForceResume
			}
			x, err := c.ActOnExecution(ctx, model.ExecutionID(args[0]), action)
			if err != nil {
				return err
			}
			if f.noWait {
				a.say("Resumed execution %s; its status is %s", x.ID, x.Status.Display())
				return a.report(x, nil)
			}
			x, err = a.follow(ctx, c, x.ID, f)
			return a.report(x, err)
		}))
	f.register(cmd)
	cmd.Flags().BoolVar(&reset, "reset-operations", false, "also start operations again that had been started")
	return cmd
}

// newUUID returns a random UUID, version 4.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// maxReasons is how many reasons are printed; the rest is counted.
const maxReasons = 10

// executionWhy prints what an execution waits for, or why it failed.
func (a *app) executionWhy(ctx context.Context, c *client.Client, args []string) error {
	e, err := c.Why(ctx, model.ExecutionID(args[0]))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(e)
	}
	a.say("Execution %s of workflow %s on deployment %s is %s", e.Execution, e.Workflow, e.Deployment, e.Status.Display())
	a.say("%s", e.Summary)
	for k, r := range e.Reasons {
		if k == maxReasons {
			a.say("  and %d more", len(e.Reasons)-k)
			break
		}
		if r.Text != e.Summary {
			a.say("- %s", r.Text)
		}
		if !r.Since.IsZero() {
			a.say("  since %s", r.Since.UTC().Format("2006-01-02 15:04:05Z"))
		}
		if r.Error != "" && r.Kind != "failure" {
			a.say("  the last error was: %s", r.Error)
		}
		for _, line := range r.Log {
			a.say("  log: %s", line)
		}
	}
	a.say("Next: %s", e.Next)
	return nil
}
