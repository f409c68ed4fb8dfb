package front

import (
	"sync"
	"time"
)

const (
	// burst is how many seconds' worth of requests may come at once.
	burst = 10
	// mostClients bounds how many clients are remembered.
	mostClients = 20_000
	// deepestDebt is how many seconds a client can be refused for at most.
	deepestDebt = 60
)

// rates counts the requests of clients: each has a bucket that fills with the rate. The zero value is ready. It is safe
// for concurrent use.
type rates struct {
	mu      sync.Mutex
	clients map[string]bucket
}

// bucket is what a client had left at an instant.
type bucket struct {
	left float64
	at   time.Time
}

// spend takes cost from the client's bucket and returns how long the client has to wait when it had nothing left.
func (r *rates) spend(client string, rate, cost int, now time.Time) (wait time.Duration) {
	if rate <= 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	full := float64(rate * burst)
	b, known := r.clients[client]
	if !known {
		if len(r.clients) >= mostClients {
			r.forget(full, rate, now)
		}
		b = bucket{left: full, at: now}
	}
	if r.clients == nil {
		r.clients = map[string]bucket{}
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.left, b.at = min(full, b.left+passed.Seconds()*float64(rate)), now
	}
	if b.left < 1 && cost == 1 {
		r.clients[client] = b
		return time.Duration((1 - b.left) / float64(rate) * float64(time.Second))
	}
	b.left = max(b.left-float64(cost), -float64(rate*deepestDebt))
	r.clients[client] = b
	return 0
}

// forget drops the clients whose buckets are full again, and all of them when that makes no room.
func (r *rates) forget(full float64, rate int, now time.Time) {
	for name, b := range r.clients {
		if b.left+now.Sub(b.at).Seconds()*float64(rate) >= full {
			delete(r.clients, name)
		}
	}
	if len(r.clients) >= mostClients {
		clear(r.clients)
	}
}
