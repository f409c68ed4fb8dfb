// Package e2e holds tests that drive the real programs as a user does: processes, sockets, files, signals. It has no code
// of its own beside them.
package e2e
