package diag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Sources gives the text of a file by the location that diagnostics name; nil
// when it is not known.
type Sources func(file string) []byte

// WriteText writes diagnostics for a terminal: where, what, the line with a
// mark under it, why, and what to do.
func WriteText(w io.Writer, ds []D, src Sources) error {
	var b bytes.Buffer
	for i, d := range ds {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s%s: %s [%s]\n", position(d.File, d.Range.Start), d.Severity, d.Summary, d.Code)
		writeExcerpt(&b, d, src)
		for _, text := range []string{d.Detail, d.Fix} {
			if text != "" {
				fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(text, "\n", "\n  "))
			}
		}
		for _, r := range d.Related {
			fmt.Fprintf(&b, "  %snote: %s\n", position(r.File, r.Range.Start), r.Message)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func position(file string, p Pos) string {
	out := displayName(file)
	if p.Line > 0 {
		out += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	if out != "" {
		out += ": "
	}
	return out
}

// displayName shortens a local URL to its path.
func displayName(file string) string {
	if file == "" {
		return "blueprint"
	}
	if rest, ok := strings.CutPrefix(file, "file:"); ok {
		return "/" + strings.TrimLeft(rest, "/")
	}
	return file
}

func writeExcerpt(b *bytes.Buffer, d D, src Sources) {
	if src == nil || d.Range.Start.Line == 0 {
		return
	}
	line, ok := lineOf(src(d.File), d.Range.Start.Line)
	if !ok {
		return
	}
	number := fmt.Sprint(d.Range.Start.Line)
	fmt.Fprintf(b, "%5s | %s\n", number, strings.ReplaceAll(line, "\t", " "))
	width := 1
	if d.Range.End.Line == d.Range.Start.Line {
		width = max(1, d.Range.End.Column-d.Range.Start.Column)
	}
	fmt.Fprintf(b, "%5s | %s%s\n", "", strings.Repeat(" ", max(0, d.Range.Start.Column-1)), strings.Repeat("^", width))
}

func lineOf(text []byte, n int) (string, bool) {
	for ; n > 1; n-- {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return "", false
		}
		text = text[i+1:]
	}
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return strings.TrimRight(string(text), "\r"), len(text) > 0
}

// WriteJSON writes diagnostics as one JSON document: {"diagnostics": […]}.
func WriteJSON(w io.Writer, ds []D) error {
	if ds == nil {
		ds = []D{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(map[string]any{"diagnostics": ds})
}

// The parts of SARIF 2.1.0 that editors and code hosts read.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID string `json:"id"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
		Related   []sarifLocation `json:"relatedLocations,omitempty"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
		Message  *sarifMessage `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
)

// WriteSARIF writes diagnostics as SARIF 2.1.0.
func WriteSARIF(w io.Writer, ds []D) error {
	run := sarifRun{Tool: sarifTool{Driver: sarifDriver{Name: "reify", Rules: []sarifRule{}}}, Results: []sarifResult{}}
	seen := map[string]bool{}
	for _, d := range ds {
		if !seen[d.Code] {
			seen[d.Code] = true
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: d.Code})
		}
		text := d.Summary
		for _, t := range []string{d.Detail, d.Fix} {
			if t != "" {
				text += ". " + strings.TrimSuffix(t, ".")
			}
		}
		res := sarifResult{RuleID: d.Code, Level: string(d.Severity), Message: sarifMessage{Text: text},
			Locations: []sarifLocation{location(d.File, d.Range, "")}}
		for _, r := range d.Related {
			res.Related = append(res.Related, location(r.File, r.Range, r.Message))
		}
		run.Results = append(run.Results, res)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func location(file string, r Range, message string) sarifLocation {
	l := sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{URI: displayName(file)}}}
	if r.Start.Line > 0 {
		l.Physical.Region = &sarifRegion{StartLine: r.Start.Line, StartColumn: r.Start.Column, EndLine: r.End.Line, EndColumn: r.End.Column}
	}
	if message != "" {
		l.Message = &sarifMessage{Text: message}
	}
	return l
}
