package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func testAtomicity(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	err := e.Update(t.Context(), func(tx store.Tx) error {
		d.DisplayName = "changed"
		if err := tx.UpdateDeployment(d); err != nil {
			return err
		}
		if err := tx.SetValue("v", "changed"); err != nil {
			return err
		}
		// A statement that failed must not undo those before it, nor keep those after it from running.
		if err := tx.InsertDeployment(d); !fault.Is(err, fault.Conflict) {
			t.Errorf("conflict inside an update: %v", err)
		}
		got, err := tx.Deployment(tenantA, "d1")
		if err != nil || got.DisplayName != "changed" {
			t.Errorf("an update does not see its own changes: %v, %v", got, err)
		}
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Errorf("update returned %v, want the error of its function", err)
	}
	got := read(e, func(r store.Reader) (*model.Deployment, error) { return r.Deployment(tenantA, "d1") })
	equal(t, "deployment after a failed update", got.DisplayName, "d1")
	equal(t, "value", read(e, func(r store.Reader) (string, error) { return r.Value("v") }), "")
}

// testConcurrency lets updates that succeed, fail and panic run at the same time, so that they share commits, and checks
// that each was atomic and saw all before it.
func testConcurrency(t *testing.T, open Opener) {
	e := newEnv(t, open)
	const callers, rounds = 16, 25
	var group sync.WaitGroup
	for c := range callers {
		group.Go(func() {
			for i := range rounds {
				mine := fmt.Sprintf("%d-%d", c, i)
				err := e.Update(t.Context(), func(tx store.Tx) error {
					log, err := tx.Value("log")
					if err != nil {
						return err
					}
					if err := tx.SetValue("log", log+mine+" "); err != nil {
						return err
					}
					switch {
					case i%3 == 1:
						return errStop
					case i%5 == 4:
						panic("on purpose")
					}
					return nil
				})
				wanted := i%3 != 1 && i%5 != 4
				if (err == nil) != wanted {
					t.Errorf("update %s: %v", mine, err)
				}
			}
		})
	}
	group.Wait()
	log := strings.Fields(read(e, func(r store.Reader) (string, error) { return r.Value("log") }))
	last := map[string]int{}
	for _, entry := range log {
		var c string
		var i int
		if _, err := fmt.Sscanf(strings.Replace(entry, "-", " ", 1), "%s %d", &c, &i); err != nil {
			t.Fatal(err)
		}
		if i%3 == 1 || i%5 == 4 {
			t.Errorf("update %s failed and left a trace", entry)
		}
		if before, ok := last[c]; ok && i <= before {
			t.Errorf("update %s came after %s-%d of the same caller", entry, c, before)
		}
		last[c] = i
	}
	want := 0
	for i := range rounds {
		if i%3 != 1 && i%5 != 4 {
			want += callers
		}
	}
	if len(log) != want {
		t.Errorf("%d updates left a trace, want %d", len(log), want)
	}
}

// testAbandon checks that an update whose caller gave up while it waited does not run.
func testAbandon(t *testing.T, open Opener) {
	e := newEnv(t, open)
	inside, leave := make(chan struct{}), make(chan struct{})
	first, second := make(chan error, 1), make(chan error, 1)
	running, stop := context.WithCancel(t.Context())
	go func() {
		first <- e.Update(running, func(tx store.Tx) error {
			close(inside)
			<-leave
			return tx.SetValue("first", "ran")
		})
	}()
	<-inside
	waiting, cancel := context.WithCancel(t.Context())
	go func() {
		second <- e.Update(waiting, func(tx store.Tx) error { return tx.SetValue("second", "ran") })
	}()
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("abandoned update: %v", err)
	}
	stop()
	close(leave)
	if err := <-first; err != nil {
		t.Errorf("an update that runs completes although its caller gave up: %v", err)
	}
	value := func(name string) string {
		return read(e, func(r store.Reader) (string, error) { return r.Value(name) })
	}
	equal(t, "values", []string{value("first"), value("second")}, []string{"ran", ""})
	if err := e.Update(waiting, func(store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("update with an ended context: %v", err)
	}
	if err := e.View(waiting, func(r store.Reader) error { _, err := r.Value("first"); return err }); err == nil {
		t.Error("view with an ended context succeeded")
	}
}

func testPanic(t *testing.T, open Opener) {
	e := newEnv(t, open)
	err := e.Update(t.Context(), func(tx store.Tx) error {
		if err := tx.SetValue("v", "x"); err != nil {
			return err
		}
		panic("on purpose")
	})
	if err == nil || !strings.Contains(err.Error(), "on purpose") {
		t.Errorf("update that panics: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.Update(t.Context(), func(tx store.Tx) error {
			if err := tx.SetValue("v", "y"); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
	}()
	<-done
	equal(t, "value", read(e, func(r store.Reader) (string, error) { return r.Value("v") }), "")
	func() {
		defer func() { _ = recover() }()
		_ = e.View(t.Context(), func(store.Reader) error { panic("on purpose") })
	}()
	e.must(func(tx store.Tx) error { return tx.SetValue("v", "z") })
	equal(t, "value", read(e, func(r store.Reader) (string, error) { return r.Value("v") }), "z")
}

func testClose(t *testing.T, open Opener) {
	s := open(t, t.TempDir())
	inside, leave := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- s.Update(t.Context(), func(tx store.Tx) error {
			close(inside)
			<-leave
			return tx.SetValue("v", "x")
		})
	}()
	<-inside
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			// Each of these is answered: it ran before the close, or it was refused.
			_ = s.Update(t.Context(), func(tx store.Tx) error { return tx.SetValue("w", "x") })
		})
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	close(leave)
	if err := <-first; err != nil {
		t.Errorf("update that ran while the store closed: %v", err)
	}
	group.Wait()
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	if err := s.Update(t.Context(), func(store.Tx) error { return nil }); err == nil {
		t.Error("update of a closed store succeeded")
	}
	if err := s.View(t.Context(), func(store.Reader) error { return nil }); err == nil {
		t.Error("view of a closed store succeeded")
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// testSnapshot checks that a view does not see what is committed while it runs.
func testSnapshot(t *testing.T, open Opener) {
	e := newEnv(t, open)
	e.must(func(tx store.Tx) error { return tx.SetValue("v", "before") })
	e.view(func(r store.Reader) error {
		first, err := r.Value("v")
		if err != nil {
			return err
		}
		e.must(func(tx store.Tx) error { return tx.SetValue("v", "after") })
		second, err := r.Value("v")
		equal(t, "values in one view", []string{first, second}, []string{"before", "before"})
		return err
	})
	equal(t, "value", read(e, func(r store.Reader) (string, error) { return r.Value("v") }), "after")
	if err := e.View(t.Context(), func(store.Reader) error { return errStop }); !errors.Is(err, errStop) {
		t.Errorf("view returned %v, want the error of its function", err)
	}
}

func testReopen(t *testing.T, open Opener) {
	dir := t.TempDir()
	for i := range 3 {
		s := open(t, dir)
		e := &env{t, s}
		want := ""
		if i > 0 {
			want = fmt.Sprint("run ", i-1)
		}
		equal(t, "value from the last run", read(e, func(r store.Reader) (string, error) { return r.Value("v") }), want)
		e.must(func(tx store.Tx) error { return tx.SetValue("v", fmt.Sprint("run ", i)) })
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
