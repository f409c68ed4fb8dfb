package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/reifyhq/reify/internal/store"
)

// A request is one Update on its way: queued, then either abandoned by its caller or running.
const (
	queued int32 = iota
	abandoned
	running
)

// request is an update that waits for its turn. The function runs on the goroutine of its caller, so that a panic or a
// runtime.Goexit inside it ends the caller and not the writer.
type request struct {
	ctx   context.Context
	state atomic.Int32
	// turn tells the caller to run its function, ran carries the outcome back, answer ends the update.
	turn   chan struct{}
	ran    chan error
	answer chan error
}

// writer owns the writing connection: one goroutine that commits batches of updates.
type writer struct {
	// ctx never ends: the writer ends by close, and a commit is not given up half way.
	ctx      context.Context
	c        *conn
	maxBatch int
	done     chan struct{}

	mu      sync.Mutex
	waiting []*request
	closing bool
	wake    chan struct{}
}

func newWriter(ctx context.Context, c *conn, maxBatch int) *writer {
	w := &writer{ctx: context.WithoutCancel(ctx), c: c, maxBatch: maxBatch, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	go w.run()
	return w
}

// close refuses new updates, waits until the goroutine has ended and closes the connection.
func (w *writer) close() error {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.notify()
	<-w.done
	return w.c.close()
}

func (w *writer) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// update is the caller's side.
func (w *writer) update(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{ctx: ctx, turn: make(chan struct{}, 1), ran: make(chan error, 1), answer: make(chan error, 1)}
	w.mu.Lock()
	if w.closing {
		w.mu.Unlock()
		return ErrClosed
	}
	w.waiting = append(w.waiting, r)
	w.mu.Unlock()
	w.notify()

	select {
	case err := <-r.answer:
		return err
	case <-r.turn:
	case <-ctx.Done():
		if r.state.CompareAndSwap(queued, abandoned) {
			return ctx.Err()
		}
		select {
		case err := <-r.answer:
			return err
		case <-r.turn:
		}
	}
	r.run(&tx{reader{ctx: context.WithoutCancel(ctx), c: w.c}}, fn)
	return <-r.answer
}

var errExited = errors.New("the update ended its goroutine")

// run calls fn and always reports an outcome to the writer, even when fn panics or ends the goroutine.
func (r *request) run(t *tx, fn func(store.Tx) error) {
	err := errExited
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the update panicked: %v\n%s", p, debug.Stack())
		}
		r.ran <- err
	}()
	err = fn(t)
}

// run is the writer's side: batch after batch until close.
func (w *writer) run() {
	defer close(w.done)
	for {
		batch, closing := w.next()
		switch {
		case closing:
			for _, r := range batch {
				r.answer <- ErrClosed
			}
			return
		case len(batch) == 0:
			<-w.wake
		default:
			w.commit(batch)
		}
	}
}

// next takes up to maxBatch requests; when the store closes, all of them.
func (w *writer) next() (batch []*request, closing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.waiting)
	if !w.closing {
		n = min(n, w.maxBatch)
	}
	batch, w.waiting = w.waiting[:n:n], w.waiting[n:]
	return batch, w.closing
}

// commit runs a batch in one transaction and answers it. A request whose function failed is answered with its error and
// leaves no trace; the others share the fate of the commit.
func (w *writer) commit(batch []*request) {
	if _, err := w.c.exec(w.ctx, "BEGIN IMMEDIATE"); err != nil {
		answer(batch, fmt.Errorf("begin update: %w", err))
		return
	}
	if len(batch) == 1 {
		w.commitAlone(batch[0])
		return
	}
	var succeeded []*request
	for i, r := range batch {
		if !r.state.CompareAndSwap(queued, running) {
			continue
		}
		ok, err := w.step(r)
		if err != nil {
			// The whole transaction is gone (a full disk, an I/O error): what ran in it was undone with it.
			_, _ = w.c.exec(w.ctx, "ROLLBACK")
			answer(append(succeeded, r), err)
			answer(batch[i+1:], err)
			return
		}
		if ok {
			succeeded = append(succeeded, r)
		}
	}
	if len(succeeded) == 0 {
		// Nothing to keep: whatever the end of the transaction says, every caller has its answer.
		_, _ = w.c.exec(w.ctx, "ROLLBACK")
		return
	}
	_, err := w.c.exec(w.ctx, "COMMIT")
	if err != nil {
		_, _ = w.c.exec(w.ctx, "ROLLBACK")
		err = fmt.Errorf("commit: %w", err)
	}
	answer(succeeded, err)
}

// commitAlone runs the only request of a transaction, which needs no savepoint and none of the copies of pages that it costs.
func (w *writer) commitAlone(r *request) {
	if !r.state.CompareAndSwap(queued, running) {
		_, _ = w.c.exec(w.ctx, "ROLLBACK")
		return
	}
	r.turn <- struct{}{}
	err := <-r.ran
	if err == nil {
		if _, err = w.c.exec(w.ctx, "COMMIT"); err != nil {
			err = fmt.Errorf("commit: %w", err)
		}
	}
	if err != nil {
		// Whatever the end of the transaction says, what ran in it is undone and the caller has its answer.
		_, _ = w.c.exec(w.ctx, "ROLLBACK")
	}
	r.answer <- err
}

// step lets one request run inside a savepoint. It reports whether the request succeeded; one that failed is rolled back
// and answered. An error means that the transaction itself is broken.
func (w *writer) step(r *request) (ok bool, err error) {
	if _, err := w.c.exec(w.ctx, "SAVEPOINT step"); err != nil {
		return false, fmt.Errorf("begin update: %w", err)
	}
	r.turn <- struct{}{}
	failure := <-r.ran
	if failure != nil {
		if _, err := w.c.exec(w.ctx, "ROLLBACK TO step"); err != nil {
			return false, errors.Join(failure, err)
		}
	}
	if _, err := w.c.exec(w.ctx, "RELEASE step"); err != nil {
		return false, errors.Join(failure, fmt.Errorf("end update: %w", err))
	}
	if failure != nil {
		r.answer <- failure
		return false, nil
	}
	return true, nil
}

// answer ends requests with err. Those that were abandoned have nobody waiting; their channel has room.
func answer(requests []*request, err error) {
	for _, r := range requests {
		r.answer <- err
	}
}
