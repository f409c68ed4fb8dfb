package imports

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/builtin"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Delimiter stands between a namespace and what it names.
const Delimiter = "--"

var urlSchemes = map[string]bool{"http": true, "https": true, "file": true, "ftp": true, "plugin": true, "blueprint": true}

// IsURL tells whether a name has a scheme: a part before a colon.
func IsURL(name string) bool {
	i := strings.IndexByte(name, ':')
	return i > 0
}

func scheme(name string) string {
	if i := strings.IndexByte(name, ':'); i >= 0 {
		return name[:i]
	}
	return ""
}

// FileURL gives the URL of a local path: file: and the path, percent-encoded.
func FileURL(p string) string {
	return "file:" + EscapePath(path.Clean(p))
}

// EscapePath percent-encodes a path as URLs carry it.
func EscapePath(p string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("_.-~/", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// versioned puts the version suffix before the extension: types_1_4.yaml.
func versioned(name, suffix string) string {
	if suffix == "" {
		return ""
	}
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "_" + suffix + ext
}

// baseOf gives a URL up to and with its last slash.
func baseOf(u string) string {
	if i := strings.LastIndexByte(u, '/'); i >= 0 {
		return u[:i+1]
	}
	return ""
}

// locate gives the URL of a main file's location.
func (r *run) locate(location string) string {
	switch {
	case location == "":
		return ""
	case urlSchemes[scheme(location)]:
		return location
	case strings.HasPrefix(location, "/"):
		return FileURL(location)
	case r.in.WorkingDirectory != "":
		return FileURL(path.Join(r.in.WorkingDirectory, location))
	}
	return "resource:" + location
}

// candidates gives the URLs to try for a resource, section 5.2.
func (r *run) candidates(ctx context.Context, name, importing, suffix string) []string {
	if urlSchemes[scheme(name)] {
		return []string{name}
	}
	var out []string
	local := func(p string) {
		if p == "" {
			return
		}
		if !strings.HasPrefix(p, "/") {
			if r.in.WorkingDirectory == "" {
				return
			}
			p = path.Join(r.in.WorkingDirectory, p)
		}
		if u := FileURL(p); r.src.Exists(ctx, u) {
			out = append(out, u)
		}
	}
	local(versioned(name, suffix))
	local(name)
	if importing != "" {
		out = append(out, baseOf(importing)+name)
	}
	if r.in.ResourcesBasePath != "" {
		local(joinBase(r.in.ResourcesBasePath, versioned(name, suffix)))
		local(joinBase(r.in.ResourcesBasePath, name))
	}
	if v := versioned(name, suffix); v != "" {
		out = append(out, "resource:"+v)
	}
	return append(out, "resource:"+name)
}

func joinBase(base, name string) string {
	if name == "" {
		return ""
	}
	return path.Join(base, name)
}

// fetch asks for the candidates in turn; the last error counts.
func (r *run) fetch(ctx context.Context, urls []string) (Fetched, string, *diag.Error) {
	var last *diag.Error
	for _, u := range urls {
		if !r.in.NoBuiltInTypes {
			if _, ok := builtin.Find(u); ok {
				return Fetched{}, u, nil
			}
		}
		f, err := r.src.Fetch(ctx, u, r.version.Suffix())
		if err == nil {
			return f, u, nil
		}
		last = fetchError(u, err)
	}
	return Fetched{}, "", last
}

func fetchError(u string, err error) *diag.Error {
	var e *diag.Error
	if errors.As(err, &e) {
		c := *e
		return &c
	}
	return diag.Coded(diag.Logic, 13, fmt.Sprintf("Import failed: Unable to open import url %s; %v", u, err))
}

// Rule replaces a prefix of import URLs.
type Rule struct{ Prefix, Replacement string }

// Rules is the configuration of the default resolver, section 5.5.
type Rules struct {
	Rules []Rule
	// NoFallback refuses the original URL when a rule matched.
	NoFallback bool
}

// ParseRules checks the `rules` parameter of a resolver configuration.
func ParseRules(v any) ([]Rule, *diag.Error) {
	const prefix = "Invalid parameters supplied for the default resolver: "
	l, ok := v.([]any)
	if !ok {
		return nil, diag.New(diag.ResolverRules, prefix+"The `rules` parameter must be a list but it is of type "+value.TypeName(v)+".")
	}
	var out []Rule
	for _, x := range l {
		m, ok := x.(*value.Map)
		if !ok {
			return nil, diag.New(diag.ResolverRules, fmt.Sprintf("%sEach rule must be a dictionary but the rule [%s] is of type %s.", prefix, value.Text(x), value.TypeName(x)))
		}
		if m.Len() != 1 {
			return nil, diag.New(diag.ResolverRules, fmt.Sprintf("%sEach rule must be a dictionary with one (key,value) pair but the rule [%s] has %d keys.", prefix, value.Text(x), m.Len()))
		}
		for k, r := range m.All() {
			out = append(out, Rule{k, value.Text(r)})
		}
	}
	return out, nil
}

// Resolve reads a URL through the rules: every matching rule in order, then
// the URL itself. URLs that the rules do not concern are read as they are.
func (r Rules) Resolve(u string, read func(url string) (any, error)) (any, error) {
	failed := value.NewMap()
	for _, rule := range r.Rules {
		rest, ok := strings.CutPrefix(u, rule.Prefix)
		if !ok {
			continue
		}
		to := rule.Replacement + rest
		if failed.Has(to) {
			continue
		}
		v, err := read(to)
		if err == nil {
			return v, nil
		}
		failed.Set(to, err.Error())
	}
	if failed.Len() > 0 && r.NoFallback {
		return nil, diag.Coded(diag.Logic, 13, "Failed to resolve the following urls: "+value.Repr(failed))
	}
	v, err := read(u)
	if err == nil {
		return v, nil
	}
	switch {
	case failed.Len() > 0:
		return nil, diag.Coded(diag.Logic, 13, fmt.Sprintf(
			"Failed to resolve the following urls: %s. In addition, failed to resolve the original import url - %v", value.Repr(failed), err))
	case len(r.Rules) > 0:
		rules := make([]any, len(r.Rules))
		for i, x := range r.Rules {
			rules[i] = value.MapOf(x.Prefix, x.Replacement)
		}
		return nil, diag.Coded(diag.Logic, 13, fmt.Sprintf(
			"None of the resolver rules %s was applicable, failed to resolve the original import url: %v ", value.Repr(rules), err))
	}
	return nil, err
}
