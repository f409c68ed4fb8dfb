// Package fernet reads and writes the texts in which original managers exchange secrets: Fernet tokens with a key of 64
// bytes, derived from a passphrase (migration, section on secrets).
//
// A token is the version 0x80, the time as 8 bytes, an initialisation vector of 16, the text under AES-256-CBC with PKCS#7
// padding, and an HMAC-SHA256 over all of that, in URL-safe base64. Our own values are never kept in this form. Tokens do
// not expire. Keys are used as they are given; the package keeps no state.
package fernet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

const (
	version  = 0x80
	keySize  = 64
	rounds   = 100_000
	salt     = "salt_"
	head     = 1 + 8 + aes.BlockSize
	shortest = head + aes.BlockSize + sha256.Size
	signKey  = 32
)

// ErrInvalid says that a token is none, or that it was made with another passphrase.
var ErrInvalid = errors.New("the text is not encrypted with this passphrase")

// Key is a signing key of 32 bytes and then an encryption key of 32.
type Key [keySize]byte

// Derive returns the key of a passphrase: PBKDF2-HMAC-SHA256 with the salt and the rounds of the original.
func Derive(passphrase string) (Key, error) {
	data, err := pbkdf2.Key(sha256.New, passphrase, []byte(salt), rounds, keySize)
	if err != nil {
		return Key{}, err
	}
	return Key(data), nil
}

// Encrypt returns the token of a text.
func (k Key) Encrypt(text string, now time.Time) (string, error) {
	block, err := aes.NewCipher(k[signKey:])
	if err != nil {
		return "", err
	}
	padding := aes.BlockSize - len(text)%aes.BlockSize
	token := make([]byte, head, head+len(text)+padding+sha256.Size)
	token[0] = version
	binary.BigEndian.PutUint64(token[1:], uint64(max(now.Unix(), 0)))
	iv := token[9:head]
	rand.Read(iv)
	token = append(token, text...)
	for range padding {
		token = append(token, byte(padding))
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(token[head:], token[head:])
	return base64.URLEncoding.EncodeToString(k.sign(token)), nil
}

// sign appends the HMAC.
func (k Key) sign(token []byte) []byte {
	mac := hmac.New(sha256.New, k[:signKey])
	mac.Write(token)
	return mac.Sum(token)
}

// Decrypt returns the text of a token, or ErrInvalid.
func (k Key) Decrypt(token string) (string, error) {
	data, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(data) < shortest || data[0] != version {
		return "", ErrInvalid
	}
	body := data[:len(data)-sha256.Size]
	if signed := k.sign(body[:len(body):len(body)]); !hmac.Equal(signed, data) {
		return "", ErrInvalid
	}
	text := body[head:]
	block, err := aes.NewCipher(k[signKey:])
	if err != nil || len(text)%aes.BlockSize != 0 {
		return "", ErrInvalid
	}
	cipher.NewCBCDecrypter(block, body[9:head]).CryptBlocks(text, text)
	padding := int(text[len(text)-1])
	if padding < 1 || padding > aes.BlockSize {
		return "", ErrInvalid
	}
	for _, b := range text[len(text)-padding:] {
		if int(b) != padding {
			return "", ErrInvalid
		}
	}
	return string(text[:len(text)-padding]), nil
}
