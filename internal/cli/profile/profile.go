// Package profile keeps what the command line knows about managers: address, credentials and tenant, by name.
//
// All profiles live in one file, profiles.json in the configuration directory, readable by its owner only, replaced as a
// whole by a rename. The package never prints, never asks the network and never reads the environment by itself.
//
// Invariant: Current is empty or the name of a profile in Profiles.
package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

const fileName = "profiles.json"

// Profile is one manager as one user in one tenant.
type Profile struct {
	Name     string `json:"name"`
	URL      string `json:"url"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
	Tenant   string `json:"tenant,omitempty"`
	// Certificate is the path of a PEM file with the authorities to trust for https.
	Certificate string `json:"certificate,omitempty"`
}

// File is the content of the profiles file.
type File struct {
	Current  string             `json:"current"`
	Profiles map[string]Profile `json:"profiles"`
}

// Store reads and writes the profiles file in Dir.
type Store struct {
	Dir string
}

// Dir returns the configuration directory: $REIFY_CONFIG_HOME, else reify below $XDG_CONFIG_HOME or ~/.config.
func Dir(env func(string) string) (string, error) {
	if d := env("REIFY_CONFIG_HOME"); d != "" {
		return d, nil
	}
	if d := env("XDG_CONFIG_HOME"); d != "" {
		return filepath.Join(d, "reify"), nil
	}
	home := env("HOME")
	if home == "" {
		return "", errors.New("neither REIFY_CONFIG_HOME nor HOME is set, so there is no place for profiles")
	}
	return filepath.Join(home, ".config", "reify"), nil
}

// Load reads the file. A file that does not exist is one without profiles.
func (s Store) Load() (File, error) {
	f := File{Profiles: map[string]Profile{}}
	path := filepath.Join(s.Dir, fileName)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return f, fmt.Errorf("read profiles: %w", err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("read profiles in %s: %w", path, err)
	}
	if f.Profiles == nil {
		f.Profiles = map[string]Profile{}
	}
	if _, ok := f.Profiles[f.Current]; !ok {
		f.Current = ""
	}
	return f, nil
}

// Save replaces the file.
func (s Store) Save(f File) error {
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("save profiles: %w", err)
	}
	tmp, err := os.CreateTemp(s.Dir, fileName+".*")
	if err != nil {
		return fmt.Errorf("save profiles: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(data, '\n'))
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("save profiles: %w", err)
	}
	if err := os.Rename(tmp.Name(), filepath.Join(s.Dir, fileName)); err != nil {
		return fmt.Errorf("save profiles: %w", err)
	}
	return nil
}

// Names returns the names of the profiles in order.
func (f File) Names() []string { return slices.Sorted(maps.Keys(f.Profiles)) }

// Active returns the current profile and whether there is one.
func (f File) Active() (Profile, bool) {
	p, ok := f.Profiles[f.Current]
	return p, ok && f.Current != ""
}
