package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// process identifies a process for longer than its number does: with the instant of its start and the boot of the
// machine. It leads the process group of the same number.
type process struct {
	PID int `json:"pid"`
	// Start is the start in clock ticks since boot, Boot the id of that boot.
	Start string `json:"start"`
	Boot  string `json:"boot"`
}

// describeProcess reads what identifies a running process. On a system without /proc only the number is known, and the
// process is never recognised later.
func describeProcess(pid int) (*process, error) {
	p := &process{PID: pid}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("identify boot: %w", err)
	}
	p.Boot = strings.TrimSpace(string(boot))
	if p.Start, err = startOf(pid); err != nil {
		return nil, err
	}
	return p, nil
}

// startOf returns the start time of a process: field 22 of its stat, counted behind its name, which may hold anything.
func startOf(pid int) (string, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", fmt.Errorf("identify process %d: %w", pid, err)
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("identify process %d: unexpected format", pid)
	}
	return fields[19], nil
}

// same reports whether the process still runs.
func (p process) same() bool {
	now, err := describeProcess(p.PID)
	return err == nil && p.Start != "" && *now == p
}

// attemptVariable names the attempt in the environment of its process, for the moment before the process is noted in the
// journal.
const attemptVariable = "REIFY_ATTEMPT"

// groupsOf finds the process groups that run one of the attempts, by the environment that they were started with. On a
// system without /proc it finds nothing.
func groupsOf(attempts map[string]bool) map[string]int {
	found := map[string]int{}
	if len(attempts) == 0 {
		return found
	}
	own := syscall.Getpgrp()
	// Processes come and go meanwhile; what cannot be read is gone or not ours.
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		environ, _ := os.ReadFile(path)
		for _, pair := range bytes.Split(environ, []byte{0}) {
			id, ok := strings.CutPrefix(string(pair), attemptVariable+"=")
			if !ok || !attempts[id] {
				continue
			}
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				continue
			}
			if group, err := syscall.Getpgid(pid); err == nil && group != own {
				found[id] = group
			}
		}
	}
	return found
}
