package v31

import (
	"context"
	"net/http"
	"net/url"

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

// unescaped is a part of the path as the client meant it; one that cannot be unescaped stays, and is refused as a name.
func unescaped(r *http.Request, name string) string {
	text, err := url.PathUnescape(param(r, name))
	if err != nil {
		return param(r, name)
	}
	return text
}
