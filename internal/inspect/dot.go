package inspect

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// dot writes the graph for Graphviz: containers are clusters, an edge to a container ends at its border.
func (g *graph) dot(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("digraph blueprint {\n  compound=true;\n  rankdir=TB;\n  fontname=\"sans-serif\";\n")
	b.WriteString("  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", fontname=\"sans-serif\", fontsize=11];\n")
	b.WriteString("  edge [fontname=\"sans-serif\", fontsize=9];\n")
	for _, i := range g.top {
		g.dotNode(&b, i, "  ")
	}
	for _, e := range g.Edges {
		attributes := []string{"label=" + dotQuote(short(e.Type)), "tooltip=" + dotQuote(e.Type)}
		if e.Kind == "depends_on" {
			attributes = append(attributes, "style=dashed")
		}
		if len(g.Nodes[e.from].children) > 0 && !g.within(e.to, e.from) {
			attributes = append(attributes, fmt.Sprintf("ltail=cluster_%d", e.from))
		}
		if len(g.Nodes[e.to].children) > 0 && !g.within(e.from, e.to) {
			attributes = append(attributes, fmt.Sprintf("lhead=cluster_%d", e.to))
		}
		fmt.Fprintf(&b, "  %s -> %s [%s];\n", dotQuote(e.From), dotQuote(e.To), strings.Join(attributes, ", "))
	}
	b.WriteString("}\n")
	_, err := w.Write(b.Bytes())
	return err
}

func (g *graph) dotNode(b *bytes.Buffer, i int, indent string) {
	n := g.Nodes[i]
	if len(n.children) == 0 {
		fmt.Fprintf(b, "%s%s [label=%s];\n", indent, dotQuote(n.Name), dotQuote(g.lines(n, "\n")))
		return
	}
	fmt.Fprintf(b, "%ssubgraph cluster_%d {\n", indent, i)
	inner := indent + "  "
	fmt.Fprintf(b, "%slabel=%s;\n%sstyle=\"rounded,filled\";\n%sfillcolor=\"#f4f6f8\";\n", inner, dotQuote(g.lines(n, "\n")), inner, inner)
	fmt.Fprintf(b, "%s%s [shape=point, style=invis, label=\"\"];\n", inner, dotQuote(n.Name))
	for _, c := range n.children {
		g.dotNode(b, c, inner)
	}
	fmt.Fprintf(b, "%s}\n", indent)
}

// lines is what stands in the box of a node.
func (g *graph) lines(n *graphNode, separator string) string {
	name := n.Name
	if c := n.count(); c != "" {
		name += " " + c
	}
	out := name + separator + n.Type
	for _, name := range n.Groups {
		out += separator + "group " + g.group(name).label()
	}
	return out
}

func (g *graph) group(name string) *graphGroup {
	for _, o := range g.Groups {
		if o.Name == name {
			return o
		}
	}
	return &graphGroup{Name: name, Instances: "1"}
}

// within tells whether a node is somewhere inside of another.
func (g *graph) within(i, container int) bool {
	for range maxNesting {
		i = g.Nodes[i].parent
		if i < 0 {
			return false
		}
		if i == container {
			return true
		}
	}
	return false
}

func dotQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", "").Replace(s) + `"`
}

// mermaid writes the graph as a Mermaid flowchart, which Markdown viewers draw.
func (g *graph) mermaid(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("flowchart TB\n")
	for _, i := range g.top {
		g.mermaidNode(&b, i, "  ")
	}
	for _, e := range g.Edges {
		arrow := "-->"
		if e.Kind == "depends_on" {
			arrow = "-.->"
		}
		fmt.Fprintf(&b, "  n%d %s|%s| n%d\n", e.from, arrow, mermaidQuote(short(e.Type)), e.to)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (g *graph) mermaidNode(b *bytes.Buffer, i int, indent string) {
	n := g.Nodes[i]
	label := mermaidQuote(g.lines(n, "\n"))
	if len(n.children) == 0 {
		fmt.Fprintf(b, "%sn%d[%s]\n", indent, i, label)
		return
	}
	fmt.Fprintf(b, "%ssubgraph n%d [%s]\n", indent, i, label)
	for _, c := range n.children {
		g.mermaidNode(b, c, indent+"  ")
	}
	fmt.Fprintf(b, "%send\n", indent)
}

// mermaidQuote writes a text in which nothing has a meaning to Mermaid or to HTML.
func mermaidQuote(s string) string {
	r := strings.NewReplacer("&", "#amp;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "#", "#35;", "`", "#96;", "\n", "<br/>", "\r", "")
	return `"` + r.Replace(s) + `"`
}
