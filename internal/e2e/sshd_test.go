package e2e_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshHost is a machine that is reached over SSH: a private sshd on a loopback port, as the current user.
type sshHost struct {
	t    *testing.T
	dir  string
	port int
	// key is the private key that it lets in.
	key  string
	cmd  *exec.Cmd
	done chan error
}

func newSSHHost(t *testing.T) *sshHost {
	t.Helper()
	program := "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		t.Skip("there is no sshd on this machine; make setup installs it")
	}
	h := &sshHost{t: t, dir: t.TempDir()}
	if os.Geteuid() == 0 {
		// The directory that sshd of the superuser wants to be there.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.key = h.newKey("client")
	public, err := os.ReadFile(h.path("client.pub"))
	if err != nil {
		t.Fatal(err)
	}
	h.write("authorized_keys", string(public))
	h.newKey("host")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	h.start()
	t.Cleanup(h.stop)
	return h
}

func (h *sshHost) path(name string) string { return filepath.Join(h.dir, name) }

func (h *sshHost) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// newKey writes a new key pair and returns the private key.
func (h *sshHost) newKey(name string) string {
	h.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		h.t.Fatal(err)
	}
	shown, err := ssh.NewPublicKey(public)
	if err != nil {
		h.t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(block))
	h.write(name, text)
	h.write(name+".pub", string(ssh.MarshalAuthorizedKey(shown)))
	return text
}

func (h *sshHost) start() {
	h.t.Helper()
	h.write("sshd_config", fmt.Sprintf(`Port %d
ListenAddress 127.0.0.1
HostKey %s
PidFile none
AuthorizedKeysFile %s
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin yes
MaxStartups 100
`, h.port, h.path("host"), h.path("authorized_keys")))
	log, err := os.OpenFile(h.path("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	h.cmd = exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", h.path("sshd_config"))
	h.cmd.Stdout, h.cmd.Stderr = log, log
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.done = make(chan error, 1)
	cmd, done := h.cmd, h.done
	go func() { done <- cmd.Wait() }()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", h.port)); err == nil {
			c.Close()
			return
		}
		select {
		case <-tick.C:
		case err := <-done:
			text, _ := os.ReadFile(h.path("log"))
			h.t.Fatalf("sshd ended: %v\n%s", err, text)
		case <-limit.C:
			h.t.Fatal("sshd does not listen")
		}
	}
}

// stop ends the listening sshd; sessions end with their clients.
func (h *sshHost) stop() {
	if h.cmd == nil {
		return
	}
	h.cmd.Process.Kill()
	<-h.done
	h.cmd = nil
}

func userName(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// certificate writes a certificate for 127.0.0.1, signed by itself, and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.ParseIP("127.0.0.1")},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
