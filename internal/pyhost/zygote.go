package pyhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

const (
	// maxForks is after how many forks a zygote is replaced.
	maxForks = 1000
	// startLimit bounds the start of a zygote, which imports the published package.
	startLimit = time.Minute
	maxPacket  = 64 << 10
)

// Modes of a zygote.
const (
	modeWarm = "warm"
	modeFlow = "flow"
	modeBare = "bare"
)

// errBroken says that a zygote cannot serve its environment: something in it does not let itself be imported.
type errBroken struct{ text string }

func (e *errBroken) Error() string { return e.text }

// errGone says that the zygote ended before it had started the process.
var errGone = errors.New("the zygote is gone")

// zygote is a process from which others are forked. Its methods are safe for concurrent use.
type zygote struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
	// gone is closed when the process has ended and everybody who waited for it was told.
	gone  chan struct{}
	ready chan answer

	mu       sync.Mutex
	next     int
	children map[int]*child
	isGone   bool
	// forks counts the launches, used is when the last of them began; both belong to the pool's lock.
	forks int
	used  time.Time
}

// child is a process that a zygote started. pid is set when started is closed, rc and lost when ended is.
type child struct {
	started, ended chan struct{}
	pid            int
	rc             int
	cpu            time.Duration
	// problem is why the process could not be started; lost is set when nobody knows how it ended.
	problem string
	lost    bool
}

// answer is a packet of a zygote.
type answer struct {
	Ready  string `json:"ready"`
	Broken string `json:"broken"`
	ID     int    `json:"id"`
	PID    int    `json:"pid"`
	RC     *int   `json:"rc"`
	CPU    int64  `json:"cpu_us"`
	Error  string `json:"error"`
}

// startZygote starts a zygote and waits until it serves. It lives until end is called or this process ends.
func startZygote(ctx context.Context, c clock.Clock, interpreter, script, mode, cwd string, env []string, log *os.File) (*zygote, error) {
	conn, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("connect a zygote: %w", err)
	}
	cmd := exec.Command(interpreter, "-u", script, "3", mode)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, cwd, log, log
	cmd.ExtraFiles = []*os.File{theirs}
	// A signal to the terminal's group is not for it: it ends with its socket.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	err = errors.Join(err, theirs.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the interpreter %s: %w", interpreter, err), conn.Close())
	}
	z := &zygote{cmd: cmd, conn: conn, gone: make(chan struct{}), ready: make(chan answer, 1), children: map[int]*child{}}
	go z.listen()
	timer := c.NewTimer(startLimit)
	defer timer.Stop()
	select {
	case a := <-z.ready:
		if a.Broken != "" {
			z.end()
			return nil, &errBroken{a.Broken}
		}
		return z, nil
	case <-z.gone:
		return nil, &errBroken{fmt.Sprintf("%s ended before it was ready; see %s", interpreter, log.Name())}
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C():
		err = &errBroken{fmt.Sprintf("%s was not ready after %v", interpreter, startLimit)}
	}
	z.kill()
	return nil, err
}

// socketPair returns a connection of packets: our end, and the one for the child.
func socketPair() (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	return splitPair(fds)
}

// splitPair makes a connection of the first descriptor and a file of the second.
func splitPair(fds [2]int) (*net.UnixConn, *os.File, error) {
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	conn, err := net.FileConn(ours)
	// FileConn has a descriptor of its own.
	err = errors.Join(err, ours.Close())
	unix, ok := conn.(*net.UnixConn)
	if err == nil && !ok {
		err = errors.New("the connection is no Unix socket")
	}
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return unix, theirs, nil
}

// listen reads the answers until the zygote is gone, and then tells all who wait.
func (z *zygote) listen() {
	defer close(z.gone)
	buf := make([]byte, maxPacket)
	for {
		n, err := z.conn.Read(buf)
		if err != nil || n == 0 {
			break
		}
		var a answer
		if err := json.Unmarshal(buf[:n], &a); err != nil {
			// Only a zygote that runs wild says what cannot be read.
			break
		}
		z.take(a)
	}
	z.kill()
	// Its exit code says nothing that the closed connection does not.
	_ = z.cmd.Wait()
	z.mu.Lock()
	defer z.mu.Unlock()
	z.isGone = true
	for id, c := range z.children {
		c.lost = true
		c.end()
		delete(z.children, id)
	}
}

func (z *zygote) take(a answer) {
	if a.ID == 0 {
		select {
		case z.ready <- a:
		default:
		}
		return
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	c := z.children[a.ID]
	switch {
	case c == nil:
	case a.RC == nil:
		c.pid = a.PID
		close(c.started)
	default:
		c.rc, c.cpu, c.problem = *a.RC, time.Duration(a.CPU)*time.Microsecond, a.Error
		delete(z.children, a.ID)
		c.end()
	}
}

// end closes the channels of a child.
func (c *child) end() {
	select {
	case <-c.started:
	default:
		close(c.started)
	}
	close(c.ended)
}

// launch starts a process from a file that says what it is, with the output and perhaps a channel. When it returns no
// error the process has a number, or ended at once.
func (z *zygote) launch(file string, fds ...*os.File) (*child, error) {
	c := &child{started: make(chan struct{}), ended: make(chan struct{})}
	z.mu.Lock()
	if z.isGone {
		z.mu.Unlock()
		return nil, errGone
	}
	z.next++
	id := z.next
	z.children[id] = c
	z.mu.Unlock()
	packet, err := json.Marshal(map[string]any{"id": id, "launch": file})
	if err != nil {
		return nil, err
	}
	numbers := make([]int, len(fds))
	for i, f := range fds {
		numbers[i] = int(f.Fd())
	}
	if _, _, err := z.conn.WriteMsgUnix(packet, syscall.UnixRights(numbers...), nil); err != nil {
		// The zygote is about to be gone; it did not get the request.
		z.mu.Lock()
		delete(z.children, id)
		z.mu.Unlock()
		return nil, errGone
	}
	<-c.started
	switch {
	case c.pid == 0 && c.problem != "":
		return nil, fmt.Errorf("start a process: %s", c.problem)
	case c.pid == 0:
		return nil, errGone
	}
	return c, nil
}

// busy reports how many processes of the zygote run.
func (z *zygote) busy() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return len(z.children)
}

func (z *zygote) alive() bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return !z.isGone
}

// end lets the zygote end; it kills what it started.
func (z *zygote) end() {
	// The end of the connection is what it waits for; an error means that it came already.
	_ = z.conn.CloseWrite()
	<-z.gone
	_ = z.conn.Close()
}

// kill ends the zygote at once, whatever it is doing. Its children die with it.
func (z *zygote) kill() {
	_ = z.conn.Close()
	// It may have ended by itself.
	_ = z.cmd.Process.Kill()
}

func zygoteScript(dispatch string) string { return filepath.Join(dispatch, "reify_zygote.py") }
