package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/argument"
	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// labelled is a kind of resource that has labels.
type labelled interface {
	name() string
	get(ctx context.Context, c *client.Client, id string) ([]client.Label, error)
	set(ctx context.Context, c *client.Client, id string, labels []client.Label) ([]client.Label, error)
}

type blueprintLabels struct{}

func (blueprintLabels) name() string { return "blueprint" }

func (blueprintLabels) get(ctx context.Context, c *client.Client, id string) ([]client.Label, error) {
	b, err := c.GetBlueprint(ctx, model.BlueprintID(id))
	return b.Labels, err
}

func (blueprintLabels) set(ctx context.Context, c *client.Client, id string, l []client.Label) ([]client.Label, error) {
	b, err := c.SetBlueprintLabels(ctx, model.BlueprintID(id), l)
	return b.Labels, err
}

type deploymentLabels struct{}

func (deploymentLabels) name() string { return "deployment" }

func (deploymentLabels) get(ctx context.Context, c *client.Client, id string) ([]client.Label, error) {
	d, err := c.GetDeployment(ctx, model.DeploymentID(id))
	return d.Labels, err
}

func (deploymentLabels) set(ctx context.Context, c *client.Client, id string, l []client.Label) ([]client.Label, error) {
	d, err := c.SetDeploymentLabels(ctx, model.DeploymentID(id), l)
	return d.Labels, err
}

// labelsCommand returns the noun labels below a kind of resource.
func (a *app) labelsCommand(kind labelled) *cobra.Command {
	id := map[string]string{"blueprint": "BLUEPRINT_ID", "deployment": "DEPLOYMENT_ID", "plugin": "PLUGIN_ID"}[kind.name()]
	list := verb("list "+id, "List the labels of a "+kind.name(), 1, 1,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			labels, err := kind.get(ctx, c, args[0])
			if err != nil {
				return err
			}
			return a.printLabels(labels)
		}))
	add := verb("add KEY:VALUE,... "+id, "Add labels to a "+kind.name(), 2, 2,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			return a.changeLabels(ctx, c, kind, args[1], args[0], func(have, given []client.Label) []client.Label {
				for _, l := range given {
					if !slices.ContainsFunc(have, sameLabel(l)) {
						have = append(have, l)
					}
				}
				return have
			})
		}))
	remove := verb("delete KEY:VALUE,... "+id, "Delete labels of a "+kind.name(), 2, 2,
		a.call(func(ctx context.Context, c *client.Client, args []string) error {
			return a.changeLabels(ctx, c, kind, args[1], args[0], func(have, given []client.Label) []client.Label {
				return slices.DeleteFunc(have, func(l client.Label) bool { return slices.ContainsFunc(given, sameLabel(l)) })
			})
		}))
	return noun("labels", "Labels of a "+kind.name(), nil, list, add, remove)
}

func sameLabel(l client.Label) func(client.Label) bool {
	return func(o client.Label) bool { return o.Key == l.Key && o.Value == l.Value }
}

func (a *app) changeLabels(
	ctx context.Context, c *client.Client, kind labelled, id, text string, change func(have, given []client.Label) []client.Label,
) error {
	given, err := argument.Labels(text)
	if err != nil {
		return err
	}
	have, err := kind.get(ctx, c, id)
	if err != nil {
		return err
	}
	labels, err := kind.set(ctx, c, id, change(have, given))
	if err != nil {
		return err
	}
	return a.printLabels(labels)
}

func (a *app) printLabels(labels []client.Label) error {
	if a.json {
		if labels == nil {
			labels = []client.Label{}
		}
		return a.printJSON(labels)
	}
	t := table.New("Labels:", a.style(), "key", "value")
	for _, l := range labels {
		t.Add(l.Key, l.Value)
	}
	return t.Write(a.Stdout)
}

func labelText(labels []client.Label) []string {
	out := make([]string, 0, len(labels))
	for _, l := range labels {
		out = append(out, l.Key+":"+l.Value)
	}
	return out
}
