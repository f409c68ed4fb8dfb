package client

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Pagination is the part of a list that an answer holds.
type Pagination struct {
	Total  int `json:"total"`
	Size   int `json:"size"`
	Offset int `json:"offset"`
}

// Metadata accompanies the items of a list. Filtered, when filter rules were given, counts what they left out.
type Metadata struct {
	Pagination Pagination `json:"pagination"`
	Filtered   *int       `json:"filtered,omitempty"`
}

// Page is an answer to a list request.
type Page[T any] struct {
	Items    []T      `json:"items"`
	Metadata Metadata `json:"metadata"`
}

// ListOptions is the grammar that all lists share. The zero value asks for the first page as the manager orders it.
type ListOptions struct {
	// Include names the fields wanted; empty means all.
	Include []string
	// Sort names fields, each with a leading - for descending.
	Sort   []string
	Offset int
	// Size is the greatest number of items; 0 leaves it to the manager.
	Size       int
	AllResults bool
	Search     string
	SearchName string
	AllTenants bool
	FilterID   string
	// Equal holds field=value filters: values of one field are alternatives, fields are combined.
	Equal url.Values
}

// values renders the options as a query.
func (o ListOptions) values() url.Values {
	q := url.Values{}
	for k, v := range o.Equal {
		q[k] = slices.Clone(v)
	}
	if len(o.Include) > 0 {
		q.Set("_include", join(o.Include))
	}
	for _, s := range o.Sort {
		q.Add("_sort", s)
	}
	if o.Offset > 0 {
		q.Set("_offset", strconv.Itoa(o.Offset))
	}
	if o.Size > 0 {
		q.Set("_size", strconv.Itoa(o.Size))
	}
	setTrue(q, "_get_all_results", o.AllResults)
	setTrue(q, "_all_tenants", o.AllTenants)
	setText(q, "_search", o.Search)
	setText(q, "_search_name", o.SearchName)
	setText(q, "_filter_id", o.FilterID)
	return q
}

func join(fields []string) string {
	var b bytes.Buffer
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(f)
	}
	return b.String()
}

func setTrue(q url.Values, key string, v bool) {
	if v {
		q.Set(key, "true")
	}
}

func setText[S ~string](q url.Values, key string, v S) {
	if v != "" {
		q.Set(key, string(v))
	}
}

// FilterRule is one rule of a search: type is "label" or "attribute", operator such as any_of or is_null.
type FilterRule struct {
	Key      string   `json:"key"`
	Values   []string `json:"values"`
	Operator string   `json:"operator"`
	Type     string   `json:"type"`
}

type searchBody struct {
	FilterRules []FilterRule `json:"filter_rules"`
}

// Time is an instant as the API writes it: UTC with milliseconds; the zero Time is null.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z"

// timeLayouts are the forms that occur in answers, most frequent first.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999", "2006-01-02 15:04"}

// UnmarshalJSON reads any form that occurs in answers; null and "" give the zero Time.
func (t *Time) UnmarshalJSON(data []byte) error {
	var s string
	if bytes.Equal(data, []byte("null")) {
		*t = Time{}
		return nil
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	if s == "" {
		*t = Time{}
		return nil
	}
	var firstErr error
	for _, layout := range timeLayouts {
		v, err := time.Parse(layout, s)
		if err == nil {
			*t = Time{v.UTC()}
			return nil
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	return firstErr
}

// MarshalJSON writes the form of the API.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.String())
}

// String returns the form of the API, and "" for the zero Time.
func (t Time) String() string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeLayout)
}
