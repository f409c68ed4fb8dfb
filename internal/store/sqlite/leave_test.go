package sqlite

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/reifyhq/reify/internal/store"
)

// TestViewsOutliveThoseWhoLeave ends the contexts of views at every moment, as clients do that hang up: no connection may
// stay inside a transaction.
func TestViewsOutliveThoseWhoLeave(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), Options{Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	read := func(ctx context.Context) error {
		return s.View(ctx, func(r store.Reader) error {
			_, err := r.Tenants()
			return err
		})
	}
	for range 3000 {
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(leave)
		if err := read(ctx); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		wg.Wait()
		if err := read(t.Context()); err != nil {
			t.Fatalf("after somebody left: %v", err)
		}
	}
}
