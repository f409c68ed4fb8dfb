package inspect

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"unicode"
)

const svgStyle = `
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1b2733; }
  .node { fill: #ffffff; stroke: #5b7083; stroke-width: 1.2; }
  .box { stroke: #9fb0bf; stroke-width: 1.2; }
  .name { font-size: 13.5px; font-weight: 600; }
  .type { font-size: 11px; fill: #52616f; }
  .count { fill: #0b63b5; }
  .edge { fill: none; stroke: #5b7083; stroke-width: 1.4; }
  .depends { stroke-dasharray: 6 4; }
  .label { font-size: 10.5px; fill: #34424f; stroke: #ffffff; stroke-width: 4px; paint-order: stroke; stroke-linejoin: round; text-anchor: middle; }
  .chip { stroke-width: 1; }
  .chiptext { font-size: 10.5px; text-anchor: middle; }
`

// shades are the fills of containers by depth, tints those of scaling groups.
var (
	shades = []string{"#f3f6f9", "#e9eef4", "#dfe7ef"}
	tints  = [][2]string{{"#fdebc8", "#d9a441"}, {"#d6f0dd", "#4c9a63"}, {"#e6dcf7", "#8563bd"}, {"#fbdcdc", "#c46363"}, {"#d5ecf7", "#4c8fb3"}}
)

// svg draws the graph. The same graph gives the same bytes.
func (g *graph) svg(w io.Writer) error {
	l := newLayout(g)
	var b bytes.Buffer
	legend := 0.0
	if len(g.Groups) > 0 {
		legend = chipHeight + 2*padding
	}
	width := max(l.width, g.legendWidth())
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n",
		width, l.height+legend, width, l.height+legend)
	b.WriteString("<title>Topology of the blueprint</title>\n<style>" + svgStyle + "</style>\n")
	b.WriteString("<defs><marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">" +
		"<path d=\"M0 0L10 5L0 10z\" fill=\"#5b7083\"/></marker></defs>\n")
	fmt.Fprintf(&b, "<rect width=\"%.0f\" height=\"%.0f\" fill=\"#ffffff\"/>\n", width, l.height+legend)
	for _, i := range g.top {
		l.containers(&b, i, 0)
	}
	labels := l.edges(&b)
	for i, n := range g.Nodes {
		if len(n.children) == 0 {
			l.leaf(&b, i)
		}
	}
	b.WriteString(labels)
	g.legend(&b, l.height)
	b.WriteString("</svg>\n")
	_, err := w.Write(b.Bytes())
	return err
}

func (l *layout) containers(b *bytes.Buffer, i, depth int) {
	n := l.g.Nodes[i]
	if len(n.children) == 0 {
		return
	}
	p := l.at[i]
	fmt.Fprintf(b, "<rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"10\" fill=\"%s\"/>\n",
		p.x, p.y, p.w, p.h, shades[min(depth, len(shades)-1)])
	l.texts(b, n, p)
	for _, c := range n.children {
		l.containers(b, c, depth+1)
	}
}

func (l *layout) leaf(b *bytes.Buffer, i int) {
	p := l.at[i]
	fmt.Fprintf(b, "<rect class=\"node\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"7\"/>\n", p.x, p.y, p.w, p.h)
	l.texts(b, l.g.Nodes[i], p)
}

func (l *layout) texts(b *bytes.Buffer, n *graphNode, p box) {
	count := ""
	if c := n.count(); c != "" {
		count = " <tspan class=\"count\">" + escape(c) + "</tspan>"
	}
	fmt.Fprintf(b, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">%s%s</text>\n", p.x+padding, p.y+21, escape(n.Name), count)
	fmt.Fprintf(b, "<text class=\"type\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", p.x+padding, p.y+38, escape(n.Type))
	x := p.x + padding
	for _, name := range n.Groups {
		x += l.g.chip(b, name, x, p.y+header) + 6
	}
}

// chip draws the sign of a scaling group and gives its width.
func (g *graph) chip(b *bytes.Buffer, name string, x, y float64) float64 {
	k := slices.IndexFunc(g.Groups, func(o *graphGroup) bool { return o.Name == name })
	tint := tints[max(k, 0)%len(tints)]
	label := g.group(name).label()
	w := chipWidth(label)
	fmt.Fprintf(b, "<rect class=\"chip\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"16\" rx=\"8\" fill=\"%s\" stroke=\"%s\"/>\n", x, y, w, tint[0], tint[1])
	fmt.Fprintf(b, "<text class=\"chiptext\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x+w/2, y+12, escape(label))
	return w
}

const legendTitle = "Scaling groups:"

func (g *graph) legendWidth() float64 {
	if len(g.Groups) == 0 {
		return 0
	}
	w := padding*2 + float64(len(legendTitle))*typeWidth + 12
	for _, o := range g.Groups {
		w += chipWidth(o.label()) + 6
	}
	return w
}

func (g *graph) legend(b *bytes.Buffer, y float64) {
	if len(g.Groups) == 0 {
		return
	}
	y += padding / 2
	fmt.Fprintf(b, "<text class=\"type\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", padding, y+12, legendTitle)
	x := padding + float64(len(legendTitle))*typeWidth + 12
	for _, o := range g.Groups {
		x += g.chip(b, o.Name, x, y) + 6
	}
}

// end is one end of an edge at the border of a box.
type end struct {
	edge  int
	other float64
}

// edges draws all edges and gives their labels, which go above the nodes.
func (l *layout) edges(b *bytes.Buffer) string {
	out, in := make([][]end, len(l.at)), make([][]end, len(l.at))
	for k, e := range l.g.Edges {
		from, to := l.at[e.from], l.at[e.to]
		out[e.from] = append(out[e.from], end{k, to.x + to.w/2})
		in[e.to] = append(in[e.to], end{k, from.x + from.w/2})
	}
	startX, endX := make([]float64, len(l.g.Edges)), make([]float64, len(l.g.Edges))
	spread(l.at, out, startX)
	spread(l.at, in, endX)
	var labels strings.Builder
	for k, e := range l.g.Edges {
		d, middle := l.path(e, startX[k], endX[k])
		class := "edge"
		if e.Kind == "depends_on" {
			class = "edge depends"
		}
		fmt.Fprintf(b, "<path class=\"%s\" d=\"%s\" marker-end=\"url(#arrow)\"><title>%s → %s: %s</title></path>\n",
			class, d, escape(e.From), escape(e.To), escape(e.Type))
		fmt.Fprintf(&labels, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", middle.x, middle.y, escape(short(e.Type)))
	}
	return labels.String()
}

// spread distributes the ends of edges over the border of each box, in the order of where they lead.
func spread(at []box, ends [][]end, x []float64) {
	for i, list := range ends {
		slices.SortStableFunc(list, func(a, b end) int { return cmp.Compare(a.other, b.other) })
		for k, e := range list {
			x[e.edge] = at[i].x + at[i].w*float64(k+1)/float64(len(list)+1)
		}
	}
}

// path gives the line of an edge and where its label stands.
func (l *layout) path(e graphEdge, sx, ex float64) (string, point) {
	from, to := l.at[e.from], l.at[e.to]
	start, stop := point{sx, from.y + from.h}, point{ex, to.y}
	switch {
	case to.y >= from.y+from.h:
	case to.y+to.h <= from.y:
		start, stop = point{sx, from.y}, point{ex, to.y + to.h}
	case l.g.within(e.from, e.to):
		start, stop = point{sx, from.y}, point{ex, to.y + header}
	default:
		return sideways(from, to)
	}
	points := append([]point{start}, l.between(e)...)
	points = append(points, stop)
	var d strings.Builder
	fmt.Fprintf(&d, "M%.1f %.1f", start.x, start.y)
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		m := (a.y + b.y) / 2
		fmt.Fprintf(&d, "C%.1f %.1f %.1f %.1f %.1f %.1f", a.x, m, b.x, m, b.x, b.y)
	}
	k := (len(points) - 1) / 2
	a, b := points[k], points[k+1]
	return d.String(), point{(a.x + b.x) / 2, (a.y+b.y)/2 + 3}
}

// between gives the points that an edge passes in its container.
func (l *layout) between(e graphEdge) []point {
	above := map[int]bool{}
	for i, n := e.from, 0; i >= 0 && n < maxNesting; i, n = l.g.Nodes[i].parent, n+1 {
		above[i] = true
		for j, m := e.to, 0; j >= 0 && m < maxNesting; j, m = l.g.Nodes[j].parent, m+1 {
			if points, ok := l.ways[way{i, j}]; ok {
				return points
			}
		}
	}
	return nil
}

// sideways connects boxes that stand beside each other.
func sideways(from, to box) (string, point) {
	y1, y2 := from.y+from.h/2, to.y+to.h/2
	x1, x2 := from.x+from.w, to.x
	if to.x+to.w <= from.x {
		x1, x2 = from.x, to.x+to.w
	}
	m := (x1 + x2) / 2
	return fmt.Sprintf("M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", x1, y1, m, y1, m, y2, x2, y2), point{m, (y1+y2)/2 - 4}
}

// escape writes text for XML; characters that XML does not know become a replacement sign.
func escape(s string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF {
			return unicode.ReplacementChar
		}
		return r
	}, s))
}
