package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

const (
	// restartAfter is the pause before an agent that ended by accident is started again.
	restartAfter = 2 * time.Second
	// stopWait is how long an agent may take to end its operations and itself.
	stopWait = 30 * time.Second
	stopPoll = 50 * time.Millisecond
	maxLog   = 5 << 20
)

// Supervise runs the agent and starts it again whenever it ends by accident, until ctx ends or the agent ends by itself.
func Supervise(ctx context.Context, c clock.Clock, s *Settings, log *slog.Logger, output io.Writer) error {
	// The child's death signal belongs to the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		cmd := exec.Command(s.Program(), "run", "--config", s.Path())
		cmd.Stdout, cmd.Stderr = output, output
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("start agent %s: %w", s.Name, err)
		}
		stop := context.AfterFunc(ctx, func() {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
				log.Error("end the agent", "error", err)
			}
		})
		err := cmd.Wait()
		stop()
		if err == nil || ctx.Err() != nil {
			return nil
		}
		log.Warn("the agent ended and is started again", "reason", err)
		timer := c.NewTimer(restartAfter)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C():
		}
	}
}

func (s *Settings) pidFile() string { return filepath.Join(s.WorkDir(), "supervisor.pid") }

// startProcess starts a supervisor that outlives this program.
func (h *Host) startProcess(s *Settings) error {
	if _, ok := s.Running(); ok {
		return nil
	}
	if info, err := os.Stat(s.LogFile()); err == nil && info.Size() > maxLog {
		if err := os.Rename(s.LogFile(), s.LogFile()+".1"); err != nil {
			return fmt.Errorf("begin a new log of the agent: %w", err)
		}
	}
	log, err := os.OpenFile(s.LogFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open the agent's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(s.Program(), "supervise", "--config", s.Path())
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.WorkDir(), log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := s.as(cmd); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	if err := os.WriteFile(s.pidFile(), []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644); err != nil {
		return errors.Join(fmt.Errorf("note the agent's process: %w", err), cmd.Process.Kill())
	}
	return cmd.Process.Release()
}

// as makes the command run as the agent's user, when root starts it.
func (s *Settings) as(cmd *exec.Cmd) error {
	if os.Geteuid() != 0 || s.User == "" || s.User == "root" {
		return nil
	}
	u, err := user.Lookup(s.User)
	if err != nil {
		return fmt.Errorf("find the agent's user: %w", err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return fmt.Errorf("find the agent's user: %w", err)
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	cmd.Env = append(os.Environ(), "HOME="+u.HomeDir, "USER="+u.Username)
	return nil
}

// Running returns the process of the agent's supervisor, false when none runs.
func (s *Settings) Running() (pid int, ok bool) {
	data, err := os.ReadFile(s.pidFile())
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0, false
	}
	// Another process may have the number by now; a dead one that nobody waited for has no command line.
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	args := strings.Split(string(line), "\x00")
	return pid, err == nil && len(args) > 3 && args[1] == "supervise" && args[3] == s.Path()
}

func (h *Host) stopProcess(s *Settings) error {
	pid, ok := s.Running()
	if !ok {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end the agent's process %d: %w", pid, err)
	}
	for waited := time.Duration(0); waited < stopWait; waited += stopPoll {
		if _, ok := s.Running(); !ok {
			return removeFile(s.pidFile())
		}
		<-h.Clock.NewTimer(stopPoll).C()
	}
	// Its session holds the supervisor and the agent; operations are in groups of their own, which the agent's successor ends.
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill the agent's processes %d: %w", pid, err)
	}
	return removeFile(s.pidFile())
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
