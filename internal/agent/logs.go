package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/script"
)

const (
	flushEvery = 100 * time.Millisecond
	flushItems = 200
	// maxWaiting is how many records wait for the manager before the operation has to.
	maxWaiting = 10 * flushItems
	// postAttempts bounds the attempts to post a batch, postPause is the pause after the first; pauses double up to
	// longestPause. Together they outlast the restart of a manager.
	postAttempts = 15
	postPause    = 500 * time.Millisecond
	longestPause = 5 * time.Second
)

// logs brings the records of one operation to the manager in order, in batches. add may be called from many goroutines
// until close, which returns when everything was posted or given up.
type logs struct {
	ctx   context.Context
	clock clock.Clock
	log   *slog.Logger
	post  func(context.Context, script.Batch) error
	frame script.Batch

	// lost is set when records were given up: from then on a batch is tried once, so that an operation is not held up
	// again and again.
	lost    bool
	records chan script.Record
	stop    chan struct{}
	done    sync.WaitGroup
}

func newLogs(ctx context.Context, c clock.Clock, log *slog.Logger, post func(context.Context, script.Batch) error,
	frame script.Batch) *logs {
	l := &logs{
		ctx: ctx, clock: c, log: log, post: post, frame: frame,
		records: make(chan script.Record, maxWaiting), stop: make(chan struct{}),
	}
	l.done.Go(l.run)
	return l
}

// add takes a record and blocks while too many wait. A record that comes after close is lost.
func (l *logs) add(r script.Record) {
	select {
	case l.records <- r:
	case <-l.stop:
	}
}

func (l *logs) close() {
	close(l.stop)
	l.done.Wait()
}

// run posts batches until close, and then what is left.
func (l *logs) run() {
	for {
		select {
		case first := <-l.records:
			l.send(l.collect(first))
		case <-l.stop:
			if len(l.records) == 0 {
				return
			}
			l.send(l.collect(<-l.records))
		}
	}
}

// collect gathers records until there are enough, the first has waited long enough, or no more will come.
func (l *logs) collect(first script.Record) []script.Record {
	batch := []script.Record{first}
	timer := l.clock.NewTimer(flushEvery)
	defer timer.Stop()
	for len(batch) < flushItems {
		select {
		case r := <-l.records:
			batch = append(batch, r)
			continue
		default:
		}
		select {
		case r := <-l.records:
			batch = append(batch, r)
		case <-timer.C():
			return batch
		case <-l.stop:
			if len(l.records) == 0 {
				return batch
			}
		}
	}
	return batch
}

// send posts records, repeats what failed and gives up after a while: a log must not stop an operation for ever.
func (l *logs) send(records []script.Record) {
	batch := l.frame
	for _, r := range records {
		if r.Type == model.KindEvent {
			batch.Events = append(batch.Events, r)
		} else {
			batch.Logs = append(batch.Logs, r)
		}
	}
	var err error
	delay := postPause
	for range postAttempts {
		if err = l.post(l.ctx, batch); err == nil {
			l.lost = false
			return
		}
		if l.lost || refused(err) || !l.pause(delay) {
			break
		}
		delay = min(2*delay, longestPause)
	}
	l.lost = true
	l.log.Error("lost log records", "execution", batch.ExecutionID, "records", len(records), "error", err)
}

// refused reports whether the manager said no, which it would say again.
func refused(err error) bool {
	switch code := fault.CodeOf(err); code {
	case fault.Internal, fault.Storage:
		return false
	default:
		return true
	}
}

func (l *logs) pause(d time.Duration) bool {
	timer := l.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-l.ctx.Done():
		return false
	}
}
