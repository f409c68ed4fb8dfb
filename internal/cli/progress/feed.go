package progress

import (
	"context"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

const (
	// feedPage is how many events are asked for at once.
	feedPage = 1000
	// feedOverlap is how many known events are asked for again: an event that was reported late sorts before events
	// already seen, and would be skipped by a bare offset.
	feedOverlap = 100
)

// Feed reads the events of a query as they arrive, each once. It is for one goroutine.
type Feed struct {
	client *client.Client
	query  client.EventQuery
	seen   map[eventKey]struct{}
}

type eventKey struct {
	kind model.EventKind
	id   int64
}

// NewFeed returns a feed of the events of q; its order and paging are replaced.
func NewFeed(c *client.Client, q client.EventQuery) *Feed {
	q.Sort = []string{"reported_timestamp"}
	q.Size = feedPage
	return &Feed{client: c, query: q, seen: map[eventKey]struct{}{}}
}

// Next returns the events that arrived since the last call.
func (f *Feed) Next(ctx context.Context) ([]client.Event, error) {
	return f.read(ctx, max(0, len(f.seen)-feedOverlap))
}

// Drain returns everything that was not returned yet, however late it was reported.
func (f *Feed) Drain(ctx context.Context) ([]client.Event, error) {
	events, err := f.Next(ctx)
	if err != nil {
		return events, err
	}
	page, err := f.client.ListEvents(ctx, f.sized(0, 1))
	if err != nil || page.Metadata.Pagination.Total <= len(f.seen) {
		return events, err
	}
	late, err := f.read(ctx, 0)
	return append(events, late...), err
}

func (f *Feed) sized(offset, size int) client.EventQuery {
	q := f.query
	q.Offset, q.Size = offset, size
	return q
}

func (f *Feed) read(ctx context.Context, offset int) ([]client.Event, error) {
	var fresh []client.Event
	for {
		page, err := f.client.ListEvents(ctx, f.sized(offset, feedPage))
		if err != nil {
			return fresh, err
		}
		for _, e := range page.Items {
			key := eventKey{e.Kind, e.StorageID}
			if _, ok := f.seen[key]; !ok {
				f.seen[key] = struct{}{}
				fresh = append(fresh, e)
			}
		}
		if len(page.Items) < feedPage {
			return fresh, nil
		}
		offset += len(page.Items)
	}
}
