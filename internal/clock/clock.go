// Package clock is the time source seam: Real for programs, Manual for tests and simulation.
//
// Everything that waits or stamps takes a Clock; no other package calls time.Now, time.After or time.Sleep. All instants
// are UTC.
package clock

import "time"

// Clock tells the time and wakes sleepers. Implementations are safe for concurrent use.
type Clock interface {
	// Now returns the current instant in UTC.
	Now() time.Time
	// NewTimer returns a timer that fires once after d; d <= 0 fires at once.
	NewTimer(d time.Duration) Timer
}

// Timer is a pending wake-up.
type Timer interface {
	// C delivers the instant at which the timer fired.
	C() <-chan time.Time
	// Stop prevents a timer that has not fired from firing. It reports whether it did.
	Stop() bool
}

// Real is the clock of the machine.
type Real struct{}

// Now returns the machine's time in UTC.
func (Real) Now() time.Time { return time.Now().UTC() }

// NewTimer returns a timer of the runtime.
func (Real) NewTimer(d time.Duration) Timer { return realTimer{time.NewTimer(d)} }

type realTimer struct{ t *time.Timer }

func (r realTimer) C() <-chan time.Time { return r.t.C }
func (r realTimer) Stop() bool          { return r.t.Stop() }
