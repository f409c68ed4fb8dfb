package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/operation"
)

const (
	journalName = "journal"
	// keepEntries is how long an attempt is remembered after its last entry; repetitions come much sooner.
	keepEntries = 24 * time.Hour
	// compactFrom is the size in bytes from which the file is rewritten when most of it is dead.
	compactFrom = 1 << 20
	maxEntry    = 256 << 20
)

// entry is one line of the journal.
type entry struct {
	Attempt string `json:"attempt"`
	// Event is started, finished or dropped.
	Event   string            `json:"event"`
	At      time.Time         `json:"at"`
	Process *process          `json:"process,omitempty"`
	Result  *operation.Result `json:"result,omitempty"`
	// Token is the hash of the execution token with which the attempt was dropped.
	Token string `json:"token,omitempty"`
}

// past is what the journal knows about an attempt.
type past struct {
	started bool
	dropped bool
	token   string
	result  *operation.Result
	process *process
	at      time.Time
	// size is the length of the lines that would be kept.
	size int64
}

// journal is the memory of an agent: an append-only file of lines, each durable before the call that wrote it returns.
// It is safe for concurrent use.
//
// Lock order: syncing before mu. mu guards the file and the map, syncing lets one fsync serve all lines before it.
type journal struct {
	path  string
	clock clock.Clock

	syncing sync.Mutex
	synced  int64

	mu       sync.Mutex
	file     *os.File
	written  int64
	size     int64
	live     int64
	attempts map[string]*past
}

// openJournal reads the journal at path, forgets what is old or torn and rewrites the file.
func openJournal(path string, c clock.Clock) (*journal, error) {
	j := &journal{path: path, clock: c, attempts: map[string]*past{}}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		err = j.read(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
	}
	return j, j.compact()
}

// read takes in every line that is whole. A torn line is what a crash leaves: it was not durable, so nobody relied on it.
func (j *journal) read(r io.Reader) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		var e entry
		if err == nil && len(line) < maxEntry && json.Unmarshal(line, &e) == nil && e.Attempt != "" {
			j.note(e, int64(len(line)))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// note takes an entry into the map.
func (j *journal) note(e entry, size int64) {
	p := j.attempts[e.Attempt]
	if p == nil {
		p = &past{}
		j.attempts[e.Attempt] = p
	}
	j.live += size - p.size
	p.at, p.size = e.At, size
	switch e.Event {
	case "started":
		p.started = true
		if e.Process != nil {
			p.process = e.Process
		}
	case "finished":
		p.result, p.process = e.Result, nil
	case "dropped":
		p.dropped, p.token, p.process = true, e.Token, nil
	}
}

func (j *journal) lookup(id string) past {
	j.mu.Lock()
	defer j.mu.Unlock()
	if p := j.attempts[id]; p != nil {
		return *p
	}
	return past{}
}

// processes returns the processes of the attempts that were started and not finished.
func (j *journal) processes() map[string]process {
	j.mu.Lock()
	defer j.mu.Unlock()
	found := map[string]process{}
	for id, p := range j.attempts {
		if p.process != nil {
			found[id] = *p.process
		}
	}
	return found
}

// unknown returns the attempts that were started, did not end, and have no process that was noted: it may have been started
// the moment before the agent died.
func (j *journal) unknown() map[string]bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	found := map[string]bool{}
	for id, p := range j.attempts {
		if p.started && p.process == nil && p.result == nil && !p.dropped {
			found[id] = true
		}
	}
	return found
}

// start notes that an attempt was started, and by which process once that is known.
func (j *journal) start(id string, p *process) error {
	return j.append(entry{Attempt: id, Event: "started", Process: p})
}

// finish notes the result of an attempt.
func (j *journal) finish(id string, r operation.Result) error {
	return j.append(entry{Attempt: id, Event: "finished", Result: &r})
}

// drop notes that an attempt is not to be reported to who holds the token with this hash.
func (j *journal) drop(id, token string) error {
	return j.append(entry{Attempt: id, Event: "dropped", Token: token})
}

func (j *journal) append(e entry) error {
	e.At = j.clock.Now()
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("note %s of attempt %s: %w", e.Event, e.Attempt, err)
	}
	position, err := j.write(e, append(line, '\n'))
	if err == nil {
		err = j.sync(position)
	}
	if err != nil {
		return fmt.Errorf("note %s of attempt %s in journal: %w", e.Event, e.Attempt, err)
	}
	return nil
}

func (j *journal) write(e entry, line []byte) (position int64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return 0, os.ErrClosed
	}
	if _, err := j.file.Write(line); err != nil {
		return 0, err
	}
	j.written++
	j.size += int64(len(line))
	j.note(e, int64(len(line)))
	return j.written, nil
}

// sync makes the first position lines durable, and with them all that were written meanwhile.
func (j *journal) sync(position int64) error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= position {
		return nil
	}
	j.mu.Lock()
	file, written := j.file, j.written
	dead := j.size > compactFrom && j.size > 2*j.live
	if dead {
		err := j.rewrite()
		j.mu.Unlock()
		if err == nil {
			j.synced = written
		}
		return err
	}
	j.mu.Unlock()
	if file == nil {
		return os.ErrClosed
	}
	if err := file.Sync(); err != nil {
		return err
	}
	j.synced = written
	return nil
}

// compact rewrites the file with what is worth remembering.
func (j *journal) compact() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.rewrite(); err != nil {
		return fmt.Errorf("rewrite journal: %w", err)
	}
	j.synced = j.written
	return nil
}

// rewrite replaces the file by a new one; both locks are held.
func (j *journal) rewrite() error {
	content := j.content()
	fresh, err := os.OpenFile(j.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = fresh.Write(content)
	if err == nil {
		err = fresh.Sync()
	}
	if err == nil {
		err = os.Rename(j.path+".new", j.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(j.path))
	}
	if err != nil {
		return errors.Join(err, fresh.Close())
	}
	old := j.file
	j.file, j.size, j.live = fresh, int64(len(content)), int64(len(content))
	if old != nil {
		return old.Close()
	}
	return nil
}

// content is the lines of the attempts that are worth remembering; it forgets the others. An attempt that was started
// and not finished is kept as long as it may still come back.
func (j *journal) content() []byte {
	var b bytes.Buffer
	oldest := j.clock.Now().Add(-keepEntries)
	for id, p := range j.attempts {
		if p.at.Before(oldest) && (p.result != nil || p.dropped || p.at.Before(oldest.Add(-6*keepEntries))) {
			delete(j.attempts, id)
			continue
		}
		e := entry{Attempt: id, At: p.at, Event: "started", Process: p.process}
		switch {
		case p.result != nil:
			e.Event, e.Result = "finished", p.result
		case p.dropped:
			e.Event, e.Token = "dropped", p.token
		}
		// What was decoded or encoded once encodes again.
		line, _ := json.Marshal(e)
		b.Write(line)
		b.WriteByte('\n')
		p.size = int64(len(line) + 1)
	}
	return b.Bytes()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (j *journal) close() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := errors.Join(j.file.Sync(), j.file.Close())
	j.file = nil
	return err
}
