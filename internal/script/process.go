package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

const (
	// terminateGrace is how long a process group may take to end before it is killed.
	terminateGrace = 5 * time.Second
	groupPoll      = 50 * time.Millisecond
	// pipeGrace is how long the output is read after the script ended: daemons that it left may hold it open for ever.
	pipeGrace = time.Second
	pipePoll  = 50 * time.Millisecond
	// maxPipe is the most that a pipe can hold in bytes; what comes on top was written after the script ended.
	maxPipe    = 1 << 20
	waitNotice = 20 * time.Second
	// maxLine is the longest log line in bytes; longer ones are split.
	maxLine = 32 << 10
	// keepHead and keepTail bound the output that a ProcessException repeats, in bytes.
	keepHead = 32 << 10
	keepTail = 96 << 10
)

// ending is how a process ended.
type ending struct {
	command string
	// code is the exit code, or the negative number of the signal.
	code           int
	stdout, stderr string
}

// execute runs a command in a process group of its own until it ends or ctx does.
func (s *session) execute(ctx context.Context, in *inputs, command, env []string) (ending, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Dir = env, in.cwd
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := s.connect(cmd, in)
	if err != nil {
		return ending{}, fmt.Errorf("connect output: %w", err)
	}
	defer out.close()
	err = cmd.Start()
	out.closeChild()
	if err != nil {
		return ending{}, &Exception{"OSError", err.Error()}
	}
	if !in.silent {
		s.logf("info", "Process created, PID: %d", cmd.Process.Pid)
	}
	if s.req.Started != nil {
		if err := s.req.Started(cmd.Process.Pid); err != nil {
			endGroup(s.req.Clock, cmd.Process.Pid, s.wait(cmd))
			return ending{}, fmt.Errorf("record process: %w", err)
		}
	}
	out.start(s)
	exited := s.wait(cmd)
	s.await(ctx, cmd.Process.Pid, exited)
	out.drain(s)
	end := ending{command: command[len(command)-1], code: exitCode(cmd.ProcessState)}
	end.stdout, end.stderr = out.texts()
	if !in.silent {
		s.logf("info", "Execution done (PID=%d, return_code=%d): %s", cmd.Process.Pid, end.code, end.command)
	}
	return end, nil
}

// wait reaps the process and closes the channel; the goroutine ends with the process.
func (s *session) wait(cmd *exec.Cmd) <-chan struct{} {
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		// The exit code is read from the state; there is no other error, because the outputs are files.
		_ = cmd.Wait()
	}()
	return exited
}

// await waits for the process, says so now and then, and ends its group when ctx ends.
func (s *session) await(ctx context.Context, pid int, exited <-chan struct{}) {
	for {
		notice := s.req.Clock.NewTimer(waitNotice)
		select {
		case <-exited:
			notice.Stop()
			return
		case <-ctx.Done():
			notice.Stop()
			endGroup(s.req.Clock, pid, exited)
			return
		case <-notice.C():
			s.logf("debug", "Waiting for process %d to end...", pid)
		}
	}
}

// endGroup terminates a process group, kills what is left of it after five seconds and waits for its leader.
func endGroup(c clock.Clock, pgid int, exited <-chan struct{}) {
	EndGroup(c, pgid)
	<-exited
}

// EndGroup terminates a process group and kills what is left of it after five seconds. It returns when the group is
// gone or was killed; a group that does not exist is no error.
func EndGroup(c clock.Clock, pgid int) {
	deadline := c.NewTimer(terminateGrace)
	defer deadline.Stop()
	if errors.Is(syscall.Kill(-pgid, syscall.SIGTERM), syscall.ESRCH) {
		return
	}
	for groupLives(pgid) {
		poll := c.NewTimer(groupPoll)
		select {
		case <-poll.C():
		case <-deadline.C():
			poll.Stop()
			// A group that ended meanwhile needs no killing.
			_ = syscall.Kill(-pgid, syscall.SIGKILL)
			return
		}
	}
}

func groupLives(pgid int) bool { return syscall.Kill(-pgid, 0) == nil }

func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return state.ExitCode()
}

// outputs are the pipes between a process and the log.
type outputs struct {
	child   []*os.File
	streams []*stream
	readers sync.WaitGroup
}

type stream struct {
	prefix string
	file   *os.File
	kept   excerpt
	// ended is set when the process has ended; reads counts the reads that returned, waiting is set during a read.
	ended   atomic.Bool
	reads   atomic.Int64
	waiting atomic.Bool
}

// connect gives the command its outputs: a pipe for what is logged, the output file for the rest.
func (s *session) connect(cmd *exec.Cmd, in *inputs) (*outputs, error) {
	o := &outputs{}
	// A nil *os.File must not become a non-nil io.Writer.
	if s.req.Output != nil {
		cmd.Stdout, cmd.Stderr = s.req.Output, s.req.Output
	}
	if in.logStdout {
		w, err := o.pipe("<out> ")
		if err != nil {
			return nil, err
		}
		cmd.Stdout = w
	}
	switch {
	case in.stderrToStdout:
		cmd.Stderr = cmd.Stdout
	case in.logStderr:
		w, err := o.pipe("<err> ")
		if err != nil {
			o.closeChild()
			o.close()
			return nil, err
		}
		cmd.Stderr = w
	}
	return o, nil
}

func (o *outputs) pipe(prefix string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o.child = append(o.child, w)
	o.streams = append(o.streams, &stream{prefix: prefix, file: r})
	return w, nil
}

func (o *outputs) closeChild() {
	for _, f := range o.child {
		_ = f.Close()
	}
	o.child = nil
}

func (o *outputs) close() {
	for _, st := range o.streams {
		_ = st.file.Close()
	}
	o.readers.Wait()
}

func (o *outputs) start(s *session) {
	for _, st := range o.streams {
		o.readers.Go(func() { st.read(s) })
	}
}

// drain reads what is left of the output and stops the readers: those that reached the end, those that got nothing for a
// second because somebody else holds the pipe open, and those that got more than a pipe can hold.
func (o *outputs) drain(s *session) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.readers.Wait()
	}()
	for _, st := range o.streams {
		st.ended.Store(true)
	}
	quiet := make([]int, len(o.streams))
	seen := make([]int64, len(o.streams))
	for {
		timer := s.req.Clock.NewTimer(pipePoll)
		select {
		case <-done:
			timer.Stop()
			return
		case <-timer.C():
		}
		for i, st := range o.streams {
			quiet[i]++
			if n := st.reads.Load(); n != seen[i] || !st.waiting.Load() {
				quiet[i], seen[i] = 0, n
			}
			if quiet[i] == int(pipeGrace/pipePoll) {
				s.logf("debug", "%s is still open after the process ended and is no longer read", strings.Trim(st.prefix, "<> "))
				// An instant in the past ends a blocked read.
				_ = st.file.SetReadDeadline(time.Unix(1, 0))
			}
		}
	}
}

func (o *outputs) texts() (stdout, stderr string) {
	for _, st := range o.streams {
		if st.prefix == "<out> " {
			stdout = st.kept.String()
		} else {
			stderr = st.kept.String()
		}
	}
	return stdout, stderr
}

// read logs the lines of a stream until its end.
func (st *stream) read(s *session) {
	var line []byte
	buffer := make([]byte, maxLine)
	late := 0
	for late <= maxPipe {
		st.waiting.Store(true)
		n, err := st.file.Read(buffer)
		st.waiting.Store(false)
		st.reads.Add(1)
		if st.ended.Load() {
			late += n
		}
		st.kept.write(buffer[:n])
		for data := buffer[:n]; len(data) > 0; {
			end := bytes.IndexByte(data, '\n')
			if end < 0 {
				line = append(line, data...)
				break
			}
			s.logLine(st.prefix, append(line, data[:end]...))
			line, data = line[:0], data[end+1:]
		}
		for len(line) >= maxLine {
			cut := runeBoundary(line, maxLine)
			s.logLine(st.prefix, line[:cut])
			line = append(line[:0], line[cut:]...)
		}
		if err != nil {
			break
		}
	}
	if len(line) > 0 {
		s.logLine(st.prefix, line)
	}
}

// runeBoundary is the greatest length up to n at which no character is cut.
func runeBoundary(b []byte, n int) int {
	if n >= len(b) {
		return len(b)
	}
	for i := n; i > n-4; i-- {
		if b[i]&0xc0 != 0x80 {
			return i
		}
	}
	return n
}

func (s *session) logLine(prefix string, line []byte) {
	s.log("info", prefix+strings.ToValidUTF8(strings.TrimSuffix(string(line), "\r"), "\uFFFD"))
}

// excerpt keeps the beginning and the end of an output of any length.
type excerpt struct {
	head, tail []byte
	omitted    int
}

func (e *excerpt) write(p []byte) {
	if room := keepHead - len(e.head); room > 0 {
		n := min(room, len(p))
		e.head = append(e.head, p[:n]...)
		p = p[n:]
	}
	e.tail = append(e.tail, p...)
	if surplus := len(e.tail) - keepTail; surplus > keepTail {
		e.omitted += surplus
		e.tail = append(e.tail[:0], e.tail[surplus:]...)
	}
}

// String returns what was kept, with a note in place of what was not.
func (e *excerpt) String() string {
	text := string(e.head)
	if e.omitted > 0 {
		text += fmt.Sprintf("\n[%d bytes left out]\n", e.omitted)
	}
	return strings.ToValidUTF8(text+string(e.tail), "\uFFFD")
}
