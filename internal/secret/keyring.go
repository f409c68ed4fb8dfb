package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// keyedPrefix begins a value that names its key: x2:<id of the key>:<nonce and text>.
const keyedPrefix = "x2:"

// KeySize is the size of a key in bytes.
const KeySize = 32

// Keyring holds the keys that values are sealed under: the active one seals, all of them open. More than one key means
// that values are being sealed anew. It is safe for concurrent use.
//
// Keys come from a file that only the manager reads, or from its environment. Where neither has any, the key is derived
// from that of the installation, as it was before there were keyrings.
type Keyring struct {
	mu     sync.RWMutex
	active string
	keys   map[string][]byte
	// path is the file of the keys; empty when they are not kept.
	path string
	// fixed says that the active key is given from outside and cannot be made here.
	fixed bool
}

// keyFile is the form of the file of keys.
type keyFile struct {
	Active string            `json:"active"`
	Keys   map[string]string `json:"keys"`
}

// keyID is what a key is called: who knows it learns nothing of the key.
func keyID(key []byte) string {
	sum := sha256.Sum256(append([]byte("key id "), key...))
	return hex.EncodeToString(sum[:6])
}

// NewKeyring returns a keyring of the key that belongs to the installation's key; nothing is kept.
func NewKeyring(installation []byte) *Keyring {
	key := derive(installation)
	return &Keyring{active: keyID(key), keys: map[string][]byte{keyID(key): key}}
}

// OpenKeyring reads the keys in the file at path, which need not exist. given are keys in hexadecimal digits, separated by
// commas, from the environment: the first of them is active then, and those of the file only open what was sealed under
// them.
func OpenKeyring(path string, installation []byte, given string) (*Keyring, error) {
	r := NewKeyring(installation)
	r.path = path
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read the keys of secrets: %w", err)
	default:
		if err := r.parse(data); err != nil {
			return nil, fmt.Errorf("the keys of secrets in %s are damaged; restore the file from a backup: %w", path, err)
		}
	}
	for i, text := range strings.Split(given, ",") {
		if given == "" {
			break
		}
		key, err := hex.DecodeString(strings.TrimSpace(text))
		if err != nil || len(key) != KeySize {
			return nil, fmt.Errorf("key %d of the environment is not %d hexadecimal digits", i+1, 2*KeySize)
		}
		r.keys[keyID(key)] = key
		if i == 0 {
			r.active, r.fixed = keyID(key), true
		}
	}
	if r.keys[r.active] == nil {
		return nil, fmt.Errorf("the key of secrets %q is not in %s; was it given by the environment before?", r.active, path)
	}
	return r, nil
}

func (r *Keyring) parse(data []byte) error {
	var f keyFile
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	r.active, r.keys = f.Active, map[string][]byte{}
	for id, text := range f.Keys {
		key, err := hex.DecodeString(text)
		if err != nil || len(key) != KeySize || keyID(key) != id {
			return fmt.Errorf("key %s is not what it was", id)
		}
		r.keys[id] = key
	}
	return nil
}

// keep writes the keys that do not come from the environment. It is durable when it returns.
func (r *Keyring) keep() (err error) {
	if r.path == "" {
		return nil
	}
	f := keyFile{Active: r.active, Keys: map[string]string{}}
	for id, key := range r.keys {
		if r.fixed && id == r.active {
			continue
		}
		f.Keys[id] = hex.EncodeToString(key)
	}
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep the keys of secrets: %w", err)
		}
	}()
	file, err := os.OpenFile(r.path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(r.path+".new", r.path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(r.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Active returns the id of the key that seals.
func (r *Keyring) Active() string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.active
}

// IsRotating reports whether values may be sealed under other keys than the active one.
func (r *Keyring) IsRotating() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.keys) > 1
}

// Rotate makes a new key active, unless an earlier rotation has not come to its end or the active key is given by the
// environment. From then on values are sealed under the new key; Retire forgets the old ones.
func (r *Keyring) Rotate() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.keys) > 1 || r.fixed {
		return nil
	}
	key := make([]byte, KeySize)
	rand.Read(key)
	old := r.active
	r.active = keyID(key)
	r.keys[r.active] = key
	if err := r.keep(); err != nil {
		delete(r.keys, r.active)
		r.active = old
		return err
	}
	return nil
}

// Retire forgets all keys but the active one: everything must have been sealed under that.
func (r *Keyring) Retire() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := maps.Clone(r.keys)
	maps.DeleteFunc(r.keys, func(id string, _ []byte) bool { return id != r.active })
	if err := r.keep(); err != nil {
		r.keys = old
		return err
	}
	return nil
}

// Seal encrypts a value for the name under the active key.
func (r *Keyring) Seal(name, value string) (string, error) {
	r.mu.RLock()
	id, key := r.active, r.keys[r.active]
	r.mu.RUnlock()
	text, err := sealWith(key, name, value)
	if err != nil {
		return "", err
	}
	return keyedPrefix + id + ":" + text, nil
}

// Open decrypts what Seal made for the name under one of the keys.
func (r *Keyring) Open(name, sealed string) (string, error) {
	if text, isOld := strings.CutPrefix(sealed, prefix); isOld {
		return r.openOld(name, text)
	}
	text, isKeyed := strings.CutPrefix(sealed, keyedPrefix)
	id, text, ok := strings.Cut(text, ":")
	if !isKeyed || !ok {
		return "", fmt.Errorf("open %s: the stored value has an unknown form", name)
	}
	r.mu.RLock()
	key := r.keys[id]
	r.mu.RUnlock()
	if key == nil {
		return "", fmt.Errorf("open %s: it was sealed under the key %s, which this manager does not have", name, id)
	}
	return openWith(key, name, text)
}

// openOld tries all keys: values of the first form do not name theirs.
func (r *Keyring) openOld(name, text string) (value string, err error) {
	r.mu.RLock()
	keys := slices.Collect(maps.Values(r.keys))
	r.mu.RUnlock()
	for _, key := range keys {
		if value, err = openWith(key, name, text); err == nil {
			return value, nil
		}
	}
	return "", err
}

// IsCurrent reports whether a value is sealed under the active key.
func (r *Keyring) IsCurrent(sealed string) bool {
	return strings.HasPrefix(sealed, keyedPrefix+r.Active()+":")
}
