// Package memstore is the persistence seam in memory: for tests and for simulation of the engine.
//
// It keeps what executions need, and every promise of package store for that except that its data dies with the process;
// user groups, secrets, sites, filters, agents, snapshots, counts and the audit log answer ErrNotKept. An update works on a copy of the
// tables it writes and its commit replaces the root, so that views see snapshots and a failed update leaves nothing.
// Lists are answered by walking: it is made for thousands of rows, not for millions.
//
// It never starts a goroutine, reads no clock and draws no random number: the same calls give the same answers.
package memstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/reifyhq/reify/internal/store"
)

// ErrClosed answers every call after Close.
var ErrClosed = errors.New("the store is closed")

// ErrNotKept answers every call about something that executions do not need.
var ErrNotKept = errors.New("the store in memory keeps what executions need and nothing else")

// Store is a store in memory; see New. It is safe for concurrent use.
type Store struct {
	root atomic.Pointer[state]
	// turn holds one token: whoever has it may update.
	turn   chan struct{}
	closed atomic.Bool
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	s := &Store{turn: make(chan struct{}, 1)}
	s.root.Store(&state{})
	return s
}

// Reopen returns a store that begins with what is committed in s, as a restarted process would find it.
func (s *Store) Reopen() *Store {
	again := New()
	again.root.Store(s.root.Load())
	return again
}

// View runs fn on the state of this moment.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	return fn(reader{s: s.root.Load()})
}

// Update runs fn on a copy and makes the copy the state when fn succeeds.
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.turn }()
	if s.closed.Load() {
		return ErrClosed
	}
	next := s.root.Load().begin()
	if err := run(&tx{reader: reader{s: next}}, fn); err != nil {
		return err
	}
	s.root.Store(next)
	return nil
}

func run(t *tx, fn func(store.Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the update panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(t)
}

// Close refuses further calls and waits for a running update.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.turn <- struct{}{}
	<-s.turn
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}

// reader answers from one state.
type reader struct {
	s *state
	notRead
}

// tx is a reader that may change its state.
type tx struct {
	reader
	notWritten
}
