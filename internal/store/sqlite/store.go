// Package sqlite keeps the state of an installation in one SQLite file: the store seam for a single manager.
//
// It never interprets what it stores. One connection writes, some read. Every commit is durable (WAL with
// synchronous=FULL), and updates that wait at the same time share one: a single goroutine, owned by the Store and ended
// by Close, takes what is queued, lets each caller run its function in a savepoint of one transaction, commits once and
// then answers all of them.
//
//	Update ──► queue ──► BEGIN IMMEDIATE · savepoint(fn 1) · savepoint(fn 2) · … · COMMIT ──► answers
//
// Invariants: the schema only moves forward, by the numbered files in migrations; a file written by a newer version is
// refused and left as it is; documents are kept as the JSON text that was given; instants are whole microseconds.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/store"
)

// ErrClosed is the answer to every call on a store that was closed.
var ErrClosed = errors.New("the store is closed")

var _ store.Store = (*Store)(nil)

// Options tune a store. The zero value is right for a manager.
type Options struct {
	// Clock stamps the applied migrations; nil is the clock of the machine.
	Clock clock.Clock
	// Readers is the number of connections that read at the same time; 0 means 4.
	Readers int
	// MaxBatch is the greatest number of updates that share a commit; 0 means 256.
	MaxBatch int
}

// Store is an open SQLite store. It is safe for concurrent use.
type Store struct {
	readers *pool
	writer  *writer
	close   func() error
}

// Open opens the file at path, creates it when it does not exist, and brings its schema up to date.
func Open(ctx context.Context, path string, opt Options) (*Store, error) {
	if opt.Clock == nil {
		opt.Clock = clock.Real{}
	}
	if opt.Readers <= 0 {
		opt.Readers = 4
	}
	if opt.MaxBatch <= 0 {
		opt.MaxBatch = 256
	}
	s, err := open(ctx, path, opt)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, opt Options) (_ *Store, err error) {
	// SQLite gives its other files the mode of this one: what they hold is nobody else's business.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, err
	}
	driver, err := newDriver()
	if err != nil {
		return nil, err
	}
	var conns []*conn
	defer func() {
		if err != nil {
			for _, c := range conns {
				c.close()
			}
		}
	}()
	// The version is checked before anything that writes, the switch to WAL included.
	w, err := dial(driver, path)
	if err != nil {
		return nil, err
	}
	conns = append(conns, w)
	if err := migrate(ctx, w, opt.Clock.Now()); err != nil {
		return nil, err
	}
	for range opt.Readers {
		r, err := dial(driver, path, "query_only(1)", "cache_size(-8000)")
		if err != nil {
			return nil, err
		}
		conns = append(conns, r)
	}
	s := &Store{readers: newPool(conns[1:]), writer: newWriter(ctx, w, opt.MaxBatch)}
	s.close = sync.OnceValue(func() error { return errors.Join(s.readers.close(), s.writer.close()) })
	return s, nil
}

// Close answers queued updates with ErrClosed, waits for the running ones and for open views, and closes the file.
func (s *Store) Close() error { return s.close() }

// View runs fn on a snapshot of one of the reader connections, waiting for one when all are in use.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) (err error) {
	c, err := s.readers.get(ctx)
	if err != nil {
		return err
	}
	defer s.readers.put(c)
	// Nobody's leaving may stop the statements around a view: one that was stopped after it had its effect would leave the
	// connection inside a transaction, of no use to all who come after.
	whole := context.WithoutCancel(ctx)
	if _, err := c.exec(whole, "BEGIN"); err != nil {
		return fmt.Errorf("begin view: %w", err)
	}
	defer func() {
		// A snapshot has nothing to lose, so its end cannot fail the view.
		_, _ = c.exec(whole, "ROLLBACK")
	}()
	return fn(&reader{ctx: ctx, c: c})
}

// Update runs fn in a transaction that it may share with other updates; see store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.writer.update(ctx, fn)
}

// reader implements store.Reader on a connection inside a transaction.
type reader struct {
	ctx context.Context
	c   *conn
}

// tx implements store.Tx on the writer connection.
type tx struct{ reader }
