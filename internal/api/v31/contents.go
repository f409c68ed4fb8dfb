package v31

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/contents"
)

// contentsSearch is a decoded search of what is inside a deployment or a blueprint (rest-api, section 12).
type contentsSearch struct {
	in contents.Place
	// names and keys are what name_pattern with valid_values, and capability_key_specs say.
	names, keys contents.Match
	list        *api.List
}

// blankContents are the fields that searches of contents may be filtered by.
var blankContents = api.Blank("deployment_id", "blueprint_id", "type", "name", "members", "properties", "capabilities")

func readContents(w http.ResponseWriter, r *http.Request) (s contentsSearch, err error) {
	if s.list, err = api.ParseList(r, api.ListSpec{Blank: blankContents}); err != nil {
		return s, err
	}
	s.list.IsPlain = true
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return s, err
	}
	constraints, err := body.Object("constraints")
	if err != nil {
		return s, err
	}
	q := r.URL.Query()
	place := map[string]string{"deployment_id": q.Get("deployment_id"), "blueprint_id": q.Get("blueprint_id")}
	s.names.Text = q.Get("_search")
	for name, v := range constraints {
		switch name {
		case "deployment_id", "blueprint_id":
			text, isText := v.(string)
			if !isText || text == "" {
				return s, fault.New(fault.BadParameters, "the constraint %s must be text", name)
			}
			if place[name] != "" {
				return s, fault.New(fault.BadParameters, "%s is given in the query and in the constraints; give it once", name)
			}
			place[name] = text
		case "valid_values":
			list, isList := v.([]any)
			if !isList {
				return s, fault.New(fault.BadParameters, "the constraint valid_values must be a list")
			}
			s.names.Valid = api.OnlyTexts(list)
		case "name_pattern":
			s.names.Patterns, err = readPatterns(name, v)
		case "capability_key_specs":
			s.keys.Patterns, err = readPatterns(name, v)
		default:
			err = fault.New(fault.BadParameters, "this cannot be searched with the constraint %s", name)
		}
		if err != nil {
			return s, err
		}
	}
	s.in = contents.Place{Deployment: model.DeploymentID(place["deployment_id"]), Blueprint: model.BlueprintID(place["blueprint_id"])}
	if (s.in.Deployment == "") == (s.in.Blueprint == "") {
		return s, fault.New(fault.BadParameters, "You should provide either deployment_id or blueprint_id, and not both")
	}
	return s, nil
}

func readPatterns(name string, v any) (map[string][]string, error) {
	words, isObject := v.(map[string]any)
	if !isObject {
		return nil, fault.New(fault.BadParameters, "the constraint %s must be a dictionary", name)
	}
	out := map[string][]string{}
	for word, item := range words {
		list, isList := item.([]any)
		if !isList {
			list = []any{item}
		}
		out[word] = api.OnlyTexts(list)
	}
	return out, nil
}

// place are the fields that say where an item was found.
func (s contentsSearch) place() api.Record {
	return api.Record{{Name: "deployment_id", Value: api.Text(s.in.Deployment)}, {Name: "blueprint_id", Value: api.Text(s.in.Blueprint)}}
}

func (s contentsSearch) write(w http.ResponseWriter, items []api.Record) error {
	return s.list.Write(w, api.Cut(items, s.list.Query), len(items))
}

func (a *API) searchNodeTypes(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	s, err := readContents(w, r)
	if err != nil {
		return err
	}
	types, err := a.contents.NodeTypes(r.Context(), actor, s.in, s.names)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(types))
	for _, t := range types {
		items = append(items, append(s.place(), api.Field{Name: "type", Value: t}))
	}
	return s.write(w, items)
}

func (a *API) searchScalingGroups(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	s, err := readContents(w, r)
	if err != nil {
		return err
	}
	groups, err := a.contents.ScalingGroups(r.Context(), actor, s.in, s.names)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(groups))
	for _, g := range groups {
		items = append(items, append(s.place(), api.Field{Name: "name", Value: g.Name}, api.Field{Name: "members", Value: g.Members},
			api.Field{Name: "properties", Value: g.Properties}))
	}
	return s.write(w, items)
}

// searchCapabilities answers one item per deployment, as the original does: there is one deployment.
func (a *API) searchCapabilities(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	s, err := readContents(w, r)
	if err != nil {
		return err
	}
	if s.in.Deployment == "" {
		return fault.New(fault.BadParameters, "capabilities are searched in a deployment; give deployment_id")
	}
	found, err := a.contents.SearchCapabilities(r.Context(), actor, s.in.Deployment, s.keys, s.names)
	if err != nil {
		return err
	}
	list := make([]map[string]api.Record, 0, len(found))
	for _, c := range found {
		list = append(list, map[string]api.Record{c.Name: {{Name: "value", Value: c.Value}, {Name: "description", Value: c.Description}}})
	}
	return s.write(w, []api.Record{{{Name: "deployment_id", Value: s.in.Deployment}, {Name: "capabilities", Value: list}}})
}
