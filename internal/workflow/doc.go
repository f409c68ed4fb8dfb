// Package workflow knows what workflows do: the task graph as data, its transition rules, and the built-in workflows as
// pure functions from the state of a deployment to phases.
//
// A workflow runs as a sequence of phases. A Program is asked for the next phase, given a fresh Snapshot of the
// deployment, what it kept from the phase before (Cursor) and whether that phase failed. A phase is a task graph or a
// change of the model. A Run advances one task graph: Advance takes one input and returns the Effects that somebody
// else (package engine, or a test) must make real and durable.
//
// The package never does I/O, never reads a clock, never draws a random number and starts no goroutine: time and ids
// are given to it. The same inputs in the same order give the same effects, which is what makes an execution resumable
// from its stored tasks.
//
//	State ──Program──▶ Phase ──NewRun──▶ Run ──Advance(Input)──▶ Effects ──▶ (store, bus, events)
package workflow
