package front_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/api/front"
	"github.com/reifyhq/reify/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func call(f http.Handler, method, path string, header http.Header, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, body)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func echo(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if r.URL.Path == "/guess" {
		w.WriteHeader(http.StatusUnauthorized)
	}
	_, _ = w.Write(data)
}

func TestRequestIDAndLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := front.New(http.HandlerFunc(echo), front.Limits{}, slog.New(slog.NewJSONHandler(&log, nil)), clock.Real{})
	if got := call(f, "GET", "/a?_passphrase=hush", http.Header{"X-Request-Id": {"mine-1"}}, nil).Header().Get("X-Request-ID"); got != "mine-1" {
		t.Errorf("the id of the client became %q", got)
	}
	for _, bad := range []string{"", "a b", "x\ny", strings.Repeat("a", 200)} {
		if got := call(f, "GET", "/a", http.Header{"X-Request-Id": {bad}, "Authorization": {"Basic c2VzYW1l"}}, nil).Header().Get("X-Request-ID"); got == "" || got == bad {
			t.Errorf("the id %q became %q", bad, got)
		}
	}
	for _, hidden := range []string{"hush", "c2VzYW1l"} {
		if strings.Contains(log.String(), hidden) {
			t.Errorf("the log holds %q:\n%s", hidden, log.String())
		}
	}
	if !strings.Contains(log.String(), `"path":"/a"`) || !strings.Contains(log.String(), `"status":200`) {
		t.Errorf("the log is\n%s", log.String())
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	at := clock.NewManual(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	f := front.New(http.HandlerFunc(echo), front.Limits{Rate: 2}, slog.New(slog.DiscardHandler), at)
	for i := range 20 {
		if got := call(f, "GET", "/", nil, nil).Code; got != http.StatusOK {
			t.Fatalf("request %d of a burst: status %d", i, got)
		}
	}
	w := call(f, "GET", "/", nil, nil)
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "too_many_requests_error") {
		t.Errorf("one too many: status %d, Retry-After %q, %s", w.Code, w.Header().Get("Retry-After"), w.Body)
	}
	other := httptest.NewRequest("GET", "/", nil)
	other.RemoteAddr = "198.51.100.7:1"
	rec := httptest.NewRecorder()
	if f.ServeHTTP(rec, other); rec.Code != http.StatusOK {
		t.Errorf("another client: status %d", rec.Code)
	}
	at.Advance(time.Second)
	if got := call(f, "GET", "/", nil, nil).Code; got != http.StatusOK {
		t.Errorf("a second later: status %d", got)
	}
	at.Advance(time.Hour)
	if got := call(f, "GET", "/guess", nil, nil).Code; got != http.StatusUnauthorized {
		t.Errorf("a refused sign-in: status %d", got)
	}
	if got := call(f, "GET", "/", nil, nil).Code; got != http.StatusTooManyRequests {
		t.Errorf("after a refused sign-in: status %d", got)
	}
	f.SetLimits(front.Limits{})
	if got := call(f, "GET", "/", nil, nil).Code; got != http.StatusOK {
		t.Errorf("without a limit: status %d", got)
	}
}

func TestManyClientsAreForgotten(t *testing.T) {
	t.Parallel()
	at := clock.NewManual(time.Unix(0, 0))
	f := front.New(http.HandlerFunc(echo), front.Limits{Rate: 1}, slog.New(slog.DiscardHandler), at)
	for i := range 50_000 {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)
		f.ServeHTTP(httptest.NewRecorder(), r)
	}
	if got := call(f, "GET", "/", nil, nil).Code; got != http.StatusOK {
		t.Errorf("status %d", got)
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	const good, bad = "https://console.example", "https://evil.example"
	for _, c := range []struct {
		name, origin string
		origins      []string
		allowed      bool
	}{
		{"off by default", good, nil, false},
		{"listed", good, []string{good}, true},
		{"another", bad, []string{good}, false},
		{"all", bad, []string{"*"}, true},
	} {
		f := front.New(http.HandlerFunc(echo), front.Limits{Origins: c.origins}, slog.New(slog.DiscardHandler), clock.Real{})
		w := call(f, "OPTIONS", "/", http.Header{"Origin": {c.origin}, "Access-Control-Request-Method": {"PUT"}}, nil)
		if got := w.Header().Get("Access-Control-Allow-Origin") == c.origin; got != c.allowed || (w.Code == http.StatusNoContent) != c.allowed {
			t.Errorf("%s: %d %v", c.name, w.Code, w.Header())
		}
		if w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: credentials of browsers are allowed", c.name)
		}
		w = call(f, "GET", "/", http.Header{"Origin": {c.origin}}, nil)
		if got := w.Header().Get("Access-Control-Allow-Origin") == c.origin; got != c.allowed || w.Code != http.StatusOK {
			t.Errorf("%s, simple request: %d %v", c.name, w.Code, w.Header())
		}
	}
}

// serve runs a front on a port of this machine.
func serve(t *testing.T, l front.Limits, c clock.Clock) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: front.New(http.HandlerFunc(echo), l, slog.New(slog.DiscardHandler), c),
		ReadHeaderTimeout: 300 * time.Millisecond, MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Close()
		wg.Wait()
	})
	return listener.Addr().String()
}

// late is a clock that is always behind, so that the patience with a body is over soon.
type late struct {
	clock.Real
	by time.Duration
}

func (l late) Now() time.Time { return l.Real.Now().Add(-l.by) }

// TestHostileClients sends what strangers send: headers that never end, bodies that stop, bodies that are too large or cut
// off. Each connection ends, and all the while others are answered.
func TestHostileClients(t *testing.T) {
	t.Parallel()
	addr := serve(t, front.Limits{Body: 1 << 20}, late{by: 30*time.Second - 300*time.Millisecond})
	const put = "PUT /x HTTP/1.1\r\nHost: h\r\n"
	var wg sync.WaitGroup
	for name, c := range map[string]struct {
		text string
		want string
	}{
		"headers that never end": {"GET / HTTP/1.1\r\nHost: h\r\nX-A:", ""},
		"large headers":          {"GET / HTTP/1.1\r\nHost: h\r\nX-A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", "431"},
		"a body that stops":      {put + "Content-Length: 1000\r\n\r\nabc", "400"},
		"chunks that stop":       {put + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "400"},
		"broken chunks":          {put + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
		"a declared giant":       {put + "Content-Length: 99999999999\r\n\r\n", "413"},
		"no HTTP":                {"\x16\x03\x01\x02\x00\x01\x00", "400"},
	} {
		for range 8 {
			wg.Go(func() {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
					t.Error(err)
				}
				_, _ = conn.Write([]byte(c.text))
				line, _ := bufio.NewReader(conn).ReadString('\n')
				if !strings.Contains(line, c.want) {
					t.Errorf("%s: answered %q, want %s", name, line, c.want)
				}
				if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s: the connection does not end", name)
				}
			})
		}
	}
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for range 50 {
		res, err := client.Post("http://"+addr+"/", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(res.Body)
		res.Body.Close()
		if string(data) != "hello" || err != nil {
			t.Fatalf("an honest client is answered %d %q, %v", res.StatusCode, data, err)
		}
	}
	large := struct{ io.Reader }{io.LimitReader(zeros{}, 2<<20)}
	req, err := http.NewRequestWithContext(context.Background(), "PUT", "http://"+addr+"/", large)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := client.Do(req); err == nil {
		res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("an undeclared giant: status %d", res.StatusCode)
		}
	}
	wg.Wait()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
