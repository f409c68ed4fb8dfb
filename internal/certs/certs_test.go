package certs_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/certs"
	"github.com/reifyhq/reify/internal/clock"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func leaf(t *testing.T, k *certs.Keeper) *x509.Certificate {
	t.Helper()
	pair, err := k.Certificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func open(t *testing.T, o certs.Options) *certs.Keeper {
	t.Helper()
	k, err := certs.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestOwnCertificate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tls")
	at := clock.NewManual(start)
	o := certs.Options{Dir: dir, Hosts: []string{"localhost", "127.0.0.1", "manager.example"}, Clock: at}
	k := open(t, o)
	ca, err := os.ReadFile(filepath.Join(dir, certs.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("the authority is no certificate")
	}
	for _, host := range o.Hosts {
		if _, err := leaf(t, k).Verify(x509.VerifyOptions{DNSName: host, Roots: pool, CurrentTime: start}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, key := range []string{"ca.key", "server.key"} {
		if info, err := os.Stat(filepath.Join(dir, key)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", key, info, err)
		}
	}
	first := leaf(t, k)
	if again := leaf(t, open(t, o)); !again.Equal(first) {
		t.Error("a second start made another certificate")
	}

	at.Advance(200 * 24 * time.Hour)
	if changed, err := k.Renew(); err != nil || changed {
		t.Errorf("renewed too early: %v, %v", changed, err)
	}
	at.Advance(100 * 24 * time.Hour)
	if changed, err := k.Renew(); err != nil || !changed || leaf(t, k).Equal(first) {
		t.Errorf("not renewed when a third is left: %v, %v", changed, err)
	}
	if _, err := leaf(t, k).Verify(x509.VerifyOptions{DNSName: "localhost", Roots: pool, CurrentTime: at.Now()}); err != nil {
		t.Errorf("the renewed certificate is not of the same authority: %v", err)
	}
	o.Hosts = append(o.Hosts, "other.example")
	if err := leaf(t, open(t, o)).VerifyHostname("other.example"); err != nil {
		t.Errorf("a new name: %v", err)
	}

	if err := os.WriteFile(filepath.Join(dir, "server.pem"), []byte("cut off"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, o)
	at.Advance(10 * 365 * 24 * time.Hour)
	if _, err := k.Renew(); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("an authority that has ended: %v", err)
	}

	var out bytes.Buffer
	if err := certs.Show(dir, &out); err != nil || !strings.Contains(out.String(), "other.example") || !strings.Contains(out.String(), "sha256") {
		t.Errorf("show: %v\n%s", err, out.String())
	}
	if err := certs.Show(t.TempDir(), &out); err == nil {
		t.Error("there is something to show in an empty directory")
	}
}

// TestHandshakeAfterReload serves with a given certificate, exchanges the files and serves with the new one.
func TestHandshakeAfterReload(t *testing.T) {
	t.Parallel()
	pair := func() (cert, key string) {
		dir := t.TempDir()
		open(t, certs.Options{Dir: dir, Hosts: []string{"127.0.0.1"}, Clock: clock.Real{}})
		return filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	}
	cert, key := pair()
	k := open(t, certs.Options{Cert: cert, Key: key, Clock: clock.Real{}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	done := make(chan error, 1)
	go func() {
		done <- server.Serve(tls.NewListener(l, &tls.Config{GetCertificate: k.Certificate, MinVersion: tls.VersionTLS12}))
	}()
	defer func() {
		server.Close()
		<-done
	}()
	seen := func() *x509.Certificate {
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0]
	}
	first := seen()
	newCert, newKey := pair()
	for from, to := range map[string]string{newCert: cert, newKey: key} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if changed, err := k.Renew(); err != nil || !changed {
		t.Fatalf("renew: %v, %v", changed, err)
	}
	second := seen()
	if second.Equal(first) {
		t.Error("the new certificate is not used")
	}
	if err := os.WriteFile(key, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Renew(); err == nil {
		t.Error("a broken key was loaded")
	}
	if !seen().Equal(second) {
		t.Error("after a failure the old certificate is not used")
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	hosts, err := certs.Hosts("10.1.2.3:443", []string{" a.example", "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(hosts, " ")
	for _, want := range []string{"localhost", "10.1.2.3", "a.example"} {
		if strings.Count(" "+text+" ", " "+want+" ") != 1 {
			t.Errorf("%q is not once in %q", want, text)
		}
	}
	if _, err := certs.Hosts("nonsense", nil); err == nil {
		t.Error("an address without a port was taken")
	}
	if all, err := certs.Hosts(":443", nil); err != nil || len(all) < 3 {
		t.Errorf("all addresses: %v, %v", all, err)
	}
}
