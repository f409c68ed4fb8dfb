package insight

import (
	"net/http"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/api/v31/search"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/service"
)

// Summarized makes the handler of a summary route; item is the key of the counts.
func (a *API) Summarized(kind service.Kind, item string, blank api.Record) api.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
		l, err := api.ParseList(r, api.ListSpec{Blank: blank})
		if err != nil {
			return err
		}
		target, sub := r.URL.Query().Get("_target_field"), r.URL.Query().Get("_sub_field")
		if target == "" {
			return fault.New(fault.BadParameters, "1 validation error for SummaryRequest\n_target_field\n  field required (type=value_error.missing)")
		}
		fields := []string{target}
		if sub != "" {
			fields = append(fields, sub)
		}
		counts, err := a.insight.Summarize(r.Context(), actor, kind, l.Query, l.AllTenants, fields...)
		if err != nil {
			return err
		}
		items := summaryRecords(counts, target, sub, item)
		l.IsPlain = true
		// Compat: the original counts the combinations of both fields, not the items.
		return l.Write(w, api.Cut(items, l.Query), len(counts))
	}
}

func summaryRecords(counts []service.Count, target, sub, item string) []api.Record {
	var items []api.Record
	for _, c := range counts {
		if sub == "" {
			items = append(items, api.Record{{Name: target, Value: c.Values[0]}, {Name: item, Value: c.Number}})
			continue
		}
		part := api.Record{{Name: sub, Value: c.Values[1]}, {Name: item, Value: c.Number}}
		if n := len(items); n > 0 && items[n-1][0].Value == c.Values[0] {
			last := items[n-1]
			last[1].Value = last[1].Value.(int) + c.Number
			last[2].Value = append(last[2].Value.([]api.Record), part)
			continue
		}
		items = append(items, api.Record{{Name: target, Value: c.Values[0]}, {Name: item, Value: c.Number},
			{Name: "by " + sub, Value: []api.Record{part}}})
	}
	return items
}

// ListLabels answers GET /labels/{kind}.
func (a *API) ListLabels(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{})
	if err != nil {
		return err
	}
	reserved, err := api.Flag(r.URL.Query(), "_reserved")
	if err != nil {
		return err
	}
	var names []string
	if reserved {
		names, err = a.insight.ReservedLabels(actor)
		l.IsPlain = true
	} else {
		names, err = a.insight.LabelKeys(r.Context(), actor, search.Kind(r), api.Param(r, "key"), l.AllTenants)
	}
	if err != nil {
		return err
	}
	if text := strings.ToLower(r.URL.Query().Get("_search")); text != "" {
		names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.Contains(strings.ToLower(n), text) })
	}
	return l.WriteValues(w, api.Cut(names, l.Query), len(names))
}
