// Package certs keeps the certificate of a manager that was given none: its own certificate authority, made once, and a
// server certificate under it that is renewed before it ends or when the manager's names change.
//
// The files lie in one directory: ca.pem, which clients get to trust, ca.key and server.key, which nobody else reads, and
// server.pem. A given certificate is only loaded, and loaded again on request. A Keeper hands out the certificate of the
// moment to TLS handshakes and is safe for concurrent use; it starts no goroutine: its owner calls Renew.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

// How long certificates are valid, and which part of that is left when the server's is renewed.
const (
	caValidity     = 10 * 365 * 24 * time.Hour
	serverValidity = 397 * 24 * time.Hour
	renewBefore    = serverValidity / 3
	backdate       = time.Hour
)

// Names of the files in the directory.
const (
	CAFile     = "ca.pem"
	caKey      = "ca.key"
	serverFile = "server.pem"
	serverKey  = "server.key"
)

// Options say which certificate a Keeper keeps.
type Options struct {
	// Cert and Key are the files of a given certificate; empty makes an own one in Dir.
	Cert, Key string
	Dir       string
	// Hosts are the names and addresses under which the manager is reached, for the own certificate.
	Hosts []string
	Clock clock.Clock
}

// Keeper holds the certificate of a manager.
type Keeper struct {
	o       Options
	current atomic.Pointer[tls.Certificate]
}

// Open loads the certificate, and makes the own one when there is none that fits.
func Open(o Options) (*Keeper, error) {
	k := &Keeper{o: o}
	if _, err := k.Renew(); err != nil {
		return nil, err
	}
	return k, nil
}

// Certificate is for tls.Config.GetCertificate.
func (k *Keeper) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return k.current.Load(), nil
}

// Renew reads the certificate again and renews an own one whose time has come. It reports whether the certificate
// changed. After an error the old one stays in use.
func (k *Keeper) Renew() (bool, error) {
	cert, key := k.o.Cert, k.o.Key
	if cert == "" {
		cert, key = filepath.Join(k.o.Dir, serverFile), filepath.Join(k.o.Dir, serverKey)
		if err := k.ensure(cert, key); err != nil {
			return false, err
		}
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("load the certificate %s with the key %s: %w", cert, key, err)
	}
	old := k.current.Swap(&pair)
	return old != nil && !slices.Equal(old.Certificate[0], pair.Certificate[0]), nil
}

// ensure makes the own certificates that are missing or no longer fit.
func (k *Keeper) ensure(cert, key string) error {
	if err := os.MkdirAll(k.o.Dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of certificates: %w", err)
	}
	now := k.o.Clock.Now()
	ca, signer, err := k.authority(now)
	if err != nil {
		return err
	}
	if k.fits(cert, key, ca, now) {
		return nil
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Reify manager"}, NotBefore: now.Add(-backdate),
		NotAfter: earlier(now.Add(serverValidity), ca.NotAfter), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range k.o.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if err := issue(template, ca, signer, cert, key); err != nil {
		return fmt.Errorf("make the manager's certificate: %w", err)
	}
	return nil
}

// authority loads the own certificate authority and makes it the first time. One that has ended is not replaced by
// itself: everybody who trusts it has to be told.
func (k *Keeper) authority(now time.Time) (*x509.Certificate, crypto.Signer, error) {
	cert, key := filepath.Join(k.o.Dir, CAFile), filepath.Join(k.o.Dir, caKey)
	if _, err := os.Stat(cert); errors.Is(err, os.ErrNotExist) {
		template := &x509.Certificate{
			SerialNumber: serial(), Subject: pkix.Name{CommonName: "Reify certificate authority " + hex.EncodeToString(serial().Bytes()[:4])},
			NotBefore: now.Add(-backdate), NotAfter: now.Add(caValidity), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
		if err := issue(template, nil, nil, cert, key); err != nil {
			return nil, nil, fmt.Errorf("make the certificate authority: %w", err)
		}
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, nil, fmt.Errorf("load the certificate authority %s: %w", cert, err)
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !now.Before(pair.Leaf.NotAfter) {
		return nil, nil, fmt.Errorf("the certificate authority %s ended at %s; remove it to have a new one made, and give that to all clients",
			cert, pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	return pair.Leaf, signer, nil
}

// fits reports whether the server's certificate is of the authority, for all hosts, and good for a while.
func (k *Keeper) fits(cert, key string, ca *x509.Certificate, now time.Time) bool {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil || pair.Leaf.CheckSignatureFrom(ca) != nil {
		return false
	}
	if left := pair.Leaf.NotAfter.Sub(now); left < renewBefore && pair.Leaf.NotAfter.Before(ca.NotAfter) || left <= 0 {
		return false
	}
	return !slices.ContainsFunc(k.o.Hosts, func(host string) bool { return pair.Leaf.VerifyHostname(host) != nil })
}

// issue writes a new key and its certificate, signed by parent or by itself. The key is in place before the certificate,
// and a pair that does not fit together after a crash is made again.
func issue(template, parent *x509.Certificate, signer crypto.Signer, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := replace(keyFile, "PRIVATE KEY", secret, 0o600); err != nil {
		return err
	}
	return replace(certFile, "CERTIFICATE", der, 0o644)
}

// replace writes a PEM file so that readers see the old or the new one.
func replace(path, kind string, der []byte, mode os.FileMode) error {
	if err := os.WriteFile(path+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// serial is a positive random number of 127 bits.
func serial() *big.Int {
	buf := make([]byte, 16)
	rand.Read(buf)
	buf[0] = buf[0]&0x7f | 0x40
	return new(big.Int).SetBytes(buf)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Hosts returns the names and addresses of this machine, with the host of a listen address and more that was asked for.
func Hosts(listen string, more []string) ([]string, error) {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "" {
		hosts = append(hosts, name)
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("find the host of %q: %w", listen, err)
	}
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified()) {
		hosts = append(hosts, host)
	} else {
		addresses, err := net.InterfaceAddrs()
		if err != nil {
			return nil, fmt.Errorf("find the addresses of this machine: %w", err)
		}
		for _, a := range addresses {
			if ip, _, err := net.ParseCIDR(a.String()); err == nil && ip.IsGlobalUnicast() {
				hosts = append(hosts, ip.String())
			}
		}
	}
	for _, h := range append(hosts, more...) {
		if h = strings.TrimSpace(h); h != "" && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts, nil
}

// Show prints what the own certificates in a directory are.
func Show(dir string, out io.Writer) error {
	for _, name := range []string{CAFile, serverFile} {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("there is no certificate %s: a manager makes its own when it first listens beyond loopback without a given one", path)
		}
		if err != nil {
			return fmt.Errorf("read the certificate: %w", err)
		}
		block, _ := pem.Decode(data)
		if block == nil {
			return fmt.Errorf("%s is not a PEM file", path)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("read the certificate %s: %w", path, err)
		}
		sum := sha256.Sum256(c.Raw)
		names := c.DNSNames
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
		if _, err := fmt.Fprintf(out, "%s\n  subject      %s\n  valid        %s to %s\n  sha256       %s\n", path, c.Subject.CommonName,
			c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339), hex.EncodeToString(sum[:])); err != nil {
			return err
		}
		if len(names) > 0 {
			if _, err := fmt.Fprintf(out, "  for          %s\n", strings.Join(names, ", ")); err != nil {
				return err
			}
		}
	}
	return nil
}
