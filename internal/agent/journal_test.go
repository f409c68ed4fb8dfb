package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/operation"
)

func openTest(t *testing.T, path string, c clock.Clock) *journal {
	t.Helper()
	j, err := openJournal(path, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestJournalSurvives(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	c := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	j := openTest(t, path, c)
	must(t, j.start("a", nil))
	must(t, j.start("a", &process{PID: 7, Start: "1", Boot: "b"}))
	must(t, j.start("b", nil))
	must(t, j.finish("b", operation.Result{Value: json.RawMessage(`{"x":1}`)}))
	must(t, j.finish("c", operation.Fail(operation.NonRecoverable("no"))))
	must(t, j.drop("d", "token"))
	check := func(j *journal) {
		t.Helper()
		if p := j.lookup("a"); !p.started || p.result != nil || p.process == nil || p.process.PID != 7 {
			t.Errorf("a is %+v", p)
		}
		if p := j.lookup("b"); p.result == nil || string(p.result.Value) != `{"x":1}` || p.process != nil {
			t.Errorf("b is %+v", p)
		}
		if p := j.lookup("c"); p.result == nil || p.result.Err == nil || p.result.Err.Message != "no" {
			t.Errorf("c is %+v", p)
		}
		if p := j.lookup("d"); !p.dropped || p.token != "token" {
			t.Errorf("d is %+v", p)
		}
		if p := j.lookup("e"); p.started || p.dropped || p.result != nil {
			t.Errorf("e is %+v", p)
		}
		if n := len(j.processes()); n != 1 {
			t.Errorf("%d processes, want 1", n)
		}
	}
	check(j)
	must(t, j.close())
	whole, err := os.ReadFile(path)
	must(t, err)

	// Every torn end is tolerated: what was whole before it is kept.
	last := strings.LastIndexByte(strings.TrimSuffix(string(whole), "\n"), '\n') + 1
	for cut := last; cut < len(whole); cut += 7 {
		must(t, os.WriteFile(path, whole[:cut], 0o600))
		j := openTest(t, path, c)
		if p := j.lookup("c"); p.result == nil {
			t.Fatalf("cut at %d: c is lost", cut)
		}
		must(t, j.finish("e", operation.Result{}))
		must(t, j.close())
		if j = openTest(t, path, c); j.lookup("e").result == nil {
			t.Fatalf("cut at %d: what was written after it is lost", cut)
		}
		must(t, j.close())
	}
	must(t, os.WriteFile(path, append([]byte("damaged\n"), whole...), 0o600))
	check(openTest(t, path, c))

	c.Advance(keepEntries + time.Second)
	must(t, os.WriteFile(path, whole, 0o600))
	j = openTest(t, path, c)
	if p := j.lookup("b"); p.result != nil {
		t.Error("an old result is remembered")
	}
	if p := j.lookup("a"); !p.started {
		t.Error("an attempt that was not finished is forgotten")
	}
}

func TestJournalCompacts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	c := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	j := openTest(t, path, c)
	big := json.RawMessage(`"` + strings.Repeat("x", 100<<10) + `"`)
	for range 60 {
		must(t, j.finish("same", operation.Result{Value: big}))
	}
	must(t, j.finish("last", operation.Result{}))
	info, err := os.Stat(path)
	must(t, err)
	if info.Size() > 2*compactFrom {
		t.Errorf("the file has %d bytes", info.Size())
	}
	must(t, j.close())
	j = openTest(t, path, c)
	if j.lookup("same").result == nil || j.lookup("last").result == nil {
		t.Error("compaction lost a result")
	}
}

func TestJournalConcurrent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal")
	j := openTest(t, path, clock.Real{})
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 20 {
				if err := j.finish(fmt.Sprint(w, "/", i), operation.Result{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	must(t, j.close())
	if err := j.finish("late", operation.Result{}); err == nil {
		t.Error("a closed journal took an entry")
	}
	j = openTest(t, path, clock.Real{})
	for w := range 8 {
		for i := range 20 {
			if j.lookup(fmt.Sprint(w, "/", i)).result == nil {
				t.Fatalf("entry %d of writer %d is lost", i, w)
			}
		}
	}
}

func TestOpenJournalErrors(t *testing.T) {
	t.Parallel()
	if _, err := openJournal(t.TempDir(), clock.Real{}); err == nil {
		t.Error("a directory was opened as a journal")
	}
}
