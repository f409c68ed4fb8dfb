// Package secret seals what an installation keeps but must not show: values of secrets.
//
// A sealed value is XChaCha20-Poly1305 with a random nonce, bound to the name it is stored under, so that one cannot be
// put in the place of another. The key is derived from the installation's key; who has both the store and the key can
// read everything, and who has only one of them nothing. The package keeps no state and never logs.
package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// prefix names the form of a sealed value, so that another can follow.
const prefix = "x1:"

// Seal encrypts a value for the name under the installation's key.
func Seal(key []byte, name, value string) (string, error) {
	aead, err := chacha20poly1305.NewX(derive(key))
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", name, err)
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(value)+aead.Overhead())
	rand.Read(nonce)
	return prefix + base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(value), []byte(name))), nil
}

// Open decrypts what Seal made with the same key and name.
func Open(key []byte, name, sealed string) (string, error) {
	text, ok := strings.CutPrefix(sealed, prefix)
	if !ok {
		return "", fmt.Errorf("open %s: the stored value has an unknown form", name)
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", name, err)
	}
	aead, err := chacha20poly1305.NewX(derive(key))
	if err != nil {
		return "", fmt.Errorf("open %s: %w", name, err)
	}
	if len(data) < aead.NonceSize() {
		return "", errors.New("open " + name + ": the stored value is cut off")
	}
	plain, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], []byte(name))
	if err != nil {
		return "", fmt.Errorf("open %s: the key of this installation does not fit, or the value was changed: %w", name, err)
	}
	return string(plain), nil
}

// derive separates this use of the installation's key from its others.
func derive(key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("secret values"))
	return mac.Sum(nil)
}
