package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// row reads the columns of one result row from left to right. The first column that does not decode is kept in err and
// ends the query.
type row struct {
	values []driver.Value
	next   int
	err    error
}

func (r *row) value() driver.Value {
	v := r.values[r.next]
	r.next++
	return v
}

// text reads a text column; NULL is "".
func (r *row) text() string {
	switch v := r.value().(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

// number reads an integer column; NULL is 0.
func (r *row) number() int64 {
	n, _ := r.value().(int64)
	return n
}

func (r *row) integer() int { return int(r.number()) }
func (r *row) flag() bool   { return r.number() != 0 }

// instant reads a column of microseconds; NULL is the zero time.
func (r *row) instant() time.Time {
	n, ok := r.value().(int64)
	if !ok {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// raw reads a document as it was written; NULL is nil.
func (r *row) raw() json.RawMessage {
	if s := r.text(); s != "" {
		return json.RawMessage(s)
	}
	return nil
}

// document decodes a document into v; NULL leaves v alone.
func (r *row) document(v any) {
	s := r.text()
	if s == "" || r.err != nil {
		return
	}
	if err := model.DecodeJSON([]byte(s), v); err != nil {
		r.err = fmt.Errorf("decode stored document in column %d: %w", r.next, err)
	}
}

// resource reads the four columns that every tenant-scoped entity has.
func (r *row) resource() model.Resource {
	return model.Resource{
		Tenant:     model.TenantName(r.text()),
		CreatedBy:  model.UserName(r.text()),
		CreatedAt:  r.instant(),
		Visibility: model.Visibility(r.text()),
	}
}

// values collects the arguments of a statement. The first document that does not encode is kept in err.
type values struct {
	list []driver.Value
	err  error
}

func (v *values) text(texts ...string) {
	for _, s := range texts {
		v.list = append(v.list, s)
	}
}

func (v *values) integer(numbers ...int) {
	for _, n := range numbers {
		v.list = append(v.list, int64(n))
	}
}

func (v *values) flag(flags ...bool) {
	for _, f := range flags {
		v.list = append(v.list, flag(f))
	}
}

func (v *values) instant(instants ...time.Time) {
	for _, t := range instants {
		v.list = append(v.list, micros(t))
	}
}

func (v *values) raw(documents ...json.RawMessage) {
	for _, d := range documents {
		if len(d) == 0 {
			v.list = append(v.list, nil)
			continue
		}
		if !json.Valid(d) && v.err == nil {
			v.err = fmt.Errorf("store document: it is not valid JSON")
		}
		v.list = append(v.list, string(d))
	}
}

// document adds d as JSON, or NULL when given is false.
func (v *values) document(given bool, d any) {
	if !given {
		v.list = append(v.list, nil)
		return
	}
	data, err := model.EncodeJSON(d)
	if err != nil && v.err == nil {
		v.err = fmt.Errorf("encode document: %w", err)
	}
	v.list = append(v.list, string(data))
}

func (v *values) resource(r model.Resource) {
	v.text(string(r.Tenant), string(r.CreatedBy))
	v.instant(r.CreatedAt)
	v.text(string(r.Visibility))
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// micros is the stored form of an instant: microseconds since 1970, NULL for the zero time.
func micros(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// nullable is s, or NULL when s is empty.
func nullable(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

// label is the stored form of a label.
type label struct {
	Key       string `json:"key"`
	Value     string `json:"value"`
	CreatedAt int64  `json:"created_at"`
	CreatedBy string `json:"created_by"`
}

func (v *values) labels(labels []model.Label) {
	stored := make([]label, len(labels))
	for i, l := range labels {
		at, _ := micros(l.CreatedAt).(int64)
		stored[i] = label{l.Key, l.Value, at, string(l.CreatedBy)}
	}
	v.document(labels != nil, stored)
}

func (r *row) labels() []model.Label {
	var stored []label
	r.document(&stored)
	if stored == nil {
		return nil
	}
	labels := make([]model.Label, len(stored))
	for i, l := range stored {
		labels[i] = model.Label{Key: l.Key, Value: l.Value, CreatedBy: model.UserName(l.CreatedBy)}
		if l.CreatedAt != 0 {
			labels[i].CreatedAt = time.UnixMicro(l.CreatedAt).UTC()
		}
	}
	return labels
}

// jsonList is a list of texts as one argument, for json_each: the statement is the same however many there are.
func jsonList[S ~string](list []S) driver.Value {
	data, err := json.Marshal(list)
	if err != nil {
		// Texts can always be written.
		return "[]"
	}
	return string(data)
}
