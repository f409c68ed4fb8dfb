package v31

import (
	"net/http"
	"time"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/schedule"
)

func ruleRecord(rule model.ScheduleRule) api.Record {
	if rule.RRule != "" {
		return api.Record{{Name: "rrule", Value: rule.RRule}}
	}
	var weekdays any
	if len(rule.Weekdays) > 0 {
		weekdays = rule.Weekdays
	}
	return api.Record{{Name: "recurrence", Value: api.Text(rule.Recurrence)}, {Name: "count", Value: rule.Count}, {Name: "weekdays", Value: weekdays}}
}

func scheduleRecord(c *schedule.View) api.Record {
	var parameters any
	if c.Parameters != nil {
		parameters = c.Parameters
	}
	next := make([]string, 0, len(c.Occurrences))
	for _, t := range c.Occurrences {
		next = append(next, t.UTC().Format(time.DateTime))
	}
	r := api.Record{
		{Name: "created_at", Value: api.Instant(c.CreatedAt)}, {Name: "id", Value: c.ID}, {Name: "visibility", Value: c.Visibility},
		{Name: "next_occurrence", Value: api.Instant(c.NextAt)}, {Name: "since", Value: api.Instant(c.Since)},
		{Name: "until", Value: api.Instant(c.Until)}, {Name: "rule", Value: ruleRecord(c.Rule)}, {Name: "slip", Value: c.Slip},
		{Name: "workflow_id", Value: c.Workflow}, {Name: "parameters", Value: parameters},
		{Name: "execution_arguments", Value: api.Object(c.Arguments)}, {Name: "stop_on_fail", Value: c.StopOnFail},
		{Name: "enabled", Value: c.Enabled}, {Name: "deployment_id", Value: c.Deployment},
		{Name: "latest_execution_status", Value: api.Text(c.LatestStatus)},
	}
	r = append(r, api.Common(c.Resource)...)
	return append(r, api.Field{Name: "all_next_occurrences", Value: next})
}

var blankSchedule = scheduleRecord(&schedule.View{Schedule: &model.Schedule{}})

func (a *API) listSchedules(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: blankSchedule, Search: "id"})
	if err != nil {
		return err
	}
	page, err := a.schedules.List(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, scheduleRecord)
}

// scheduleIn is the deployment that a request about a schedule names, and the id of the schedule.
func scheduleIn(r *http.Request) (model.DeploymentID, model.ScheduleID) {
	return model.DeploymentID(r.URL.Query().Get("deployment_id")), model.ScheduleID(api.Unescaped(r, "id"))
}

func (a *API) getSchedule(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	d, id := scheduleIn(r)
	v, err := a.schedules.Get(r.Context(), actor, d, id)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, scheduleRecord(v))
}

func decodeRule(body api.Body) (rule model.ScheduleRule, err error) {
	if rule.RRule, err = body.Text("rrule"); err != nil {
		return rule, err
	}
	if rule.Recurrence, err = body.Text("recurrence"); err != nil {
		return rule, err
	}
	days, err := body.List("weekdays")
	if err != nil {
		return rule, err
	}
	for _, item := range days {
		d, ok := item.(string)
		if !ok {
			return rule, fault.New(fault.BadParameters, "weekdays must be a list of texts such as \"MO\"")
		}
		rule.Weekdays = append(rule.Weekdays, d)
	}
	if body["count"] != nil {
		n, err := body.Int("count", 0)
		if err != nil {
			return rule, err
		}
		rule.Count = &n
	}
	return rule, nil
}

func (a *API) createSchedule(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	texts, err := body.Texts("workflow_id", "since")
	if err != nil {
		return err
	}
	d, id := scheduleIn(r)
	if d == "" {
		return fault.New(fault.BadParameters, "Missing required parameter in the query string: deployment_id")
	}
	n := schedule.NewSchedule{ID: id, Deployment: d, Workflow: texts[0], Since: texts[1]}
	if n.Until, err = body.Text("until"); err != nil {
		return err
	}
	if n.Parameters, err = body.Object("parameters"); err != nil {
		return err
	}
	if n.Arguments, err = body.Object("execution_arguments"); err != nil {
		return err
	}
	if n.Rule, err = decodeRule(body); err != nil {
		return err
	}
	if n.Slip, err = body.Int("slip", 0); err != nil {
		return err
	}
	if n.StopOnFail, err = body.Bool("stop_on_fail", false); err != nil {
		return err
	}
	if n.Enabled, err = body.Bool("enabled", true); err != nil {
		return err
	}
	v, err := a.schedules.Create(r.Context(), actor, n)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusCreated, scheduleRecord(v))
}

// patchSchedule answers 201, as the original does.
func (a *API) patchSchedule(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	var c schedule.Change
	for key, field := range map[string]**string{"since": &c.Since, "until": &c.Until, "workflow_id": &c.Workflow} {
		if *field, err = optional[string](body, key); err != nil {
			return err
		}
	}
	if c.Rule, err = decodeRule(body); err != nil {
		return err
	}
	if body["slip"] != nil {
		n, err := body.Int("slip", 0)
		if err != nil {
			return err
		}
		c.Slip = &n
	}
	for key, field := range map[string]**bool{"stop_on_fail": &c.StopOnFail, "enabled": &c.Enabled} {
		if body[key] == nil {
			continue
		}
		v, err := body.Bool(key, false)
		if err != nil {
			return err
		}
		*field = &v
	}
	d, id := scheduleIn(r)
	v, err := a.schedules.Update(r.Context(), actor, d, id, c)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusCreated, scheduleRecord(v))
}

func (a *API) deleteSchedule(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	d, id := scheduleIn(r)
	return api.NoContent(w, a.schedules.Delete(r.Context(), actor, d, id))
}
