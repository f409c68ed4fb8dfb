package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/script"
)

// sink is a manager that fails as told.
type sink struct {
	mu    sync.Mutex
	fail  func(call int) error
	calls int
	got   []string
}

func (s *sink) post(_ context.Context, b script.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if err := s.fail(s.calls); err != nil {
		return err
	}
	for _, r := range b.Logs {
		s.got = append(s.got, r.Message.Text)
	}
	return nil
}

// flush sends n records through logs and returns how many arrived, with time passing as fast as it is waited for.
func flush(t *testing.T, s *sink, n int) int {
	t.Helper()
	c := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	l := newLogs(t.Context(), c, slog.New(slog.DiscardHandler), s.post, script.Batch{})
	for i := range n {
		l.add(script.Record{Message: script.RecordMessage{Text: fmt.Sprint(i)}})
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		l.close()
	}()
	for {
		select {
		case <-closed:
			for i, text := range s.got {
				if n == len(s.got) && text != fmt.Sprint(i) {
					t.Errorf("record %d is %s", i, text)
				}
			}
			return len(s.got)
		default:
			c.Advance(time.Second)
		}
	}
}

func TestLogsOutlastTheManager(t *testing.T) {
	t.Parallel()
	away := errors.New("connection refused")
	tests := []struct {
		name      string
		fail      func(call int) error
		got, call int
	}{
		{"all well", func(int) error { return nil }, 500, 3},
		{"away for a while", func(call int) error {
			if call <= postAttempts-1 {
				return away
			}
			return nil
		}, 500, postAttempts + 2},
		{"away for ever", func(int) error { return away }, 0, postAttempts + 2},
		{"back after giving up", func(call int) error {
			if call <= postAttempts {
				return away
			}
			return nil
		}, 300, postAttempts + 2},
		{"refused", func(int) error { return fault.New(fault.Unauthorized, "token") }, 0, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &sink{fail: tt.fail}
			if got := flush(t, s, 500); got != tt.got || s.calls != tt.call {
				t.Errorf("%d records after %d calls, want %d after %d", got, s.calls, tt.got, tt.call)
			}
		})
	}
}
