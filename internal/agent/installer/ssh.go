package installer

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	dialWait = 20 * time.Second
	// maxOutput is how much of a command's output is kept, from its end.
	maxOutput = 32 << 10
	// keepAlive is how often a connection is tried: a host that is gone must not hold an operation for ever.
	keepAlive = 15 * time.Second
	// authRetries is how often a refused key is tried again: new machines answer before they know their users' keys.
	authRetries = 5
)

// host is a connection to a host over SSH.
type host struct {
	w      *work
	client *ssh.Client
	stop   func() bool
	alive  sync.WaitGroup
	end    chan struct{}
	// key is the host's key, as in known_hosts.
	key string
}

// changedKey is the refusal of a host whose key is not the one that was seen before.
type changedKey struct{ host, want, got string }

func (e changedKey) Error() string {
	return fmt.Sprintf("the key of host %s has changed: it was %s and is %s", e.host, e.want, e.got)
}

// connect opens a connection. A host that is seen for the first time is believed, unless agent_config.extra.host_key says
// what its key is.
func (w *work) connect(ctx context.Context) (*host, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	h := &host{w: w, end: make(chan struct{})}
	cfg := &ssh.ClientConfig{User: w.user, Timeout: dialWait, HostKeyCallback: h.checkKey}
	if len(w.key) > 0 {
		signer, err := ssh.ParsePrivateKey(w.key)
		if err != nil {
			return nil, nonRecoverable("The private key of agent_config cannot be used: %v", err)
		}
		cfg.Auth = append(cfg.Auth, ssh.PublicKeys(signer))
	}
	if w.password != "" {
		cfg.Auth = append(cfg.Auth, ssh.Password(w.password))
	}
	if known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(w.hostKey)); err == nil {
		// The server is to show the key that is known, whatever others it has.
		cfg.HostKeyAlgorithms = algorithmsOf(known.Type())
	} else if w.hostKey != "" {
		return nil, nonRecoverable("The host key of agent_config is not like \"ssh-ed25519 AAAA…\": %v", err)
	}
	dial := net.Dialer{Timeout: dialWait}
	raw, err := dial.DialContext(ctx, "tcp", w.target())
	if err != nil {
		return nil, w.failed(ctx, err)
	}
	h.stop = context.AfterFunc(ctx, func() { raw.Close() })
	conn, channels, requests, err := ssh.NewClientConn(raw, w.target(), cfg)
	if err != nil {
		h.stop()
		return nil, errors.Join(w.failed(ctx, err), closed(raw.Close()))
	}
	h.client = ssh.NewClient(conn, channels, requests)
	h.alive.Go(h.keepAlive)
	return h, nil
}

// closed drops the error of a connection that was closed already.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func algorithmsOf(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

func (h *host) checkKey(_ string, _ net.Addr, key ssh.PublicKey) error {
	h.key = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	if h.w.hostKey == "" {
		return nil
	}
	want, _, _, _, err := ssh.ParseAuthorizedKey([]byte(h.w.hostKey))
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want.Marshal(), key.Marshal()) != 1 {
		return changedKey{h.w.target(), ssh.FingerprintSHA256(want), ssh.FingerprintSHA256(key)}
	}
	return nil
}

// failed says what is to be done about a connection that could not be made.
func (w *work) failed(ctx context.Context, err error) error {
	var changed changedKey
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &changed), strings.Contains(err.Error(), "no common algorithm for host key"):
		return nonRecoverable("Refused to connect to host %s: %v. Somebody may be in between. If the machine was made anew, give its new key "+
			"as agent_config.extra.host_key, or remove host_key from the runtime property cloudify_agent", w.target(), err)
	case strings.Contains(err.Error(), "unable to authenticate"):
		message := fmt.Sprintf("Host %s refused user %s: %v. Check agent_config.user, key and password", w.target(), w.user, err)
		if w.op.Message.Context.Operation.RetryNumber < authRetries {
			return retry("%s", message)
		}
		return nonRecoverable("%s", message)
	}
	return retry("Failed connecting to host on %s: %v", w.target(), err)
}

func (h *host) keepAlive() {
	for {
		timer := h.w.Clock.NewTimer(keepAlive)
		select {
		case <-h.end:
			timer.Stop()
			return
		case <-timer.C():
		}
		answered := make(chan error, 1)
		go func() {
			_, _, err := h.client.SendRequest("keepalive@openssh.com", true, nil)
			answered <- err
		}()
		limit := h.w.Clock.NewTimer(keepAlive)
		select {
		case <-answered:
			limit.Stop()
		case <-limit.C():
			h.client.Close()
			<-answered
			return
		}
	}
}

func (h *host) close() {
	close(h.end)
	h.stop()
	if err := closed(h.client.Close()); err != nil {
		h.w.Log.Debug("close connection to host", "host", h.w.target(), "error", err)
	}
	h.alive.Wait()
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if extra := len(t.b) - maxOutput; extra > 0 {
		t.b = append(t.b[:0], t.b[extra:]...)
	}
	return len(p), nil
}

// run runs a command and returns its output, both streams together, and its exit code. An error means that the connection
// broke, not that the command failed.
func (h *host) run(command, stdin string) (output string, code int, err error) {
	session, err := h.client.NewSession()
	if err != nil {
		return "", 0, retry("Lost the connection to host %s: %v", h.w.target(), err)
	}
	defer session.Close()
	var out tail
	session.Stdin, session.Stdout, session.Stderr = bytes.NewReader([]byte(stdin)), &out, &out
	err = session.Run(command)
	output = strings.TrimSpace(string(out.b))
	var exit *ssh.ExitError
	switch {
	case errors.As(err, &exit):
		return output, exit.ExitStatus(), nil
	case err != nil:
		return output, 0, retry("Lost the connection to host %s: %v", h.w.target(), err)
	}
	return output, 0, nil
}

// asRoot is a command with the rights of root where the agent needs them, and what it reads first.
func (h *host) asRoot(command string) (full, stdin string) {
	switch {
	case h.w.user == "root" || !h.w.sudo || h.w.kind == "detach":
		return command, ""
	case h.w.password != "":
		return "sudo -S -p '' " + command, h.w.password + "\n"
	}
	return "sudo -n " + command, ""
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
