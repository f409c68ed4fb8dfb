// Package pyenv makes Python environments with pinned packages for tests and developer programs: the real cfy and the
// real REST client, which prove that existing clients work unmodified.
//
// An environment is made once and kept below the user's cache directory, in a directory named after its requirements and
// the version of Python; it is never changed afterwards. A lock on a file beside it keeps concurrent processes from making
// the same one twice. One that was not finished is made again. The package touches nothing else of the machine.
package pyenv

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Cfy are the requirements of the original's command line and REST client, in the form that pip reads.
//
//go:embed cfy.txt
var Cfy string

// ErrNoPython says that there is no Python that can make environments; where to get one is in its message.
var ErrNoPython = errors.New("python3 with the modules venv and ensurepip is missing (Debian: apt-get install python3-venv)")

// Env is a finished environment.
type Env struct {
	// Dir is the environment's directory. It belongs to all who use it: nobody changes what is in it.
	Dir string
}

// Program returns the path of a program of the environment, such as python or cfy.
func (e Env) Program(name string) string { return filepath.Join(e.Dir, "bin", name) }

// finished is the file that only a complete environment has.
const finished = ".finished"

// Make returns the environment of the requirements, which it makes when there is none. It installs from the package index
// that pip is configured for and takes about half a minute the first time. It is safe for concurrent use, also by several
// processes; it waits for one that makes the same environment until ctx ends.
func Make(ctx context.Context, requirements string) (Env, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return Env{}, fmt.Errorf("find a place for the Python environment: %w", err)
	}
	return makeIn(ctx, filepath.Join(cache, "reify", "pyenv"), requirements)
}

func makeIn(ctx context.Context, dir, requirements string) (_ Env, err error) {
	python, version, err := interpreter(ctx)
	if err != nil {
		return Env{}, err
	}
	env := place(dir, python, version, requirements)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Env{}, fmt.Errorf("find a place for the Python environment: %w", err)
	}
	unlock, err := lock(ctx, env.Dir+".lock")
	if err != nil {
		return Env{}, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := os.Stat(filepath.Join(env.Dir, finished)); err == nil {
		return env, nil
	}
	return env, build(ctx, env, python, requirements)
}

// place is where the environment is, or will be.
func place(dir, python, version, requirements string) Env {
	sum := sha256.Sum256([]byte(python + "\n" + version + "\n" + requirements))
	return Env{Dir: filepath.Join(dir, hex.EncodeToString(sum[:8]))}
}

// interpreter returns the path of Python and its version.
func interpreter(ctx context.Context) (path, version string, err error) {
	path, err = exec.LookPath("python3")
	if err != nil {
		return "", "", ErrNoPython
	}
	out, err := exec.CommandContext(ctx, path, "-c", "import ensurepip, sys, venv; print(sys.version)").Output()
	if ctx.Err() != nil {
		return "", "", ctx.Err()
	}
	if err != nil {
		return "", "", fmt.Errorf("%w: %s cannot import them: %w", ErrNoPython, path, err)
	}
	return path, strings.TrimSpace(string(out)), nil
}

// build makes the environment anew.
func build(ctx context.Context, env Env, python, requirements string) error {
	if err := os.RemoveAll(env.Dir); err != nil {
		return err
	}
	if err := run(ctx, python, "-m", "venv", env.Dir); err != nil {
		return fmt.Errorf("make a Python environment in %s: %w", env.Dir, err)
	}
	list := filepath.Join(env.Dir, "requirements.txt")
	if err := os.WriteFile(list, []byte(requirements), 0o644); err != nil {
		return err
	}
	err := run(ctx, env.Program("python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet", "-r", list)
	if err != nil {
		return fmt.Errorf("install packages from the Python package index (is it reachable? pip config list shows which it is): %w", err)
	}
	return os.WriteFile(filepath.Join(env.Dir, finished), nil, 0o644)
}

func run(ctx context.Context, program string, args ...string) error {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return nil
}

// lock takes the lock on a file, which other processes respect.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	const look = 100 * time.Millisecond
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for another process that makes %s: %w", strings.TrimSuffix(path, ".lock"), ctx.Err()), f.Close())
		}
	}
}
