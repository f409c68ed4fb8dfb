// Package search reads the requests for lists that know filters: rules of stored filters, and the bodies of searches, which
// add rules and constraints to the list of the same resource (rest-api, section 12).
//
// It answers nothing: the handlers of the resources do.
package search

import (
	"context"
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
)

// search is what the body of a search adds to a list.
type search struct {
	rules []model.FilterRule
	where []service.Condition
}

// searchKey is the key of a request's search in its context: the handlers of lists are shared with the searches.
type searchKey struct{}

func withSearch(ctx context.Context, s search) context.Context {
	return context.WithValue(ctx, searchKey{}, s)
}

func searchOf(ctx context.Context) search {
	s, _ := ctx.Value(searchKey{}).(search)
	return s
}

// Kind is the kind of resource that a route about filters or labels names.
func Kind(r *http.Request) service.Kind { return service.Kind(api.Param(r, "kind")) }
