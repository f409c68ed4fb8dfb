package profile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	t.Parallel()
	s := Store{Dir: filepath.Join(t.TempDir(), "a", "b")}
	empty, err := s.Load()
	if err != nil || len(empty.Profiles) != 0 {
		t.Fatalf("got %+v, %v; want no profiles", empty, err)
	}
	if _, ok := empty.Active(); ok {
		t.Error("there is an active profile among none")
	}
	want := File{Current: "x", Profiles: map[string]Profile{"x": {Name: "x", URL: "http://h", Password: "secret"}, "a": {Name: "a"}}}
	for range 2 {
		if err := s.Save(want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "x"}, got.Names()); diff != "" {
		t.Error(diff)
	}
	if p, ok := got.Active(); !ok || p.Name != "x" {
		t.Errorf("active is %+v, %v", p, ok)
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the directory holds %v, %v; want the file only", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestLoadOddities(t *testing.T) {
	t.Parallel()
	for content, isError := range map[string]bool{
		`{"current":"gone","profiles":{}}`: false,
		`{"current":"gone"}`:               false,
		`not json`:                         true,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Store{Dir: dir}.Load()
		if (err != nil) != isError {
			t.Errorf("%s: %v", content, err)
		}
		if err == nil && (f.Current != "" || f.Profiles == nil) {
			t.Errorf("%s: got %+v", content, f)
		}
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	env := map[string]string{}
	get := func(k string) string { return env[k] }
	if _, err := Dir(get); err == nil {
		t.Error("there is a directory without HOME")
	}
	for _, step := range []struct{ key, value, want string }{
		{"HOME", "/home/u", "/home/u/.config/reify"},
		{"XDG_CONFIG_HOME", "/x", "/x/reify"},
		{"REIFY_CONFIG_HOME", "/r", "/r"},
	} {
		env[step.key] = step.value
		if got, err := Dir(get); err != nil || got != step.want {
			t.Errorf("%s=%s: got %q, %v; want %q", step.key, step.value, got, err, step.want)
		}
	}
}
