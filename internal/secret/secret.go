// Package secret seals what an installation keeps but must not show: values of secrets, passwords of other systems.
//
// A sealed value is XChaCha20-Poly1305 with a random nonce, bound to the name it is stored under, so that one cannot be
// put in the place of another. Who has both the store and the key can read everything, and who has only one of them
// nothing. Values are sealed under the active key of a Keyring; keys are exchanged by making a new one active, sealing
// everything anew and then forgetting the old ones. The package never logs.
package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// prefix begins a value of the first form, which does not name its key.
const prefix = "x1:"

func sealWith(key []byte, name, value string) (string, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", name, err)
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(value)+aead.Overhead())
	rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(value), []byte(name))), nil
}

func openWith(key []byte, name, text string) (string, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", name, err)
	}
	aead, err := chacha20poly1305.NewX(key)
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
