package service

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"

	"github.com/reifyhq/reify/internal/auth"
)

// passwordCacheSize bounds the cache of verified passwords; it is emptied when full.
const passwordCacheSize = 1024

// passwordTurns is how many passwords are computed at the same time.
const passwordTurns = 2

// passwordCache remembers which passwords were found right, so that a client that sends Basic credentials with every
// request does not cost an argon2 computation each. It holds keyed digests under a key that exists only in this process.
type passwordCache struct {
	once sync.Once
	key  []byte
	mu   sync.Mutex
	good map[[sha256.Size]byte]bool
	// turns bound how many passwords are computed at once: each takes much memory and time, and others want to go on.
	turns chan struct{}
}

// check reports whether the password belongs to the hash.
func (c *passwordCache) check(hash, password string) bool {
	c.once.Do(func() {
		c.key = make([]byte, 32)
		rand.Read(c.key)
		c.good = map[[sha256.Size]byte]bool{}
		c.turns = make(chan struct{}, passwordTurns)
	})
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(hash))
	mac.Write([]byte{0})
	mac.Write([]byte(password))
	digest := [sha256.Size]byte(mac.Sum(nil))
	c.mu.Lock()
	known := c.good[digest]
	c.mu.Unlock()
	if known {
		return true
	}
	c.turns <- struct{}{}
	isGood := auth.CheckPassword(hash, password)
	<-c.turns
	if !isGood {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.good) >= passwordCacheSize {
		clear(c.good)
	}
	c.good[digest] = true
	return true
}
