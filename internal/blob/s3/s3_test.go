package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/blob/blobtest"
)

const testKey, testSecret = "test-key", "test-secret-of-the-bucket"

// service is the real S3 server, versitygw over a directory, that all tests of the package share.
var service struct{ address, root string }

func TestMain(m *testing.M) {
	stop, err := startService()
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the S3 service of the tests (make setup installs it):", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		stop()
		os.Exit(code)
	}))
}

// startService starts the server on a free port and waits until it listens.
func startService() (stop func(), err error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	service.address = l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	if service.root, err = os.MkdirTemp("", "reify-s3-"); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "--port", service.address, "--access", testKey, "--secret", testSecret, "--quiet", "posix", service.root)
	// The service must not outlive the tests, however they end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() { _ = errors.Join(cmd.Process.Kill(), cmd.Wait(), os.RemoveAll(service.root)) }
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if c, err := net.Dial("tcp", service.address); err == nil {
			return stop, c.Close()
		}
		<-tick.C
	}
	stop()
	return nil, fmt.Errorf("%s does not listen on %s", program, service.address)
}

// find looks for the program in PATH and where "go install" puts it.
func find() (string, error) {
	if p, err := exec.LookPath("versitygw"); err == nil {
		return p, nil
	}
	out, err := exec.Command("go", "env", "GOBIN", "GOPATH").Output()
	if err != nil {
		return "", err
	}
	bin, gopath, _ := strings.Cut(string(out), "\n")
	if bin == "" {
		bin = filepath.Join(strings.TrimSpace(gopath), "bin")
	}
	return exec.LookPath(filepath.Join(bin, "versitygw"))
}

var buckets atomic.Int64

// address makes a bucket of its own for a test.
func address(t testing.TB, prefix string) string {
	t.Helper()
	bucket := fmt.Sprintf("test-%d", buckets.Add(1))
	if err := os.Mkdir(filepath.Join(service.root, bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("s3://%s:%s@%s/%s%s?insecure=true&region=us-east-1", testKey, testSecret, service.address, bucket, prefix)
}

func openTest(t testing.TB, address string) *Store {
	t.Helper()
	s, err := Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	blobtest.Run(t, func(t testing.TB) blob.Store { return openTest(t, address(t, "")) })
}

func TestConformanceWithPrefix(t *testing.T) {
	blobtest.Run(t, func(t testing.TB) blob.Store { return openTest(t, address(t, "/of/one manager")) })
}

// TestParts sends an object in several parts and reads a range of it; then it is replaced while it is open.
func TestParts(t *testing.T) {
	s := openTest(t, address(t, ""))
	text := strings.Repeat("0123456789abcdef", (2*partSize+100)/16)
	if _, err := s.Put(t.Context(), "big", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	o, err := s.Open(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if o.Info().Size != int64(len(text)) {
		t.Errorf("the object has %d bytes, want %d", o.Info().Size, len(text))
	}
	if _, err := o.Seek(partSize+10, 0); err != nil {
		t.Fatal(err)
	}
	four := make([]byte, 4)
	if _, err := o.Read(four); err != nil || string(four) != text[partSize+10:partSize+14] {
		t.Errorf("read %q, %v", four, err)
	}
	if _, err := s.Put(t.Context(), "big", strings.NewReader("small")); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Seek(3, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Read(four); err == nil || !strings.Contains(err.Error(), "replaced meanwhile") {
		t.Errorf("a range of an object that was replaced: %q, %v", four, err)
	}
}

// TestOpenErrors: every mistake in the address is named, and no secret is.
func TestOpenErrors(t *testing.T) {
	good := address(t, "")
	for address, want := range map[string]string{
		"s3:///bucket":                                 "not complete",
		"s3://host":                                    "not complete",
		"http://host/bucket":                           "not complete",
		"s3://a:sesame@[::1/bucket":                    "not a URL",
		"s3://host/bucket/a/../b":                      "cannot be a part",
		strings.Replace(good, "/test-", "/no", 1):      "make it first",
		strings.Replace(good, testSecret, "sesame", 1): "reach the blob store",
		"s3://k:sesame@127.0.0.1:1/bucket?insecure=true&region=us-east-1": "reach the blob store",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		s, err := Open(ctx, address)
		cancel()
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", address)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v; want %q and no secret", address, err, want)
		}
	}
}

func BenchmarkS3(b *testing.B) {
	blobtest.Bench(b, func(t testing.TB) blob.Store { return openTest(t, address(t, "")) })
}
