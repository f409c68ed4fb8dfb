package remote

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

// flaky fails as often as it is told and notes the bodies that arrive.
type flaky struct {
	failures int
	err      error
	bodies   []string
}

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		f.bodies = append(f.bodies, string(data))
	}
	if f.failures > 0 {
		f.failures--
		return nil, f.err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func TestPatient(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	reset := &net.OpError{Op: "read", Err: errors.New("connection reset")}
	for _, tt := range []struct {
		name, method string
		err          error
		limit        time.Duration
		want         bool
	}{
		{"a read is repeated", http.MethodGet, reset, time.Minute, true},
		{"what never left is repeated", http.MethodPatch, refused, time.Minute, true},
		{"what may have arrived is not", http.MethodPatch, reset, time.Minute, false},
		{"not for ever", http.MethodGet, refused, 0, false},
	} {
		f := &flaky{failures: 2, err: tt.err}
		p := &Patient{Base: f, Clock: clock.Real{}, Limit: tt.limit, Log: slog.New(slog.DiscardHandler)}
		r, err := http.NewRequestWithContext(t.Context(), tt.method, "http://m/", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := p.RoundTrip(r)
		if (err == nil) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil {
			res.Body.Close()
		}
		for _, b := range f.bodies {
			if b != "body" {
				t.Errorf("%s: the body of a repetition is %q", tt.name, b)
			}
		}
	}
}
