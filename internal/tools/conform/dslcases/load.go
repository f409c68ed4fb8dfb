// Package dslcases runs recorded calls of the reference's parser against
// this one and compares the outcomes. It is used by the conform tool and by
// tests, never by the product.
//
// Invariant: an outcome agrees only if it agrees under all the rules of the
// data's own description, instance ids compared up to a renaming.
package dslcases

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/value"
)

// Case is one recorded call.
type Case struct {
	ID, Area, Op  string
	MessageStable bool
	In, Out       *value.Map
}

// Select restricts what is loaded, by prefixes; empty ones select all.
type Select struct{ Area, ID string }

// Load reads all cases under a directory.
func Load(dir string, sel Select) ([]Case, error) {
	shared := map[string]any{}
	err := lines(filepath.Join(dir, "shared.jsonl.gz"), func(v any) error {
		if l, ok := v.([]any); ok && len(l) == 2 {
			if k, ok := l[0].(string); ok {
				shared[k] = l[1]
			}
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "cases", "*.jsonl.gz"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no cases under %s", dir)
	}
	sort.Strings(files)
	r := &resolver{shared: shared, done: map[string]any{}}
	var out []Case
	for _, f := range files {
		if !strings.HasPrefix(filepath.Base(f), sel.Area) {
			continue
		}
		err := lines(f, func(v any) error {
			m, ok := v.(*value.Map)
			if !ok {
				return fmt.Errorf("%s: a case is not an object", f)
			}
			c := Case{ID: text(m.At("id")), Area: text(m.At("area")), Op: text(m.At("op")), MessageStable: m.At("message_stable") != false}
			if !strings.HasPrefix(c.ID, sel.ID) {
				return nil
			}
			c.In, _ = r.resolve(m.At("in")).(*value.Map)
			c.Out, _ = r.resolve(m.At("out")).(*value.Map)
			out = append(out, c)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func lines(path string, f func(any) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	b := bufio.NewReaderSize(z, 1<<20)
	for {
		line, err := b.ReadBytes('\n')
		if len(line) > 1 {
			v, derr := value.DecodeJSON(line)
			if derr != nil {
				return fmt.Errorf("%s: %w", path, derr)
			}
			if ferr := f(v); ferr != nil {
				return ferr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type resolver struct {
	shared map[string]any
	done   map[string]any
}

// resolve replaces references to shared values.
func (r *resolver) resolve(v any) any {
	switch t := v.(type) {
	case *value.Map:
		if k, ok := t.At("$shared").(string); ok && t.Len() == 1 {
			if d, ok := r.done[k]; ok {
				return d
			}
			d := r.resolve(r.shared[k])
			r.done[k] = d
			return d
		}
		out := value.NewMap()
		for k, x := range t.All() {
			out.Set(k, r.resolve(x))
		}
		return out
	case []any:
		out := make([]any, len(t))
		for i, x := range t {
			out[i] = r.resolve(x)
		}
		return out
	}
	return v
}

func text(v any) string      { s, _ := v.(string); return s }
func mapOf(v any) *value.Map { m, _ := v.(*value.Map); return m }
func listOf(v any) []any     { l, _ := v.([]any); return l }
