package yamltree

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/reifyhq/reify/internal/dsl/diag"
)

func (l *loader) fileName() string {
	if l.file == nil {
		return ""
	}
	return *l.file
}

func bounded(prefix, file, what string) *diag.Error {
	e := diag.Coded(diag.Format, -1, prefix+": Illegal yaml; "+what)
	e.Diag = &diag.D{Summary: "Document too large", Detail: "The document cannot be read: " + what + ".",
		File: file, Fix: "Split the blueprint into several files that are imported."}
	return e
}

func (l *loader) tooDeep() *diag.Error {
	return bounded(l.prefix, l.fileName(), fmt.Sprintf("values are nested deeper than %d levels", MaxDepth))
}

func (l *loader) diagAt(e *diag.Error, summary, detail, fix string, line, col int) *diag.Error {
	e.Diag = &diag.D{Summary: summary, Detail: detail, Fix: fix, File: l.fileName()}
	e.Diag.Range.Start = diag.Pos{Line: line, Column: col}
	return e
}

// marked makes an error of the YAML library at a node.
func (l *loader) marked(class diag.Class, msg string, y *yaml.Node) *diag.Error {
	e := diag.New(class, msg+l.mark(y.Line, y.Column))
	return l.diagAt(e, "Value cannot be read", strings.ReplaceAll(msg, "\n", ": ")+".", "", y.Line, y.Column)
}

func (l *loader) unknownTag(tag string, y *yaml.Node) *diag.Error {
	full := tag
	if !strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "tag:") {
		full = "tag:yaml.org,2002:" + tag
	}
	e := l.marked(diag.ConstructorError, "could not determine a constructor for the tag '"+full+"'", y)
	e.Diag.Summary = "Unknown YAML tag"
	e.Diag.Detail = fmt.Sprintf("The tag %q has no meaning in a blueprint.", full)
	e.Diag.Fix = "Remove the tag, or put the text in quotes."
	return e
}

func (l *loader) nonASCII(y *yaml.Node) *diag.Error {
	e := diag.Coded(diag.InputType, 108, fmt.Sprintf(
		"illegal characters in line: %d, column: %d. Only valid ascii chars are supported.", y.Line-1, y.Column-1))
	return l.diagAt(e, "Text with non-ASCII characters",
		"Keys and values of a blueprint may only hold ASCII characters; comments may hold any.",
		"Use ASCII letters here, or read the text from a file or secret.", y.Line, y.Column)
}

func (l *loader) secondDocument(first, second *yaml.Node) *diag.Error {
	line := second.Line
	for line > 1 && !strings.HasPrefix(l.line(line), "---") {
		line--
	}
	fl, fc := 1, 1
	if len(first.Content) > 0 {
		fl, fc = first.Content[0].Line, first.Content[0].Column
	}
	e := diag.New(diag.ComposerError, "expected a single document in the stream"+l.mark(fl, fc)+
		"\nbut found another document"+l.mark(line, 1))
	return l.diagAt(e, "Second document in the file", "A blueprint is one YAML document; another one starts here.",
		"Move it into a file of its own and import that.", line, 1)
}

// yamlError translates an error of the library into the reference's.
func (l *loader) yamlError(err error) *diag.Error {
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		return diag.Coded(diag.Format, -1, l.prefix+": Illegal yaml; "+err.Error())
	}
	line, col := le.Mark.Line, le.Mark.Column
	if line == 0 {
		line, col = 1, 1
	}
	if last := strings.Count(string(l.text), "\n") + 1; line > last {
		line, col = last, len(l.line(last))+1
	}
	text := l.problem(le, line, col)
	var e *diag.Error
	switch le.Stage {
	case yaml.ScannerStage, yaml.ReaderStage:
		e = diag.New(diag.ScannerError, text)
	case yaml.ComposerStage, yaml.ResolverStage, yaml.ConstructorStage:
		e = diag.New(diag.ComposerError, text)
	default:
		if strings.Contains(le.Message, "depth") || strings.Contains(le.Message, "nest") {
			return l.tooDeep()
		}
		e = diag.Coded(diag.Format, -1, l.prefix+": Illegal yaml; "+text)
	}
	detail, fix := l.explain(le, line, col)
	return l.diagAt(e, "Not valid YAML", detail, fix, line, col)
}

// explain says in sentences what stands where the grammar broke.
func (l *loader) explain(le *yaml.LoadError, line, col int) (detail, fix string) {
	src := l.line(line)
	indent := src[:len(src)-len(strings.TrimLeft(src, " \t"))]
	switch {
	case strings.Contains(indent, "\t"):
		return "The line is indented with a tab character; YAML allows only spaces.", "Replace the tab by spaces."
	case strings.Contains(le.Message, "mapping values are not allowed"):
		return "A colon stands where no key may be: the text before it already is a value, or the line is indented too deep.",
			"Align the key with its neighbours, or put the text in quotes."
	case strings.Contains(le.Message, "did not find expected key"), strings.Contains(le.Message, "did not find expected '-'"):
		return "The line is not indented as the entries before it" + l.context(le) + ".",
			"Align the line with its neighbours."
	case strings.Contains(le.Message, "unknown anchor"):
		return "The alias names an anchor that is not defined before it: " + le.Message + ".", "Define the anchor with & first."
	}
	return "The text cannot be read as YAML: " + le.Message + l.context(le) + ".", ""
}

func (l *loader) context(le *yaml.LoadError) string {
	if le.ContextMsg == "" || le.ContextMark.Line == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s that begins in line %d)", le.ContextMsg, le.ContextMark.Line)
}

// problem words the error as the reference's library does.
func (l *loader) problem(le *yaml.LoadError, line, col int) string {
	msg := le.Message
	tok := l.token(line, col, le.ContextMark.Column)
	switch {
	case strings.Contains(msg, "did not find expected node content"):
		return le.ContextMsg + "\nexpected the node content, but found '" + tok + "'" + l.mark(line, col)
	case strings.Contains(msg, "did not find expected ',' or '}'"):
		return le.ContextMsg + l.mark(le.ContextMark.Line, le.ContextMark.Column) +
			"\nexpected ',' or '}', but got '" + tok + "'" + l.mark(line, col)
	case strings.Contains(msg, "did not find expected ',' or ']'"):
		return le.ContextMsg + l.mark(le.ContextMark.Line, le.ContextMark.Column) +
			"\nexpected ',' or ']', but got '" + tok + "'" + l.mark(line, col)
	case strings.Contains(msg, "did not find expected key"), strings.Contains(msg, "did not find expected '-' indicator"):
		return le.ContextMsg + l.mark(le.ContextMark.Line, le.ContextMark.Column) +
			"\nexpected <block end>, but found '" + tok + "'" + l.mark(line, col)
	case strings.Contains(msg, "mapping values are not allowed"):
		return "mapping values are not allowed here" + l.mark(line, col)
	case strings.Contains(msg, "found character that cannot start any token"):
		c := ""
		if s := l.line(line); col-1 < len(s) && col > 0 {
			c = s[col-1 : col]
		}
		if c == "\t" {
			c = `\t`
		}
		return "while scanning for the next token\nfound character '" + c + "' that cannot start any token" + l.mark(line, col)
	}
	if le.ContextMsg != "" {
		return le.ContextMsg + l.mark(le.ContextMark.Line, le.ContextMark.Column) + "\n" + msg + l.mark(line, col)
	}
	return msg + l.mark(line, col)
}

// token names what stands at a position.
func (l *loader) token(line, col, contextCol int) string {
	s := l.line(line)
	if col < 1 || col-1 >= len(s) {
		if line >= strings.Count(string(l.text), "\n") {
			return "<stream end>"
		}
		return "<block end>"
	}
	rest := s[col-1:]
	switch c := rest[0]; c {
	case ',', '[', ']', '{', '}', ':', '?':
		return string(c)
	case '-':
		if len(rest) == 1 || rest[1] == ' ' {
			return "-"
		}
	case '*':
		return "<alias>"
	case '&':
		return "<anchor>"
	case '!':
		return "<tag>"
	}
	if col > contextCol && (strings.Contains(rest, ": ") || strings.HasSuffix(strings.TrimSpace(rest), ":")) {
		return "<block mapping start>"
	}
	return "<scalar>"
}

func (l *loader) line(n int) string {
	rest := string(l.text)
	for ; n > 1; n-- {
		i := strings.IndexByte(rest, '\n')
		if i < 0 {
			return ""
		}
		rest = rest[i+1:]
	}
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimSuffix(rest, "\r")
}

// snippetWidth is the length of the source excerpt in the reference's messages.
const snippetWidth = 75

// mark writes a position with an excerpt of the source, as the library does.
func (l *loader) mark(line, col int) string {
	s := l.line(line)
	head, tail := "", ""
	start, end := 0, len(s)
	if p := col - 1; p <= len(s) && p >= 0 {
		if p > snippetWidth/2-1 {
			head, start = " ... ", p-snippetWidth/2+6
		}
		if len(s)-p > snippetWidth/2-1 {
			tail, end = " ... ", p+snippetWidth/2-5
		}
	}
	if start > end || start < 0 || end > len(s) {
		head, tail, start, end = "", "", 0, len(s)
	}
	caret := 4 + len(head) + col - 1 - start
	return fmt.Sprintf("\n  in \"<unicode string>\", line %d, column %d:\n    %s%s%s\n%s^",
		line, col, head, s[start:end], tail, strings.Repeat(" ", max(caret, 0)))
}
