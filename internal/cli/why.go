package cli

import (
	"context"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

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
