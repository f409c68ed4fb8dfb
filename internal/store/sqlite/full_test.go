package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/reifyhq/reify/internal/store"
)

// TestFullDisk lets the file reach its greatest size while many updates share commits: an update is there when and only
// when it was acknowledged, and the store works again when there is room.
func TestFullDisk(t *testing.T) {
	for _, maxBatch := range []int{1, 8, 256} {
		t.Run(fmt.Sprint(maxBatch), func(t *testing.T) { testFullDisk(t, maxBatch) })
	}
}

func testFullDisk(t *testing.T, maxBatch int) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), Options{MaxBatch: maxBatch})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	limit := func(pages int) {
		t.Helper()
		err := s.Update(t.Context(), func(x store.Tx) error {
			_, err := x.(*tx).c.exec(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit(300)
	const callers = 64
	big := strings.Repeat("x", 40_000)
	failures := make([]error, callers)
	var group sync.WaitGroup
	for c := range callers {
		group.Go(func() {
			failures[c] = s.Update(t.Context(), func(x store.Tx) error {
				if err := x.SetValue(fmt.Sprint("small-", c), "x"); err != nil {
					return err
				}
				return x.SetValue(fmt.Sprint("big-", c), big)
			})
		})
	}
	group.Wait()
	limit(1 << 30)
	failed := 0
	err = s.View(t.Context(), func(r store.Reader) error {
		for c, failure := range failures {
			small, err := r.Value(fmt.Sprint("small-", c))
			if err != nil {
				return err
			}
			value, err := r.Value(fmt.Sprint("big-", c))
			if err != nil {
				return err
			}
			if failure != nil {
				failed++
				if !strings.Contains(failure.Error(), "full") {
					t.Errorf("update %d: %v", c, failure)
				}
			}
			if (failure == nil) != (small == "x") || (failure == nil) != (value == big) {
				t.Errorf("update %d: %v, but %q and %d bytes are stored", c, failure, small, len(value))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// All that share a transaction fail with it: how many succeed depends on how they met.
	if failed == 0 || failed == callers && maxBatch == 1 {
		t.Errorf("%d of %d updates failed; the limit should stop some", failed, callers)
	}
	if err := s.Update(t.Context(), func(x store.Tx) error { return x.SetValue("after", big) }); err != nil {
		t.Errorf("update after there was room again: %v", err)
	}
}
