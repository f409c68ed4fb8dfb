package diag

import "sort"

// Severity of a diagnostic.
type Severity string

// The two severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Pos is a place in a file: line and column count from 1; 0 means unknown.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Range is a stretch of a file. End is the zero Pos when it is not known.
type Range struct {
	Start Pos `json:"start"`
	End   Pos `json:"end"`
}

// Related points at another place that explains the problem.
type Related struct {
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Range   Range  `json:"range"`
}

// D is one diagnostic for the author of a blueprint. Code is ours and never
// changes meaning; RefCode, Class and Message are what the reference reports.
type D struct {
	Severity Severity  `json:"severity"`
	Code     string    `json:"code"`
	RefCode  int       `json:"ref_code,omitempty"`
	Class    Class     `json:"class"`
	Summary  string    `json:"summary"`
	Detail   string    `json:"detail,omitempty"`
	File     string    `json:"file,omitempty"`
	Range    Range     `json:"range"`
	Path     string    `json:"path,omitempty"`
	Related  []Related `json:"related,omitempty"`
	Fix      string    `json:"fix,omitempty"`
}

// List holds the problems of one run in the order in which the reference would
// meet them. The zero value is an empty list.
type List []*Error

// HasErrors tells whether the list holds an error.
func (l List) HasErrors() bool { return len(l) > 0 }

// First gives the error which the reference would raise, or nil.
func (l List) First() *Error {
	if len(l) == 0 {
		return nil
	}
	return l[0]
}

// Err gives First as an error, nil when the list is empty.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l[0]
}

// Sorted gives the diagnostics by file and position, without repetitions.
func (l List) Sorted() []D {
	out := make([]D, 0, len(l))
	type key struct {
		file  string
		start Pos
		text  string
	}
	seen := map[key]bool{}
	for _, e := range l {
		d := e.Explain()
		k := key{d.File, d.Range.Start, d.Summary + d.Detail}
		if !seen[k] {
			seen[k] = true
			out = append(out, d)
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Range.Start.Line != b.Range.Start.Line {
			return a.Range.Start.Line < b.Range.Start.Line
		}
		return a.Range.Start.Column < b.Range.Start.Column
	})
	return out
}

// Explain gives the diagnostic of an error; one without an explanation of its
// own is described by the reference's message.
func (e *Error) Explain() D {
	d := D{}
	if e.Diag != nil {
		d = *e.Diag
	}
	d.Class = e.Class
	if e.HasCode {
		d.RefCode = e.Code
	}
	if d.Severity == "" {
		d.Severity = SeverityError
	}
	if d.Code == "" {
		d.Code = codeOf(e)
	}
	if d.Summary == "" {
		d.Summary = firstLine(e.Message)
	}
	return d
}
