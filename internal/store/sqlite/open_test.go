package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/store"
)

// withReader runs fn with the reader of a new store, filled before when fill is given.
func withReader(t *testing.T, fill func(store.Tx) error, fn func(*reader)) {
	t.Helper()
	s := openTest(t, t.TempDir())
	defer s.Close()
	if fill != nil {
		if err := s.Update(t.Context(), fill); err != nil {
			t.Fatal(err)
		}
	}
	err := s.View(t.Context(), func(r store.Reader) error {
		fn(r.(*reader))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func anys(list []driver.Value) []any {
	values := make([]any, len(list))
	for i, v := range list {
		values[i] = v
	}
	return values
}

func toDriver(list []any) []driver.Value {
	values := make([]driver.Value, len(list))
	for i, v := range list {
		values[i] = v
	}
	return values
}

// raw runs statements on a file without a store around it.
func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	d, err := newDriver()
	if err != nil {
		t.Fatal(err)
	}
	c, err := dial(d, path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, s := range statements {
		if _, err := c.exec(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd name ?#%41&.db")
	at := clock.NewManual(time.UnixMicro(42))
	s, err := Open(t.Context(), path, Options{Clock: at})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has not the name and the mode that were asked for: %v, %v", info, err)
	}
	settings := func(c *conn) map[string]string {
		got := map[string]string{}
		for _, p := range []string{"journal_mode", "synchronous", "foreign_keys", "busy_timeout", "user_version"} {
			_, err := c.one(t.Context(), "SELECT CAST("+p+" AS TEXT) FROM pragma_"+p, func(r *row) { got[p] = r.text() })
			if p == "busy_timeout" {
				_, err = c.one(t.Context(), "SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout", func(r *row) { got[p] = r.text() })
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return got
	}
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000",
		"user_version": strconv.Itoa(newest(t))}
	err = s.Update(t.Context(), func(x store.Tx) error {
		for name, value := range settings(x.(*tx).c) {
			if value != want[name] {
				t.Errorf("writer has %s = %s, want %s", name, value, want[name])
			}
		}
		var applied int64
		_, err := x.(*tx).c.one(t.Context(), "SELECT applied_at FROM migrations WHERE version = 1",
			func(r *row) { applied = r.number() })
		if applied != 42 {
			t.Errorf("migration was applied at %d", applied)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRefusesNewerDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw(t, path, "PRAGMA user_version = 99", "PRAGMA journal_mode = delete")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), path, Options{})
	if err == nil {
		t.Fatal("a newer database was opened")
	}
	for _, want := range []string{path, "99", fmt.Sprintf("up to %d", newest(t)), "newer program", "nothing was changed"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
}

func TestRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign.db")
	raw(t, foreign, "CREATE TABLE theirs (x)")
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database "), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		foreign: "another program", text: "not a database", filepath.Join(dir, "no", "dir.db"): "no such file",
	} {
		if _, err := Open(t.Context(), path, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %s: %v, want %q", path, err, want)
		}
	}
}

func TestStatementCacheIsBounded(t *testing.T) {
	withReader(t, nil, func(r *reader) {
		for i := range 3 * maxStatements {
			query := fmt.Sprint("SELECT ", i)
			if _, err := r.c.one(r.ctx, query, func(*row) {}); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(r.c.statements); n > maxStatements {
			t.Errorf("%d statements are cached", n)
		}
	})
}

// newest is the schema version of this program.
func newest(t *testing.T) int {
	t.Helper()
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	return steps[len(steps)-1].version
}

// TestAppliesStepsBetween opens a file that lacks a step older than its newest one, as after a merge of two lines of work.
func TestAppliesStepsBetween(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw(t, path, "DROP TABLE groups", "DROP TABLE group_users", "DROP TABLE sites", "DROP INDEX deployments_site",
		"DROP TABLE blueprints_filters", "DROP TABLE deployments_filters", "DROP INDEX secrets_provider", "DROP TABLE secrets",
		"DELETE FROM migrations WHERE version = 3")
	if s, err = Open(t.Context(), path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.View(t.Context(), func(r store.Reader) error { _, err := r.Groups(); return err }); err != nil {
		t.Errorf("the missing step was not applied: %v", err)
	}
}
