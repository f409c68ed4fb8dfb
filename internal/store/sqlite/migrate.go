package sqlite

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID marks the file as ours in the header of the database ("Reif").
const applicationID = 0x52656966

// migration is one step of the schema.
type migration struct {
	version int
	name    string
	sql     string
}

// migrations returns the embedded steps in the order of their versions, which grow but may leave numbers out.
func migrations() ([]migration, error) {
	entries, err := fs.ReadDir(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	var list []migration
	last := 0
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version <= last {
			return nil, fmt.Errorf("migration file %s must have a number greater than %d", e.Name(), last)
		}
		last = version
		text, err := fs.ReadFile(migrationFiles, "migrations/"+e.Name())
		if err != nil {
			return nil, err
		}
		list = append(list, migration{version, strings.TrimSuffix(e.Name(), ".sql"), string(text)})
	}
	return list, nil
}

// migrate checks whose file it is and which version it has, makes it a WAL file and applies the missing steps, all of
// them in one transaction.
func migrate(ctx context.Context, c *conn, now time.Time) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	current, err := schemaVersion(ctx, c)
	if err != nil {
		return err
	}
	newest := steps[len(steps)-1].version
	if current > newest {
		return fmt.Errorf("the database has schema version %d, but this program knows versions up to %d only: "+
			"start the newer program that wrote it, or restore a snapshot from before the upgrade; nothing was changed",
			current, newest)
	}
	for _, pragma := range []string{"journal_mode(wal)", "synchronous(full)", "cache_size(-65536)",
		"wal_autocheckpoint(4000)", "journal_size_limit(67108864)"} {
		if _, err := c.exec(ctx, "PRAGMA "+pragma); err != nil {
			return fmt.Errorf("set %s: %w", pragma, err)
		}
	}
	missing, err := unapplied(ctx, c, steps, current)
	if err != nil || len(missing) == 0 {
		return err
	}
	if err := apply(ctx, c, steps, now); err != nil {
		_, rollbackErr := c.exec(ctx, "ROLLBACK")
		return errors.Join(err, rollbackErr)
	}
	return nil
}

func apply(ctx context.Context, c *conn, steps []migration, now time.Time) error {
	if _, err := c.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin migration: %w", err)
	}
	// Another process may have migrated the file in the meantime.
	current, err := schemaVersion(ctx, c)
	if err != nil {
		return err
	}
	if current == 0 {
		_, err := c.exec(ctx, "CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, "+
			"applied_at INTEGER NOT NULL) STRICT")
		if err != nil {
			return fmt.Errorf("create table of migrations: %w", err)
		}
	}
	missing, err := unapplied(ctx, c, steps, current)
	if err != nil {
		return err
	}
	for _, m := range missing {
		if _, err := c.exec(ctx, m.sql); err != nil {
			return fmt.Errorf("apply migration %s: %w", m.name, err)
		}
		_, err := c.exec(ctx, "INSERT INTO migrations (version, name, applied_at) VALUES (?, ?, ?)",
			int64(m.version), m.name, now.UnixMicro())
		if err != nil {
			return fmt.Errorf("record migration %s: %w", m.name, err)
		}
	}
	for _, pragma := range []string{fmt.Sprintf("application_id(%d)", applicationID),
		fmt.Sprintf("user_version(%d)", steps[len(steps)-1].version)} {
		if _, err := c.exec(ctx, "PRAGMA "+pragma); err != nil {
			return fmt.Errorf("record schema version: %w", err)
		}
	}
	_, err = c.exec(ctx, "COMMIT")
	return err
}

// unapplied returns the steps that the file does not have yet. The table of migrations says which it has, so that a step
// that comes between two older ones is not left out.
func unapplied(ctx context.Context, c *conn, steps []migration, current int) ([]migration, error) {
	if current == 0 {
		return steps, nil
	}
	has := map[int]bool{}
	err := c.query(ctx, "SELECT version FROM migrations", func(r *row) error {
		has[r.integer()] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read applied migrations: %w", err)
	}
	return slices.DeleteFunc(slices.Clone(steps), func(m migration) bool { return has[m.version] }), nil
}

// schemaVersion returns the version of the file, 0 for an empty one, and an error for a database of another program.
func schemaVersion(ctx context.Context, c *conn) (int, error) {
	var version, application, tables int
	for query, dst := range map[string]*int{
		"PRAGMA user_version":                &version,
		"PRAGMA application_id":              &application,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if _, err := c.one(ctx, query, func(r *row) { *dst = r.integer() }); err != nil {
			return 0, fmt.Errorf("read schema version: %w", err)
		}
	}
	if application != applicationID && (application != 0 || version != 0 || tables != 0) {
		return 0, errors.New("the file is a database of another program; choose another path")
	}
	return version, nil
}
