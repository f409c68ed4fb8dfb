package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/reifyhq/reify/internal/model"
)

// Parameters of argon2id: the second recommendation of RFC 9106 (64 MiB) is too much for a manager that idles below
// 100 MiB, so memory is 19 MiB with two passes, as OWASP lists it.
const (
	argonTime    = 2
	argonMemory  = 19 * 1024
	argonThreads = 1
	argonKey     = 32
	// SaltSize is the number of random bytes that HashPassword takes.
	SaltSize = 16
)

// HashPassword returns the argon2id hash of a password in the usual $-separated form. The salt must be SaltSize random
// bytes that are used once.
func HashPassword(password string, salt []byte) string {
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

// CheckPassword reports whether password belongs to a hash of HashPassword. A hash of another form never matches.
func CheckPassword(hash, password string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	var memory, passes uint32
	var threads uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil || threads == 0 || passes == 0 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) == 0 {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}

// TokenPrefix begins every API token.
const TokenPrefix = "ctok"

// Sizes of the random parts of an API token, in characters.
const (
	TokenIDSize     = 10
	TokenSecretSize = 40
)

// FormatToken returns the text of an API token: ctok-<id>-<secret>.
func FormatToken(id model.TokenID, secret string) string {
	return TokenPrefix + "-" + string(id) + "-" + secret
}

// ParseToken splits an API token at its first two dashes. ok is false when it has fewer than three parts.
func ParseToken(text string) (id model.TokenID, secret string, ok bool) {
	parts := strings.SplitN(text, "-", 3)
	if len(parts) != 3 {
		return "", "", false
	}
	return model.TokenID(parts[1]), parts[2], true
}

// HashToken returns the SHA-256 of a token or secret with at least 128 random bits, in hex.
func HashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// ExecutionToken derives the token of an execution from the installation's key: 32 hex digits that nobody can guess and
// that a restarted manager knows again without ever having stored them.
func ExecutionToken(key []byte, id model.ExecutionID, serial int) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "execution/%s/%d", id, serial)
	return hex.EncodeToString(mac.Sum(nil))[:32]
}
