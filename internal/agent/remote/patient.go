package remote

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

const (
	firstPause   = 200 * time.Millisecond
	longestPause = 5 * time.Second
)

// Patient is a transport for operations on hosts: while the manager cannot be reached, a request that may be repeated
// waits for it. Requests that only read may be, and those that never left the host. It is safe for concurrent use.
type Patient struct {
	Base  http.RoundTripper
	Clock clock.Clock
	// Limit is how long a request waits.
	Limit time.Duration
	Log   *slog.Logger
}

// RoundTrip implements http.RoundTripper.
func (p *Patient) RoundTrip(r *http.Request) (*http.Response, error) {
	end := p.Clock.Now().Add(p.Limit)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		res, err := p.Base.RoundTrip(r)
		if err == nil || r.Context().Err() != nil || !mayRepeat(r, err) || p.Clock.Now().After(end) {
			return res, err
		}
		p.Log.Warn("the manager cannot be reached; trying again", "method", r.Method, "path", r.URL.Path, "error", err)
		if !p.pause(r.Context(), pause) {
			return nil, err
		}
		r = r.Clone(r.Context())
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

func mayRepeat(r *http.Request, err error) bool {
	if r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		return false
	}
	var op *net.OpError
	return r.Method == http.MethodGet || r.Method == http.MethodHead || errors.As(err, &op) && op.Op == "dial"
}

func (p *Patient) pause(ctx context.Context, d time.Duration) bool {
	timer := p.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C():
		return true
	}
}
