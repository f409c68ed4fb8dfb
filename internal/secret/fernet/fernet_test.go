package fernet_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/secret/fernet"
)

// reference was made by the Python library "cryptography" with the key of "passphrase1".
const reference = "gAAAAABrA1f5bwVyI-Z60PtaDcULQnARiCsuWmOby-ZZpCsTrOgeYGFaDoKCvKIrwex7K4rpn-2V20k65VG91tllmFYUdDR-9Q=="

func key(t testing.TB, passphrase string) fernet.Key {
	t.Helper()
	k, err := fernet.Derive(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestReference(t *testing.T) {
	t.Parallel()
	if got, err := key(t, "passphrase1").Decrypt(reference); err != nil || got != "sesame ⚿ open" {
		t.Errorf("decrypt: %q, %v", got, err)
	}
	if _, err := key(t, "passphrase2").Decrypt(reference); !errors.Is(err, fernet.ErrInvalid) {
		t.Errorf("another passphrase: %v", err)
	}
}

func TestBothWays(t *testing.T) {
	t.Parallel()
	k := key(t, "p")
	for _, text := range []string{"", "a", strings.Repeat("b", 15), strings.Repeat("c", 16), strings.Repeat("ü", 1000)} {
		token, err := k.Encrypt(text, time.Unix(1, 0))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Decrypt(token); err != nil || got != text {
			t.Errorf("%d bytes: %q, %v", len(text), got, err)
		}
		for _, i := range []int{0, 5, 12, 30, len(token) - 6} {
			broken := []byte(token)
			broken[i] ^= 1
			if _, err := k.Decrypt(string(broken)); !errors.Is(err, fernet.ErrInvalid) {
				t.Errorf("%d bytes, changed at %d: %v", len(text), i, err)
			}
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	f.Add(reference)
	f.Add("")
	k := key(f, "passphrase1")
	f.Fuzz(func(t *testing.T, token string) {
		if text, err := k.Decrypt(token); err == nil && text != "sesame ⚿ open" {
			t.Errorf("forged %q", text)
		}
	})
}
