package dslfiles

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

// HTTP reads documents from http and https URLs with the patience of the original (dsl, section 5.5): a bounded time for
// an attempt, and several attempts for connection errors, timeouts and statuses of 500 and more. It is safe for
// concurrent use.
type HTTP struct {
	Client *http.Client
	Clock  clock.Clock
	// Timeout bounds one attempt, Pause is the time between two; Attempts is their number. MaxSize is in bytes.
	Timeout, Pause time.Duration
	Attempts       int
	MaxSize        int64
}

// NewHTTP returns a reader with the limits of the original: 10 s, 6 attempts, 1 s between them; documents of at most
// 100 MiB.
func NewHTTP(c clock.Clock) *HTTP {
	return &HTTP{Client: http.DefaultClient, Clock: c, Timeout: 10 * time.Second, Pause: time.Second, Attempts: 6, MaxSize: maxFile}
}

// final is a failure that another attempt would not change.
type final struct{ error }

// Get returns the document at a URL. Errors say what went wrong, not with what: the parser adds the URL.
func (h *HTTP) Get(ctx context.Context, u string) ([]byte, error) {
	var last error
	for n := range h.Attempts {
		if n > 0 && !h.pause(ctx) {
			break
		}
		data, err := h.once(ctx, u)
		var f final
		if err == nil || errors.As(err, &f) {
			return data, err
		}
		if last = err; ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

func (h *HTTP) pause(ctx context.Context) bool {
	timer := h.Clock.NewTimer(h.Pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}

func (h *HTTP) once(ctx context.Context, u string) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, h.Timeout)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, final{err}
	}
	res, err := h.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode >= 500:
		return nil, fmt.Errorf("status code: %d", res.StatusCode)
	case res.StatusCode >= 300:
		return nil, final{fmt.Errorf("status code: %d", res.StatusCode)}
	case res.ContentLength > h.MaxSize:
		return nil, final{fmt.Errorf("it is larger than %d bytes", h.MaxSize)}
	}
	return readBounded(res.Body, u, h.MaxSize)
}
