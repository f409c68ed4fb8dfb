package group

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// creationConcurrency is how many environments of new members are made at the same time (workflows, section 8.8).
const creationConcurrency = 10

// NewMember is a deployment to be made in a group; what it leaves open is the group's.
type NewMember struct {
	// ID is the template of its id; empty is the blueprint's, or else defaultTemplate.
	ID                    string
	Inputs                model.Document
	Labels                []model.Label
	DisplayName           string
	Site                  model.SiteName
	RuntimeOnlyEvaluation bool
	SkipPluginsValidation bool
}

const defaultTemplate = "{group_id}-{uuid}"

// create makes new members and the execution group that makes their environments, and returns the executions to wake.
func (s *Service) create(tx store.Tx, a *service.Actor, g *model.DeploymentGroup, list []NewMember) ([]model.ExecutionID, error) {
	if len(list) == 0 {
		return nil, nil
	}
	if err := a.Require("deployment_create"); err != nil {
		return nil, err
	}
	if a.Execution != nil && a.Execution.Status.Cancelling() {
		return nil, fault.New(fault.ForbiddenWhileCancelling, "a cancelling execution may not create deployments")
	}
	if g.Blueprint == "" {
		return nil, fault.New(fault.Conflict, "Cannot create deployments: group %s has no default blueprint set", g.ID)
	}
	b, err := service.Deployable(tx, a, service.NewDeployment{Blueprint: g.Blueprint, Visibility: g.Visibility})
	if err != nil {
		return nil, err
	}
	template, err := idTemplate(b)
	if err != nil {
		return nil, err
	}
	xg := s.executionGroup(a, model.WorkflowCreateEnvironment, creationConcurrency)
	xg.Visibility, xg.DeploymentGroup = g.Visibility, g.ID
	if err := tx.InsertExecutionGroup(xg); err != nil {
		return nil, err
	}
	var started []model.ExecutionID
	var members []model.DeploymentID
	for i, m := range list {
		id := template
		if m.ID != "" {
			id = m.ID
		}
		g.Counter++
		n := service.NewDeployment{
			Blueprint: b.ID, Inputs: merged(g.Inputs, m.Inputs), Visibility: g.Visibility, DisplayName: m.DisplayName, Labels: m.Labels,
			Site: m.Site, RuntimeOnlyEvaluation: m.RuntimeOnlyEvaluation, SkipPluginsValidation: m.SkipPluginsValidation, Group: xg.ID,
		}
		if n.ID, err = newID(tx, a, g, id, n); err != nil {
			return nil, err
		}
		status := model.ExecutionQueued
		if i < creationConcurrency {
			status = model.ExecutionPending
		}
		d, err := s.BeginCreation(tx, a, n, b, status)
		if err != nil {
			return nil, err
		}
		members, started = append(members, d.ID), append(started, d.CreateExecution)
	}
	if err := tx.UpdateDeploymentGroup(g); err != nil {
		return nil, err
	}
	return started, change.JoinGroup(tx, s.Clock.Now(), g, members)
}

// merged returns defaults with own values over them.
func merged(defaults, own model.Document) model.Document {
	out := model.Document{}
	for _, d := range []model.Document{defaults, own} {
		for k, v := range d {
			out[k] = v
		}
	}
	return out
}

// idTemplate is how a blueprint wants its deployments to be called.
func idTemplate(b *model.Blueprint) (string, error) {
	var plan struct {
		Settings struct {
			IDTemplate string `json:"id_template"`
		} `json:"deployment_settings"`
	}
	if err := model.DecodeJSON(b.Plan, &plan); err != nil {
		return "", fmt.Errorf("read the plan of blueprint %s: %w", b.ID, err)
	}
	if plan.Settings.IDTemplate != "" {
		return plan.Settings.IDTemplate, nil
	}
	return defaultTemplate, nil
}

// maxIDTries bounds how often another id is made of a template because one was taken.
const maxIDTries = 1000

// newID makes the id of a new member of a template (rest-api, section 5). One that is taken is made again, with the next
// count and another UUID, as long as the template has one of these.
func newID(tx store.Reader, a *service.Actor, g *model.DeploymentGroup, template string, n service.NewDeployment) (model.DeploymentID, error) {
	varies := strings.Contains(template, "{uuid}") || strings.Contains(template, "{count}")
	for range maxIDTries {
		id, err := expand(template, map[string]string{
			"group_id": string(g.ID), "uuid": service.NewUUID(), "blueprint_id": string(n.Blueprint), "count": strconv.Itoa(g.Counter),
			"site_name": string(n.Site),
		})
		if err != nil {
			return "", err
		}
		_, err = tx.Deployment(a.Tenant, model.DeploymentID(id))
		switch {
		case fault.Is(err, fault.NotFound):
			return model.DeploymentID(id), nil
		case err != nil:
			return "", err
		case !varies:
			return "", fault.New(fault.Conflict, "Cannot create a deployment in group %s: the id template %q gave the id %q, which is taken, "+
				"and has no variable part such as {uuid} or {count}", g.ID, template, id)
		}
		if strings.Contains(template, "{count}") {
			g.Counter++
		}
	}
	return "", fault.New(fault.Conflict, "Cannot create a deployment in group %s: the last %d ids of the template %q are taken", g.ID, maxIDTries, template)
}

// expand replaces the {names} of a template.
func expand(template string, values map[string]string) (string, error) {
	var b strings.Builder
	for rest := template; ; {
		before, after, ok := strings.Cut(rest, "{")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		name, tail, ok := strings.Cut(after, "}")
		value, known := values[name]
		if !ok || !known {
			return "", fault.New(fault.BadParameters, "the id template %q has the unknown part {%s; known are {group_id}, {uuid}, "+
				"{blueprint_id}, {count} and {site_name}", template, after)
		}
		b.WriteString(value)
		rest = tail
	}
}
