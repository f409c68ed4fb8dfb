package api

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
)

// Param is a part of the path by the name of its placeholder, as it was sent.
func Param(r *http.Request, name string) string { return chi.URLParam(r, name) }

// Unescaped is a part of the path as the client meant it; one that cannot be unescaped stays, and is refused as a name.
func Unescaped(r *http.Request, name string) string {
	text, err := url.PathUnescape(Param(r, name))
	if err != nil {
		return Param(r, name)
	}
	return text
}

// WantsData reports whether the request asks for all of an item instead of counts.
func WantsData(r *http.Request) (bool, error) { return Flag(r.URL.Query(), "_get_data") }

// ReadVisibility reads the body of the set-visibility routes.
func ReadVisibility(w http.ResponseWriter, r *http.Request) (model.Visibility, error) {
	body, err := ReadJSON(w, r, false)
	if err != nil {
		return "", err
	}
	text, err := body.Texts("visibility")
	if err != nil {
		return "", err
	}
	return model.Visibility(text[0]), nil
}

// WriteOne answers one object with the fields of _include.
func WriteOne(w http.ResponseWriter, r *http.Request, status int, record Record) error {
	include, err := Include(r, record)
	if err != nil {
		return err
	}
	WriteJSON(w, status, record.Pick(include))
	return nil
}

// WritePage answers a page of a list.
func WritePage[T any](l *List, w http.ResponseWriter, page service.Page[T], record func(T) Record) error {
	items := make([]Record, 0, len(page.Items))
	for _, item := range page.Items {
		items = append(items, record(item))
	}
	return l.Write(w, items, page.Total)
}

// NoContent answers a deletion, or returns why it failed.
func NoContent(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// OnlyTexts returns the items of a list that are text.
func OnlyTexts(list []any) []string {
	out := []string{}
	for _, item := range list {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// Cut takes the part of a whole list that the request asked for.
func Cut[T any](items []T, q service.Query) []T {
	items = items[min(max(q.Offset, 0), len(items)):]
	if q.Limit >= 0 {
		items = items[:min(q.Limit, len(items))]
	}
	return items
}

// Blank makes a record that knows its fields and nothing else.
func Blank(names ...string) Record {
	r := make(Record, len(names))
	for i, n := range names {
		r[i].Name = n
	}
	return r
}

// Raw is a stored document as it is; null when there is none.
func Raw(doc json.RawMessage) any {
	if len(doc) == 0 {
		return nil
	}
	return doc
}

// Object is a document as it is, {} when there is none.
func Object(d model.Document) any {
	if d == nil {
		return model.Document{}
	}
	return d
}
