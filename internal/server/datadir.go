package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/reifyhq/reify/internal/clock"
)

// dataDir is the directory that holds everything a manager keeps. It is locked while open.
type dataDir struct {
	root string
	lock *os.File
	// key is the installation's secret, id the manager's stable name.
	key []byte
	id  string
}

const keySize = 32

// openDataDir locks the directory, and makes it with a key and an id when it is new.
func openDataDir(root string, c clock.Clock) (_ *dataDir, err error) {
	if root, err = filepath.Abs(root); err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	for _, dir := range []string{root, filepath.Join(root, "tmp")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
	}
	d := &dataDir{root: root}
	if d.lock, err = os.OpenFile(d.path("lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.lock.Close())
		}
	}()
	if err := flock(c, d.lock, lockTries); err != nil {
		return nil, fmt.Errorf("another manager uses the data directory %s; stop it, or give this one another --data_dir", root)
	}
	text, err := d.secret("key", keySize)
	if err != nil {
		return nil, err
	}
	if d.key, err = hex.DecodeString(text); err != nil || len(d.key) != keySize {
		return nil, fmt.Errorf("the key in %s is damaged; restore the file from a backup", d.path("key"))
	}
	d.id, err = d.secret("id", 4)
	if err == nil {
		d.id = "manager-" + d.id
	}
	return d, err
}

// A lock may outlive a manager that was killed: a process that it was about to start holds it too, until it becomes the
// program that it is to run. So it is tried lockTries times, lockPoll apart.
const (
	lockPoll  = 10 * time.Millisecond
	lockTries = 200
)

// flock locks a file, trying again while somebody else holds it.
func flock(c clock.Clock, f *os.File, tries int) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if tries--; err == nil || !errors.Is(err, syscall.EWOULDBLOCK) || tries <= 0 {
			return err
		}
		<-c.NewTimer(lockPoll).C()
	}
}

func (d *dataDir) path(name string) string { return filepath.Join(d.root, name) }

// secret returns the text in a file, made of n random bytes when the file is new.
func (d *dataDir) secret(name string, n int) (string, error) {
	data, err := os.ReadFile(d.path(name))
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the installation's %s: %w", name, err)
	}
	buf := make([]byte, n)
	rand.Read(buf)
	text := hex.EncodeToString(buf)
	if err := os.WriteFile(d.path(name), []byte(text+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the installation's %s: %w", name, err)
	}
	return text, nil
}

func (d *dataDir) close() error { return d.lock.Close() }
