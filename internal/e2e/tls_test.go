package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestOwnCertificate starts a manager beyond loopback without a certificate: it makes its own one, clients trust it through
// the exported authority, and it is loaded again on SIGHUP.
func TestOwnCertificate(t *testing.T) {
	t.Parallel()
	m := newManager(t, "--listen", "0.0.0.0:0", "--tls.hosts", "manager.example")
	if !strings.HasPrefix(m.url, "https://") {
		t.Fatalf("the manager listens on %s", m.url)
	}
	code, ca := run(t, nil, "certificates", "export-ca", "--data-dir", m.dir)
	pool := x509.NewCertPool()
	if code != 0 || !pool.AppendCertsFromPEM([]byte(ca)) {
		t.Fatalf("export-ca: exit %d\n%s", code, ca)
	}
	if code, out := run(t, nil, "certificates", "show", "--data-dir", m.dir); code != 0 || !strings.Contains(out, "manager.example") {
		t.Errorf("show: exit %d\n%s", code, out)
	}
	if code, out := run(t, nil, "certificates", "show", "--data-dir", t.TempDir()); code == 0 || !strings.Contains(out, "there is no certificate") {
		t.Errorf("show without a certificate: exit %d\n%s", code, out)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	serial := func() string {
		res, err := client.Get(m.url + "/api/v3.1/ok")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		client.CloseIdleConnections()
		if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
			t.Errorf("answered %d by %s", res.StatusCode, res.Proto)
		}
		return res.TLS.PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	if _, err := http.Get(m.url + "/api/v3.1/ok"); err == nil {
		t.Error("the certificate is trusted by everybody")
	}
	if err := os.Remove(filepath.Join(m.dir, "tls", "server.pem")); err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	m.await("another certificate", func() bool { return serial() != first })
}

// TestManyRequestsAtOnce sends requests of all kinds from many clients at once: nobody is left without an answer, and the
// manager answers quickly afterwards.
func TestManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	password := m.password()
	client := &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 20 {
				method, path, body := "GET", "/secrets", ""
				switch j % 4 {
				case 1:
					method, path, body = "PUT", fmt.Sprintf("/secrets/s%d-%d", i, j), `{"value":"v"}`
				case 2:
					method, path, body = "PUT", "/secrets/cut", `{"value":"v`
				case 3:
					method, path, body = "POST", "/nowhere", "{}"
				}
				req, err := http.NewRequestWithContext(t.Context(), method, m.url+"/api/v3.1"+path, strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				req.SetBasicAuth("admin", password)
				req.Header.Set("Tenant", "default_tenant")
				req.Header.Set("Content-Type", "application/json")
				res, err := client.Do(req)
				if err != nil {
					t.Errorf("%s %s: %v", method, path, err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				want := []int{http.StatusOK, http.StatusOK, http.StatusBadRequest, http.StatusNotFound}[j%4]
				if res.StatusCode != want {
					t.Errorf("%s %s: status %d, want %d", method, path, res.StatusCode, want)
				}
			}
		})
	}
	wg.Wait()
	if got := len(m.records("size=0")); got != 32*5 {
		t.Errorf("%d changes are in the audit log, want %d", got, 32*5)
	}
}
