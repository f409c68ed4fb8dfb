package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/cli/progress"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

func (a *app) eventsCommand() *cobra.Command {
	return noun("events", "Events and logs of executions", []string{"event"}, a.eventsList())
}

// eventFlags are the filters of events.
type eventFlags struct {
	execution, group, deployment, blueprint, node, instance, operation string
	types, levels, messages                                            []string
	from, to                                                           string
	before                                                             time.Duration
	noLogs, includeLogs, tail                                          bool
	offset, size                                                       int
	timeout                                                            seconds
}

func (e *eventFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&e.execution, "execution-id", "e", "", "those of this execution, instead of the argument")
	f.StringVarP(&e.group, "execution-group-id", "g", "", "those of this execution group")
	f.StringVarP(&e.deployment, "deployment-id", "d", "", "those of this deployment")
	f.StringVarP(&e.blueprint, "blueprint-id", "b", "", "those of this blueprint")
	f.StringVar(&e.node, "node", "", "those of this node")
	f.StringVar(&e.instance, "node-instance", "", "those of this node instance")
	f.StringVar(&e.operation, "operation", "", "those of this operation")
	f.StringArrayVar(&e.types, "event-type", nil, "events of this type; may be repeated")
	f.StringArrayVar(&e.levels, "level", nil, "log lines of this level; may be repeated")
	f.StringArrayVar(&e.messages, "message", nil, "messages that match, % is a wildcard; may be repeated")
	f.StringVar(&e.from, "from", "", "not before this time, such as \"2027-01-31 14:30:00\"")
	f.StringVar(&e.to, "to", "", "before this time")
	f.DurationVar(&e.before, "before", 0, "not newer than this long ago, such as 2h")
	f.BoolVar(&e.noLogs, "no-logs", false, "events only")
	f.BoolVar(&e.includeLogs, "include-logs", true, "events and log lines")
	f.BoolVar(&e.tail, "tail", false, "go on until the execution ends")
	f.IntVarP(&e.offset, "pagination-offset", "o", 0, "how many items to skip")
	f.IntVarP(&e.size, "pagination-size", "s", 1000, "greatest number of items")
	f.Var(&e.timeout, "timeout", "with --tail: stop after this time, in seconds or as 90s, 15m")
}

func (a *app) eventQuery(e *eventFlags, args []string) (client.EventQuery, error) {
	q := client.EventQuery{
		Kinds: []model.EventKind{model.KindEvent, model.KindLog}, Group: e.group,
		Deployment: model.DeploymentID(e.deployment), Blueprint: model.BlueprintID(e.blueprint), Node: model.NodeID(e.node),
		Instance: model.InstanceID(e.instance), Operation: e.operation, EventTypes: e.types, Levels: e.levels,
		Messages: e.messages, From: e.from, To: e.to, Execution: model.ExecutionID(e.execution),
	}
	if e.noLogs || !e.includeLogs {
		q.Kinds = q.Kinds[:1]
	}
	if len(args) > 0 {
		if e.execution != "" {
			return q, exit.Usagef("EXECUTION_ID and -e exclude each other")
		}
		q.Execution = model.ExecutionID(args[0])
	}
	if e.before > 0 {
		if e.to != "" {
			return q, exit.Usagef("--before and --to exclude each other")
		}
		q.To = client.Time{Time: a.Clock.Now().Add(-e.before)}.String()
	}
	if q.Execution == "" && q.Group == "" && q.Deployment == "" && q.Blueprint == "" && q.Instance == "" {
		return q, exit.Usagef("say whose events: EXECUTION_ID, -d DEPLOYMENT_ID, -b BLUEPRINT_ID, -g GROUP_ID or --node-instance")
	}
	if e.tail && q.Execution == "" {
		return q, exit.Usagef("--tail needs EXECUTION_ID")
	}
	return q, nil
}

func (a *app) eventsList() *cobra.Command {
	var e eventFlags
	cmd := verb("list [EXECUTION_ID]", "List the events and logs of an execution", 0, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			q, err := a.eventQuery(&e, args)
			if err != nil {
				return err
			}
			if e.tail {
				return a.tail(ctx, c, q, time.Duration(e.timeout))
			}
			q.Offset, q.Size, q.Sort = e.offset, e.size, []string{"reported_timestamp"}
			if q.Execution != "" {
				// An execution that does not exist has no events either, and nobody would notice the wrong id.
				if _, err := c.GetExecution(ctx, q.Execution, "id"); err != nil {
					return err
				}
			}
			page, err := c.ListEvents(ctx, q)
			if err != nil {
				return err
			}
			return a.printEvents(page)
		}))
	e.register(cmd)
	return cmd
}

func (a *app) printEvents(page client.Page[client.Event]) error {
	if a.json {
		items := page.Items
		if items == nil {
			items = []client.Event{}
		}
		return a.printJSON(items)
	}
	view := progress.Lines{Out: a.Stdout, Colour: a.colour()}
	for _, e := range page.Items {
		view.Event(e)
	}
	a.say("\nShowing %d of %d events", len(page.Items), page.Metadata.Pagination.Total)
	return nil
}

// tail shows events until the execution ended. In JSON it prints one object per line, since there is no last one to wait
// for.
func (a *app) tail(ctx context.Context, c *client.Client, q client.EventQuery, timeout time.Duration) error {
	feed := progress.NewFeed(c, q)
	view := progress.Lines{Out: a.Stdout, Colour: a.colour()}
	began := a.Clock.Now()
	var x client.Execution
	err := a.until(ctx, func() (bool, error) {
		now, err := c.GetExecution(ctx, q.Execution)
		if err != nil {
			return false, err
		}
		x = now
		next := feed.Next
		if x.Status.Ended() {
			next = feed.Drain
		}
		events, err := next(ctx)
		for _, e := range events {
			if !a.json {
				view.Event(e)
			} else if err := a.printJSON(e); err != nil {
				return false, err
			}
		}
		if timeout > 0 && a.Clock.Now().Sub(began) >= timeout && !x.Status.Ended() {
			return false, &progress.Stopped{Execution: x, Timeout: timeout, Cause: context.DeadlineExceeded}
		}
		return x.Status.Ended(), err
	})
	if exit.IsInterrupt(err) && x.ID != "" {
		return &progress.Stopped{Execution: x, Cause: err}
	}
	if err != nil {
		return err
	}
	a.say("Execution %s of workflow %s is %s", x.ID, x.Workflow, x.Status.Display())
	return nil
}
