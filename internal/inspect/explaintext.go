package inspect

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/value"
)

// maxValue is how much of a value is shown on a line.
const maxValue = 96

// report writes an explanation for people: statements on the left, places on the right.
type report struct {
	b bytes.Buffer
}

// column is where places stand.
const column = 72

func (r *report) line(indent int, text string, at place) {
	text = strings.Repeat(" ", indent) + text
	if at.Line == 0 {
		r.b.WriteString(strings.TrimRight(text, " ") + "\n")
		return
	}
	fmt.Fprintf(&r.b, "%-*s  %s:%d\n", column, text, at.File, at.Line)
}

func (r *report) heading(text string) { fmt.Fprintf(&r.b, "\n%s\n", text) }

func (x *explanation) write(w io.Writer) error {
	r := &report{}
	r.line(0, "Node "+x.Node, x.Defined)
	for i, t := range x.Types {
		word := "type      "
		if i > 0 {
			word = "          " + strings.Repeat("  ", i-1) + "└ "
		}
		r.line(2, word+t.By, t.Place)
	}
	r.line(2, "instances "+instancesText(x.Instances), place{})
	if x.Host != "" {
		r.line(2, "host      "+x.Host, place{})
	}
	if len(x.Groups) > 0 {
		r.line(2, "groups    "+strings.Join(x.Groups, ", "), place{})
	}
	if len(x.Plugins) > 0 {
		r.line(2, "plugins   "+strings.Join(x.Plugins, ", "), place{})
	}
	if len(x.Properties) > 0 {
		r.heading("Properties")
		for _, p := range x.Properties {
			r.property(2, p)
		}
	}
	if len(x.Interfaces) > 0 {
		r.heading("Operations")
		r.interfaces(2, x.Interfaces)
	}
	if len(x.Relationships) > 0 {
		r.heading("Relationships")
		for _, e := range x.Relationships {
			r.relationship(e)
		}
	}
	_, err := w.Write(r.b.Bytes())
	return err
}

func instancesText(f *free) string {
	m, _ := f.v.(*value.Map)
	text := shown(m.At("default_instances")) + " at first, at least " + shown(m.At("min_instances"))
	switch v := m.At("max_instances"); shown(v) {
	case "-1", "UNBOUNDED":
		return text + ", no limit"
	default:
		return text + ", at most " + shown(v)
	}
}

// shown writes a value on one line, functions as they are written in a blueprint.
func shown(v any) string {
	var text string
	switch t := v.(type) {
	case nil:
		text = "null"
	case string:
		text = t
		if t == "" {
			text = `""`
		}
		if i := strings.IndexByte(t, '\n'); i >= 0 {
			text = strings.TrimSpace(t[:i]) + " …"
		}
	default:
		text = compact(v)
	}
	if r := []rune(text); len(r) > maxValue {
		text = string(r[:maxValue]) + " …"
	}
	return text
}

func (r *report) property(indent int, p explainedProperty) {
	text := p.Name
	if p.Value != nil {
		text += " = " + shown(p.Value.v)
	} else {
		text += " has no value"
	}
	var note []string
	if p.Type != "" {
		note = append(note, p.Type)
	}
	if p.IsOptional {
		note = append(note, "optional")
	}
	if len(note) > 0 {
		text += "   (" + strings.Join(note, ", ") + ")"
	}
	r.line(indent, text, place{})
	if p.Description != "" {
		r.line(indent+4, "“"+shown(strings.Join(strings.Fields(p.Description), " "))+"”", place{})
	}
	if p.From != nil {
		r.line(indent+4, "given by "+p.From.By, p.From.Place)
	}
	for _, o := range p.Overridden {
		word := "instead of null of "
		if o.Value != nil {
			word = "instead of " + shown(o.Value.v) + " of "
		}
		r.line(indent+4, word+o.By, o.Place)
	}
	if p.Declared != nil && (p.From == nil || p.From.Place != p.Declared.Place) {
		r.line(indent+4, "declared by "+p.Declared.By, p.Declared.Place)
	}
}

// interfaces writes operations that do something; those that do nothing share a line.
func (r *report) interfaces(indent int, list []explainedInterface) {
	for _, i := range list {
		r.line(indent, i.Name, place{})
		var idle []string
		for _, op := range i.Operations {
			if op.Implementation == "" && len(op.Defined) <= 1 {
				idle = append(idle, op.Name)
				continue
			}
			r.operation(indent+2, op)
		}
		if len(idle) > 0 {
			r.line(indent+2, "nothing for "+strings.Join(idle, ", "), place{})
		}
	}
}

func (r *report) operation(indent int, op explainedOperation) {
	if op.Implementation == "" {
		r.line(indent, op.Name+" does nothing", place{})
	} else {
		r.line(indent, op.Name+" runs "+shown(op.Implementation), place{})
		note := "plugin " + op.Plugin + ", executor " + text(op.Executor, "that of the plugin")
		if op.Executor != nil && op.Executor.v == "auto" {
			note = "plugin " + op.Plugin + ", executor auto: the agent of its host if it has one, else the manager"
		}
		r.line(indent+4, note, place{})
		if limits := limitsText(op); limits != "" {
			r.line(indent+4, limits, place{})
		}
	}
	isChanged := op.Implementation != "" && len(op.Defined) > 1 && op.Defined[0].Value == nil
	for i, d := range op.Defined {
		word := "defined by "
		switch {
		case i == 0 && isChanged:
			word = "changed by "
		case i > 0 && (i > 1 || !isChanged):
			word = "instead of nothing of "
			if d.Value != nil {
				word = "instead of " + shown(d.Value.v) + " of "
			}
		}
		r.line(indent+4, word+d.By, d.Place)
	}
	for _, p := range op.Inputs {
		p.Name = "input " + p.Name
		r.property(indent+4, p)
	}
}

// limitsText names the limits that are set; the manager's configuration gives the others.
func limitsText(op explainedOperation) string {
	var out []string
	for _, l := range []struct {
		name string
		v    *free
	}{{"max_retries", op.MaxRetries}, {"retry_interval", op.RetryInterval}, {"timeout", op.Timeout}} {
		if l.v != nil {
			out = append(out, l.name+" "+shown(l.v.v))
		}
	}
	return strings.Join(out, ", ")
}

func text(f *free, otherwise string) string {
	if f == nil {
		return otherwise
	}
	return shown(f.v)
}

func (r *report) relationship(e explainedRelationship) {
	r.line(2, "to "+e.Target, e.Defined)
	for i, t := range e.Types {
		word := "type "
		if i > 0 {
			word = "     " + strings.Repeat("  ", i-1) + "└ "
		}
		r.line(6, word+t.By, t.Place)
	}
	for _, p := range e.Properties {
		r.property(6, p)
	}
	for _, side := range []struct {
		name string
		list []explainedInterface
	}{{"on the source", e.Source}, {"on the target", e.Targets}} {
		var busy []explainedInterface
		for _, i := range side.list {
			for _, op := range i.Operations {
				if op.Implementation != "" {
					busy = append(busy, i)
					break
				}
			}
		}
		if len(busy) > 0 {
			r.line(6, side.name, place{})
			r.interfaces(8, busy)
		}
	}
}
