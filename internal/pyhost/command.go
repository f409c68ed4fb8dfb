package pyhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

// commandGrace is how long the output of a killed command is read.
const commandGrace = 5 * time.Second

// missingProgram says that a program does not exist.
type missingProgram struct{ name string }

func (e *missingProgram) Error() string { return fmt.Sprintf("program %s was not found", e.name) }

// runCommand runs a program to its end in a process group of its own, which is killed when ctx ends. Its output goes to
// out. A nil environment is that of this process.
func runCommand(ctx context.Context, env []string, dir string, out io.Writer, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = commandGrace
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return &missingProgram{program}
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

const lockPoll = 100 * time.Millisecond

// lock takes the lock of a file, which it makes, against other goroutines and processes.
func lock(ctx context.Context, c clock.Clock, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			// Closing frees the lock; there is nothing to be done about an error of it.
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, f.Close())
		}
		timer := c.NewTimer(lockPoll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-timer.C():
		}
	}
}
