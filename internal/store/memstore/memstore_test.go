package memstore_test

import (
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/memstore"
	"github.com/reifyhq/reify/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// disks are the stores that directories stand for.
var disks sync.Map

func open(_ testing.TB, dir string) store.Store {
	s := memstore.New()
	if old, ok := disks.Load(dir); ok {
		s = old.(*memstore.Store).Reopen()
	}
	disks.Store(dir, s)
	return s
}

func TestConformance(t *testing.T) { storetest.RunExecutions(t, open) }

func BenchmarkStore(b *testing.B) { storetest.Bench(b, open) }
