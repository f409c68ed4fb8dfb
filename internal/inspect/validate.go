package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/diag"
)

// Format is the form of the findings of Validate.
type Format string

// The forms: for people, for programs, and for editors and code review.
const (
	Text  Format = "text"
	JSON  Format = "json"
	SARIF Format = "sarif"
)

// Validate checks the blueprints that the paths name, writes all findings in their order of paths, files and positions,
// and returns how many problems there are. The error is about reading, not about what was read.
func (i Inspector) Validate(ctx context.Context, paths []string, format Format, w io.Writer) (problems int, err error) {
	f := findings{texts: map[string][]byte{}, seen: map[seen]bool{}}
	for _, p := range paths {
		if err := i.validateInto(ctx, &f, p); err != nil {
			return 0, err
		}
	}
	switch format {
	case JSON:
		err = diag.WriteJSON(w, f.list)
	case SARIF:
		err = diag.WriteSARIF(w, f.list)
	default:
		err = diag.WriteText(w, withReferenceCodes(f.list), func(file string) []byte { return f.texts[file] })
	}
	return f.problems, err
}

// findings collects diagnostics with locations as they are shown, each once.
type findings struct {
	list     []diag.D
	texts    map[string][]byte
	seen     map[seen]bool
	problems int
}

type seen struct {
	file  string
	start diag.Pos
	text  string
}

func (i Inspector) validateInto(ctx context.Context, f *findings, name string) (err error) {
	o, err := i.open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	for _, b := range o.blueprints {
		_, list := dsl.Parse(ctx, b.in, b.src)
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, d := range list.Sorted() {
			f.add(b, d)
		}
	}
	return nil
}

// add notes a diagnostic. Files that several blueprints import would report theirs once for each.
func (f *findings) add(b *blueprint, d diag.D) {
	location := d.File
	if location == "" {
		location = b.in.Location
	}
	d.File = b.show(location)
	k := seen{d.File, d.Range.Start, d.Summary + d.Detail}
	if f.seen[k] {
		return
	}
	f.seen[k] = true
	if _, ok := f.texts[d.File]; !ok {
		f.texts[d.File] = b.text(location)
	}
	related := make([]diag.Related, len(d.Related))
	for i, r := range d.Related {
		if r.File != "" {
			r.File = b.show(r.File)
		}
		related[i] = r
	}
	d.Related = related
	if d.Severity == diag.SeverityError {
		f.problems++
	}
	f.list = append(f.list, d)
}

// withReferenceCodes puts the code of the original beside ours, for those who look for it in its documentation.
func withReferenceCodes(list []diag.D) []diag.D {
	out := make([]diag.D, len(list))
	for i, d := range list {
		if d.RefCode != 0 {
			d.Code = fmt.Sprintf("%s, Cloudify %d", d.Code, d.RefCode)
		}
		out[i] = d
	}
	return out
}
