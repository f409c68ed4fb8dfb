package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/service"
)

// DefaultPageSize is the page size of a list that names none.
const DefaultPageSize = 1000

// List is a decoded list request (rest-api, section 1.5).
type List struct {
	Query      service.Query
	AllTenants bool
	// Size and Offset are what the envelope shows.
	Size, Offset int
	// Filtered is how many items filter rules left out, told when IsFiltered is set.
	Filtered   int
	IsFiltered bool
	// IsPlain leaves the count of filtered items out of the envelope, as lists do that know no filters.
	IsPlain bool
	include map[string]bool
}

// ListSpec says what a list route knows: a blank record of the resource, the field of _search, and fields that may be
// filtered by but are not answered.
type ListSpec struct {
	Blank    Record
	Search   string
	Filters  []string
	PageSize int
}

// ParseList decodes the list parameters of a request. Unknown parameters that begin with "_" are ignored; any other is a
// filter and must be a field (fault.BadParameters).
func ParseList(r *http.Request, spec ListSpec) (*List, error) {
	values := r.URL.Query()
	l := &List{Size: spec.PageSize}
	if l.Size == 0 {
		l.Size = DefaultPageSize
	}
	var err error
	if l.include, err = Include(r, spec.Blank); err != nil {
		return nil, err
	}
	if l.Size, err = pageNumber(values, "_size", l.Size); err != nil {
		return nil, err
	}
	if l.Offset, err = pageNumber(values, "_offset", 0); err != nil {
		return nil, err
	}
	l.Query.Limit, l.Query.Offset = l.Size, l.Offset
	if all, err := Flag(values, "_get_all_results"); err != nil {
		return nil, err
	} else if all {
		l.Query.Limit, l.Query.Offset = -1, 0
	}
	if l.AllTenants, err = Flag(values, "_all_tenants"); err != nil {
		return nil, err
	}
	if l.Query.Sort, err = parseSort(values["_sort"], spec); err != nil {
		return nil, err
	}
	if text := values.Get("_search"); text != "" && spec.Search != "" {
		l.Query.Search = append(l.Query.Search, service.Search{Field: spec.Search, Text: text})
	}
	if l.Query.Where, err = parseFilters(values, spec); err != nil {
		return nil, err
	}
	return l, nil
}

func parseSort(keys []string, spec ListSpec) ([]service.Order, error) {
	var out []service.Order
	var unknown []string
	names := spec.Blank.names()
	for _, key := range keys {
		o := service.Order{Field: strings.TrimLeft(key, "+-"), Desc: strings.HasPrefix(key, "-")}
		if !slices.Contains(names, o.Field) {
			unknown = append(unknown, o.Field)
		}
		out = append(out, o)
	}
	if len(unknown) > 0 {
		return nil, fault.New(fault.BadParameters, "Sort keys '%s' do not exist. Allowed keys are: %s", pythonList(unknown), pythonList(names))
	}
	return out, nil
}

func parseFilters(values url.Values, spec ListSpec) ([]service.Condition, error) {
	var out []service.Condition
	names := append(spec.Blank.names(), spec.Filters...)
	var unknown []string
	for key, vs := range values {
		if strings.HasPrefix(key, "_") {
			continue
		}
		if !slices.Contains(names, key) {
			unknown = append(unknown, key)
			continue
		}
		cond := service.Condition{Field: key}
		for _, v := range vs {
			if v == "True" || v == "False" {
				v = strings.ToLower(v)
			}
			cond.Values = append(cond.Values, v)
		}
		out = append(out, cond)
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, fault.New(fault.BadParameters, "Filter keys '%s' do not exist. Allowed keys are: %s", pythonList(unknown), pythonList(names))
	}
	slices.SortFunc(out, func(a, b service.Condition) int { return strings.Compare(a.Field, b.Field) })
	return out, nil
}

func pageNumber(values url.Values, key string, def int) (int, error) {
	text := values.Get(key)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fault.New(fault.BadParameters, "1 validation error for Pagination\n%s\n  value is not a valid integer (type=type_error.integer)", key)
	}
	if n < 0 {
		return 0, fault.New(fault.BadParameters, "1 validation error for Pagination\n%s\n  ensure this value is greater than or equal to 0 "+
			"(type=value_error.number.not_ge; limit_value=0)", key)
	}
	return n, nil
}

// Flag reads a boolean query parameter: true, false, 1 or 0 in any case; a missing one is false.
func Flag(values url.Values, key string) (bool, error) {
	switch strings.ToLower(values.Get(key)) {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	}
	return false, fault.New(fault.BadParameters, "%s must be <true/false>, got %s", key, values.Get(key))
}

type pagination struct {
	Total  int `json:"total"`
	Size   int `json:"size"`
	Offset int `json:"offset"`
}

// Write answers with the list envelope.
func (l *List) Write(w http.ResponseWriter, items []Record, total int) error {
	picked := make([]Record, len(items))
	for i, r := range items {
		picked[i] = r.Pick(l.include)
	}
	l.write(w, picked, total)
	return nil
}

// WriteWhole is Write for a list that is always answered whole, all fields of its items whatever was asked for.
func (l *List) WriteWhole(w http.ResponseWriter, items []Record) error {
	if items == nil {
		items = []Record{}
	}
	l.write(w, items, len(items))
	return nil
}

// WriteValues is Write for a list of plain values.
func (l *List) WriteValues(w http.ResponseWriter, values []string, total int) error {
	if values == nil {
		values = []string{}
	}
	l.write(w, values, total)
	return nil
}

func (l *List) write(w http.ResponseWriter, items any, total int) {
	metadata := Record{{"pagination", pagination{total, l.Size, l.Offset}}}
	switch {
	case l.IsPlain:
	case l.IsFiltered:
		metadata = append(metadata, Field{"filtered", l.Filtered})
	default:
		metadata = append(metadata, Field{"filtered", nil})
	}
	WriteJSON(w, http.StatusOK, Record{{"items", items}, {"metadata", metadata}})
}

// Wants reports whether the answer shows the field.
func (l *List) Wants(field string) bool { return l.include == nil || l.include[field] }
