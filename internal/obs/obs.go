// Package obs makes the logger of a program and carries request ids, so that the lines of one request can be found.
//
// It keeps nothing global: a logger is made once, by the composition root, and handed to whoever logs. It never decides
// what is logged.
package obs

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// Options say what a logger writes and how.
type Options struct {
	// Level is debug, info, warn or error; empty is info.
	Level string
	// Format is text, json, or auto (also when empty): text on a terminal, else json.
	Format string
}

// NewLogger returns a logger that writes to w, and the level that a reload may change. Lines that are logged with a
// context carry its request id as request_id.
func NewLogger(w io.Writer, o Options) (*slog.Logger, *slog.LevelVar, error) {
	level := &slog.LevelVar{}
	if err := SetLevel(level, o.Level); err != nil {
		return nil, nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler
	switch {
	case o.Format == "text", (o.Format == "auto" || o.Format == "") && isTerminal(w):
		h = slog.NewTextHandler(w, options)
	case o.Format == "json", o.Format == "auto", o.Format == "":
		h = slog.NewJSONHandler(w, options)
	default:
		return nil, nil, fmt.Errorf("log format %q is not one of auto, text, json", o.Format)
	}
	return slog.New(requestHandler{h}), level, nil
}

// SetLevel changes a level to the one with the name; empty is info.
func SetLevel(level *slog.LevelVar, name string) error {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "": slog.LevelInfo,
		"warn": slog.LevelWarn, "error": slog.LevelError}
	l, ok := levels[name]
	if !ok {
		return fmt.Errorf("log level %q is not one of debug, info, warn, error", name)
	}
	level.Set(l)
	return nil
}

// isTerminal reports whether w is a character device, which for a log is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

type requestKey struct{}

// NewRequestID returns a fresh random request id.
func NewRequestID() string { return rand.Text() }

// WithRequestID returns a context that carries a request id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID returns the request id that ctx carries, "" when it carries none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// requestHandler adds the request id of the context to every line.
type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}
