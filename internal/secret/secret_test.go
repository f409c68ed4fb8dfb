package secret

import (
	"strings"
	"testing"
)

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	key := []byte("0123456789abcdef0123456789abcdef")
	sealed, err := Seal(key, "a", "value")
	if err != nil {
		t.Fatal(err)
	}
	again, err := Seal(key, "a", "value")
	if err != nil || again == sealed || strings.Contains(sealed, "value") {
		t.Errorf("sealed twice: %q and %q, %v", sealed, again, err)
	}
	if got, err := Open(key, "a", sealed); err != nil || got != "value" {
		t.Errorf("open: %q, %v", got, err)
	}
	for what, open := range map[string]func() (string, error){
		"another name":  func() (string, error) { return Open(key, "b", sealed) },
		"another key":   func() (string, error) { return Open([]byte("other"), "a", sealed) },
		"a changed end": func() (string, error) { return Open(key, "a", sealed[:len(sealed)-2]+"AA") },
		"a short value": func() (string, error) { return Open(key, "a", prefix+"AAAA") },
		"plain text":    func() (string, error) { return Open(key, "a", "value") },
	} {
		if got, err := open(); err == nil {
			t.Errorf("%s: opened as %q", what, got)
		}
	}
}
