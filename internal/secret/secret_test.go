package secret

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var installation = []byte("0123456789abcdef0123456789abcdef")

func mustOpen(t *testing.T, path, given string) *Keyring {
	t.Helper()
	r, err := OpenKeyring(path, installation, given)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustSeal(t *testing.T, r *Keyring, name, value string) string {
	t.Helper()
	sealed, err := r.Seal(name, value)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	r := NewKeyring(installation)
	sealed := mustSeal(t, r, "a", "value")
	if again := mustSeal(t, r, "a", "value"); again == sealed || strings.Contains(sealed, "value") {
		t.Errorf("sealed twice: %q and %q", sealed, again)
	}
	if got, err := r.Open("a", sealed); err != nil || got != "value" || !r.IsCurrent(sealed) {
		t.Errorf("open: %q, %v", got, err)
	}
	other := NewKeyring([]byte("other"))
	for what, open := range map[string]func() (string, error){
		"another name":      func() (string, error) { return r.Open("b", sealed) },
		"another key":       func() (string, error) { return other.Open("a", sealed) },
		"a changed end":     func() (string, error) { return r.Open("a", sealed[:len(sealed)-2]+"AA") },
		"a short value":     func() (string, error) { return r.Open("a", keyedPrefix+r.Active()+":AAAA") },
		"plain text":        func() (string, error) { return r.Open("a", "value") },
		"no base64":         func() (string, error) { return r.Open("a", keyedPrefix+r.Active()+":!") },
		"an old broken":     func() (string, error) { return r.Open("a", prefix+"AAAA") },
		"a key's name gone": func() (string, error) { return r.Open("a", strings.Replace(sealed, r.Active(), "", 1)) },
	} {
		if got, err := open(); err == nil {
			t.Errorf("%s: opened as %q", what, got)
		}
	}
}

// TestOldForm opens what was sealed before values named their key.
func TestOldForm(t *testing.T) {
	t.Parallel()
	text, err := sealWith(derive(installation), "a", "value")
	if err != nil {
		t.Fatal(err)
	}
	r := mustOpen(t, filepath.Join(t.TempDir(), "keys"), "")
	if err := r.Rotate(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Open("a", prefix+text); err != nil || got != "value" || r.IsCurrent(prefix+text) {
		t.Errorf("open: %q, %v", got, err)
	}
	if err := r.Retire(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open("a", prefix+text); err == nil {
		t.Error("opened with a key that was retired")
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	r := mustOpen(t, path, "")
	first := mustSeal(t, r, "a", "1")
	if r.IsRotating() {
		t.Error("a new keyring rotates")
	}
	if err := r.Rotate(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of keys: %v, %v", info, err)
	}
	active := r.Active()
	if err := r.Rotate(); err != nil || r.Active() != active {
		t.Errorf("an unfinished rotation began another: %v", err)
	}
	r = mustOpen(t, path, "")
	if got, err := r.Open("a", first); err != nil || got != "1" || r.IsCurrent(first) || !r.IsRotating() || r.Active() != active {
		t.Errorf("after a restart: %q, %v", got, err)
	}
	second := mustSeal(t, r, "a", "2")
	if err := r.Retire(); err != nil {
		t.Fatal(err)
	}
	r = mustOpen(t, path, "")
	if got, err := r.Open("a", second); err != nil || got != "2" || r.IsRotating() {
		t.Errorf("after the end: %q, %v", got, err)
	}
	if _, err := r.Open("a", first); err == nil {
		t.Error("a retired key opens")
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeyring(path, installation, ""); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("a damaged file: %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	old := mustSeal(t, mustOpen(t, path, ""), "a", "old")
	one, two := hex.EncodeToString([]byte(strings.Repeat("1", 32))), hex.EncodeToString([]byte(strings.Repeat("2", 32)))
	r := mustOpen(t, path, one)
	if got, err := r.Open("a", old); err != nil || got != "old" || !r.IsRotating() {
		t.Errorf("what the file's key sealed: %q, %v", got, err)
	}
	active := r.Active()
	if err := r.Rotate(); err != nil || r.Active() != active {
		t.Errorf("a given key was replaced: %v", err)
	}
	sealed := mustSeal(t, r, "a", "new")
	if err := r.Retire(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), one) {
		t.Errorf("the key of the environment is in the file: %v", err)
	}
	r = mustOpen(t, path, two+", "+one)
	if got, err := r.Open("a", sealed); err != nil || got != "new" || r.IsCurrent(sealed) {
		t.Errorf("the second given key: %q, %v", got, err)
	}
	if _, err := OpenKeyring(path, installation, ""); err == nil {
		t.Error("a manager without its key starts")
	}
	if _, err := OpenKeyring(path, installation, "abc"); err == nil || strings.Contains(err.Error(), "abc") {
		t.Errorf("a bad key: %v", err)
	}
}
