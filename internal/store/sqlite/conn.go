package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// maxStatements bounds the statement cache of a connection: the fixed statements of this package fit several times; what
// comes and goes are lists with rare combinations of conditions.
const maxStatements = 400

// conn is one connection with its cache of prepared statements. One goroutine uses it at a time. It speaks to the driver
// directly: the pool, the locks and the conversions of database/sql cost as much as a small statement itself.
type conn struct {
	raw        driver.Conn
	statements map[string]driver.Stmt
}

// newDriver returns a driver of our own, so that nothing is registered for the whole process.
func newDriver() (*sqlite.Driver, error) {
	d := &sqlite.Driver{}
	if err := d.RegisterDeterministicScalarFunction("ulike", 2, unicodeLike); err != nil {
		return nil, fmt.Errorf("register ulike: %w", err)
	}
	return d, nil
}

// dial opens a connection to the database file with the settings that every connection needs.
func dial(d *sqlite.Driver, path string, pragmas ...string) (*conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	values := url.Values{"_pragma": append([]string{
		"busy_timeout(10000)", "foreign_keys(1)", "temp_store(memory)",
	}, pragmas...)}
	raw, err := d.Open("file://" + (&url.URL{Path: filepath.ToSlash(abs)}).EscapedPath() + "?" + values.Encode())
	if err != nil {
		return nil, err
	}
	return &conn{raw: raw, statements: map[string]driver.Stmt{}}, nil
}

func (c *conn) close() error {
	c.forget()
	return c.raw.Close()
}

// forget closes all cached statements.
func (c *conn) forget() {
	for query, s := range c.statements {
		s.Close()
		delete(c.statements, query)
	}
}

func (c *conn) prepare(query string) (driver.Stmt, error) {
	if s, ok := c.statements[query]; ok {
		return s, nil
	}
	if len(c.statements) >= maxStatements {
		c.forget()
	}
	s, err := c.raw.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("prepare statement: %w", err)
	}
	c.statements[query] = s
	return s, nil
}

// exec runs a statement and returns the number of rows it changed.
func (c *conn) exec(ctx context.Context, query string, args ...driver.Value) (int, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	result, err := s.(driver.StmtExecContext).ExecContext(ctx, named(args))
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// insert runs an INSERT and returns the row number of the new row.
func (c *conn) insert(ctx context.Context, query string, args ...driver.Value) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	result, err := s.(driver.StmtExecContext).ExecContext(ctx, named(args))
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// rowsAtOnce is how many of n rows one INSERT adds: a few forms only, so that their statements stay prepared.
func rowsAtOnce(n int) int {
	for _, rows := range []int{64, 16} {
		if n >= rows {
			return rows
		}
	}
	return 1
}

// manyRows completes an INSERT for a number of rows. Their row numbers follow one another, because one statement gives
// them out and nobody else writes.
func manyRows(insert string, columns, rows int) string {
	one := "(" + placeholders(columns) + ")"
	return insert + strings.Repeat(one+",", rows-1) + one
}

// query runs a statement and calls each for every row; the row is valid during the call only. Statements must not be
// nested: each must not run the same query on the same connection.
func (c *conn) query(ctx context.Context, query string, each func(*row) error, args ...driver.Value) (err error) {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, named(args))
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	r := row{values: make([]driver.Value, len(rows.Columns()))}
	for {
		if err := rows.Next(r.values); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		r.next, r.err = 0, nil
		if err := each(&r); err != nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
	}
}

// one runs a statement that answers at most one row and reports whether there was one.
func (c *conn) one(ctx context.Context, query string, scan func(*row), args ...driver.Value) (bool, error) {
	found := false
	err := c.query(ctx, query, func(r *row) error {
		found = true
		scan(r)
		return nil
	}, args...)
	return found, err
}

func named(args []driver.Value) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return values
}

// constraint says which kind of constraint err is the violation of.
func constraint(err error) (unique, foreign bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false, false
	}
	switch e.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
		return true, false
	case lib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return false, true
	}
	return false, false
}

// pool hands out the reader connections.
type pool struct {
	free   chan *conn
	size   int
	closed chan struct{}
}

func newPool(conns []*conn) *pool {
	p := &pool{free: make(chan *conn, len(conns)), size: len(conns), closed: make(chan struct{})}
	for _, c := range conns {
		p.free <- c
	}
	return p
}

func (p *pool) get(ctx context.Context) (*conn, error) {
	select {
	case <-p.closed:
		return nil, ErrClosed
	default:
	}
	select {
	case c := <-p.free:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, ErrClosed
	}
}

func (p *pool) put(c *conn) { p.free <- c }

// close waits for the connections in use and closes all of them. It may be called once.
func (p *pool) close() error {
	close(p.closed)
	var errs []error
	for range p.size {
		errs = append(errs, (<-p.free).close())
	}
	return errors.Join(errs...)
}

// placeholders returns n comma separated question marks.
func placeholders(n int) string {
	if n == 0 {
		return ""
	}
	return strings.Repeat("?,", n-1) + "?"
}

// sqliteContext is what the driver gives to SQL functions.
type sqliteContext = sqlite.FunctionContext
