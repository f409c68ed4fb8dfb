// Package sim runs engine, store, bus and executors in one deterministic simulation under seeded faults. It is test code:
// no program of the product links it.
//
// The engine is the real one. Its seams are the simulation's: a gated store over store/memstore, a broker with the rules
// of bus/membus, a clock per process, and a modelled executor with a journal. Everything runs in a testing/synctest
// bubble, which tells when all goroutines are blocked. Every call of a seam parks its goroutine; the scheduler waits
// until nothing moves and then lets exactly one thing happen, chosen by the seed: a parked call is answered (or fails, or
// kills its process before or after the commit), a message is delivered, a timer fires, an operation ends, a user acts.
// When nothing is left to happen the time moves to the next instant at which something will.
//
// Invariants: only the scheduler draws random numbers and moves the time; at most one chain of goroutines runs between
// two quiet points; what happens is noted in a log, and the same seed gives the same log.
//
//	seed ─▶ scheduler ─one event─▶ engine goroutines ─▶ parked calls ─▶ quiet ─▶ checks ─▶ scheduler
package sim

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// Options choose a simulation.
type Options struct {
	// Seed chooses everything that is left to chance.
	Seed uint64
	// Plant names a bug to be planted, one of Plants; empty plants none.
	Plant string
	// Calm runs the same blueprints and workflows without any fault.
	Calm bool
}

// Result is how a simulation went.
type Result struct {
	// Failure is the first broken rule; empty when all held.
	Failure string
	// Log has one line for each event.
	Log []string
	// Outcome is how everything ended, comparable between runs of one seed. It is empty when it depends on timing.
	Outcome string
	// Steps counts the events.
	Steps int
}

// Tail returns the last lines of the log.
func (r Result) Tail(n int) string {
	return strings.Join(r.Log[max(0, len(r.Log)-n):], "\n")
}

// Run simulates one seed in a bubble of its own.
func Run(t *testing.T, o Options) (r Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t.Context(), o)
		w.run()
		w.shutdown()
		r = Result{Failure: w.failure, Log: w.log, Steps: len(w.log)}
		if w.isTransient && w.failure == "" {
			r.Outcome = w.outcome()
		}
	})
	return r
}

// Check simulates one seed, and when all of its faults were transient also its calm twin, which must end the same way.
func Check(t *testing.T, o Options) Result {
	t.Helper()
	r := Run(t, o)
	if r.Failure != "" || r.Outcome == "" {
		return r
	}
	calm := Run(t, Options{Seed: o.Seed, Calm: true})
	switch {
	case calm.Failure != "":
		r.Failure = "without any fault: " + calm.Failure
	case calm.Outcome != r.Outcome:
		r.Failure = "the end differs from the run without faults:\n" + difference(r.Outcome, calm.Outcome)
	}
	return r
}

// difference shows the lines that only one of two outcomes has.
func difference(faulty, calm string) string {
	one, two := strings.Split(faulty, "\n"), strings.Split(calm, "\n")
	var out []string
	for _, line := range one {
		if !slices.Contains(two, line) {
			out = append(out, "with faults:    "+line)
		}
	}
	for _, line := range two {
		if !slices.Contains(one, line) {
			out = append(out, "without faults: "+line)
		}
	}
	return strings.Join(out, "\n")
}
