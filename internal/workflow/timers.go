package workflow

import (
	"container/heap"
	"math"
	"time"
)

// timer is a task that waits for a time.
type timer struct {
	at   time.Time
	node int32
}

// timers is a heap of timers, earliest first. Timers of tasks that are no longer timed are dropped when they surface.
type timers []timer

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	if t[i].at.Equal(t[j].at) {
		return t[i].node < t[j].node
	}
	return t[i].at.Before(t[j].at)
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push is for package heap.
func (t *timers) Push(x any) {
	if v, ok := x.(timer); ok {
		*t = append(*t, v)
	}
}

// Pop is for package heap.
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

func (t *timers) add(v timer) { heap.Push(t, v) }

// next is the earliest time that a task still waits for, the zero time when none does.
func (t *timers) next(r *Run) time.Time {
	for len(*t) > 0 && r.nodes[(*t)[0].node].phase != timed {
		heap.Pop(t)
	}
	if len(*t) == 0 {
		return time.Time{}
	}
	return (*t)[0].at
}

// wakeTimers queues the tasks whose time has come.
func (r *Run) wakeTimers() {
	for at := r.timers.next(r); !at.IsZero() && !at.After(r.now); at = r.timers.next(r) {
		i := r.timers[0].node
		heap.Pop(&r.timers)
		r.inFlight--
		r.enqueue(i)
	}
}

// seconds converts a number of seconds from a document; what is no sensible delay counts as none.
func seconds(f float64) time.Duration {
	const most = float64(math.MaxInt64 / int64(time.Second) / 2)
	switch {
	case math.IsNaN(f) || f <= 0:
		return 0
	case f > most:
		f = most
	}
	return time.Duration(f * float64(time.Second))
}
