package inspect

import (
	"slices"
	"unicode/utf8"
)

// Measures of the drawing in pixels.
const (
	nameWidth  = 8.2
	typeWidth  = 6.4
	padding    = 14.0
	header     = 46.0
	gapX       = 34.0
	gapY       = 62.0
	chipHeight = 20.0
	maxRow     = 1500.0
)

// box is the place of a node or, for a negative node, a point that a long edge passes.
type box struct {
	node       int
	x, y, w, h float64
}

// way is how an edge between two siblings passes the rows in between.
type way struct{ from, to int }

// layout places the nodes of a graph: siblings in rows, those that depend on others above these, containers around
// their children.
type layout struct {
	g      *graph
	at     []box
	ways   map[way][]point
	width  float64
	height float64
}

type point struct{ x, y float64 }

func newLayout(g *graph) *layout {
	l := &layout{g: g, at: make([]box, len(g.Nodes)), ways: map[way][]point{}}
	l.width, l.height = l.place(g.top, 0)
	for _, i := range g.top {
		l.shift(i, padding, padding)
	}
	for k, points := range l.ways {
		if l.g.Nodes[k.from].parent < 0 {
			l.ways[k] = moved(points, padding, padding)
		}
	}
	l.width += 2 * padding
	l.height += 2 * padding
	return l
}

func moved(points []point, dx, dy float64) []point {
	out := make([]point, len(points))
	for i, p := range points {
		out[i] = point{p.x + dx, p.y + dy}
	}
	return out
}

// shift moves a node with all that it contains.
func (l *layout) shift(i int, dx, dy float64) {
	l.at[i].x += dx
	l.at[i].y += dy
	for _, c := range l.g.Nodes[i].children {
		l.shift(c, dx, dy)
	}
	for k, points := range l.ways {
		if l.g.Nodes[k.from].parent == i {
			l.ways[k] = moved(points, dx, dy)
		}
	}
}

// measure gives a node its size; children are placed first.
func (l *layout) measure(i, depth int) {
	n := l.g.Nodes[i]
	name := n.Name
	if c := n.count(); c != "" {
		name += " " + c
	}
	w := max(float64(utf8.RuneCountInString(name))*nameWidth, float64(utf8.RuneCountInString(n.Type))*typeWidth, 96) + 2*padding
	h := header
	if len(n.Groups) > 0 {
		chips := 0.0
		for _, g := range n.Groups {
			chips += chipWidth(l.g.group(g).label()) + 6
		}
		w = max(w, chips+2*padding)
		h += chipHeight
	}
	b := &l.at[i]
	b.node, b.w, b.h = i, w, h+4
	if len(n.children) == 0 || depth > maxNesting {
		return
	}
	innerW, innerH := l.place(n.children, depth+1)
	b.w = max(w, innerW+2*padding)
	b.h = h + innerH + 2*padding
	dx := (b.w - innerW) / 2
	for _, c := range n.children {
		l.shift(c, dx, h+padding)
	}
	for k, points := range l.ways {
		if l.g.Nodes[k.from].parent == i {
			l.ways[k] = moved(points, dx, h+padding)
		}
	}
}

func chipWidth(label string) float64 { return float64(utf8.RuneCountInString(label))*typeWidth + 14 }

// place lays out siblings and gives the size that they take; they begin at 0, 0.
func (l *layout) place(nodes []int, depth int) (width, height float64) {
	if len(nodes) == 0 {
		return 0, 0
	}
	for _, i := range nodes {
		l.measure(i, depth)
	}
	r := newRows(l, nodes)
	r.order()
	return r.coordinates()
}

// ancestorAmong gives which of the siblings holds a node, -1 for none.
func (g *graph) ancestorAmong(i int, among map[int]int) int {
	for range maxNesting {
		if i < 0 {
			return -1
		}
		if k, ok := among[i]; ok {
			return k
		}
		i = g.Nodes[i].parent
	}
	return -1
}

// rows arranges siblings. Boxes beyond the nodes are points of long edges.
type rows struct {
	l     *layout
	boxes []box
	down  [][]int
	up    [][]int
	rank  []int
	rows  [][]int
	long  map[way][]int
}

func newRows(l *layout, nodes []int) *rows {
	r := &rows{l: l, long: map[way][]int{}}
	among := map[int]int{}
	for k, i := range nodes {
		among[i] = k
		r.boxes = append(r.boxes, l.at[i])
	}
	n := len(nodes)
	r.down, r.up = make([][]int, n), make([][]int, n)
	var pairs []way
	for _, e := range l.g.Edges {
		a, b := l.g.ancestorAmong(e.from, among), l.g.ancestorAmong(e.to, among)
		if a < 0 || b < 0 || a == b || slices.Contains(r.down[a], b) {
			continue
		}
		r.down[a] = append(r.down[a], b)
		pairs = append(pairs, way{a, b})
	}
	r.ranks(n)
	for i := range n {
		r.down[i] = nil
	}
	for _, p := range pairs {
		r.connect(p)
	}
	r.fill()
	return r
}

// ranks gives each node a row below all that point at it; an edge that closes a circle between containers is ignored.
func (r *rows) ranks(n int) {
	r.rank = make([]int, n)
	state := make([]uint8, n)
	depth := make([]int, n)
	var visit func(i int) int
	visit = func(i int) int {
		if state[i] != 0 {
			return depth[i]
		}
		state[i] = 1
		for _, j := range r.down[i] {
			if state[j] != 1 {
				depth[i] = max(depth[i], visit(j)+1)
			}
		}
		state[i] = 2
		return depth[i]
	}
	deepest := 0
	for i := range n {
		deepest = max(deepest, visit(i))
	}
	for i := range n {
		r.rank[i] = deepest - depth[i]
	}
	// What has no edges goes to the top.
	isTarget := make([]bool, n)
	for _, targets := range r.down {
		for _, j := range targets {
			isTarget[j] = true
		}
	}
	for i := range n {
		if len(r.down[i]) == 0 && !isTarget[i] {
			r.rank[i] = 0
		}
	}
}

// maxPoints bounds the points of long edges; in larger drawings these go straight.
const maxPoints = 20_000

// connect adds an edge, with a point in every row that it passes.
func (r *rows) connect(p way) {
	from, to := p.from, p.to
	if r.rank[from] >= r.rank[to] {
		return
	}
	if len(r.boxes)+r.rank[to]-r.rank[from] > maxPoints {
		r.link(from, to)
		return
	}
	last := from
	for k := r.rank[from] + 1; k < r.rank[to]; k++ {
		r.boxes = append(r.boxes, box{node: -1, w: 18})
		r.down, r.up, r.rank = append(r.down, nil), append(r.up, nil), append(r.rank, k)
		next := len(r.boxes) - 1
		r.link(last, next)
		r.long[p] = append(r.long[p], next)
		last = next
	}
	r.link(last, to)
}

func (r *rows) link(a, b int) {
	r.down[a] = append(r.down[a], b)
	r.up[b] = append(r.up[b], a)
}

// fill makes the rows. A row of nodes without edges that would be too wide becomes several.
func (r *rows) fill() {
	deepest := slices.Max(r.rank)
	r.rows = make([][]int, deepest+1)
	for i, k := range r.rank {
		r.rows[k] = append(r.rows[k], i)
	}
	var loose []int
	if len(r.rows[0]) > 6 {
		r.rows[0] = slices.DeleteFunc(r.rows[0], func(i int) bool {
			if len(r.down[i]) == 0 {
				loose = append(loose, i)
				return true
			}
			return false
		})
		if len(r.rows[0]) == 0 {
			r.rows = r.rows[1:]
		}
	}
	width := maxRow
	var row []int
	for _, i := range loose {
		if width+r.boxes[i].w > maxRow && len(row) > 0 {
			r.rows, row, width = append(r.rows, row), nil, 0
		}
		if len(row) == 0 {
			width = 0
		}
		row, width = append(row, i), width+r.boxes[i].w+gapX
	}
	if len(row) > 0 {
		r.rows = append(r.rows, row)
	}
}

// sweeps is how often the order of the rows is improved.
const sweeps = 8

// order puts each box near to what it is connected with, so that few edges cross.
func (r *rows) order() {
	pos := make([]float64, len(r.boxes))
	number := func() {
		for _, row := range r.rows {
			for k, i := range row {
				pos[i] = float64(k)
			}
		}
	}
	number()
	arrange := func(row []int, neighbours [][]int) {
		key := make(map[int]float64, len(row))
		for _, i := range row {
			key[i] = pos[i]
			if n := neighbours[i]; len(n) > 0 {
				key[i] = mean(n, pos)
			}
		}
		slices.SortStableFunc(row, func(a, b int) int {
			switch {
			case key[a] < key[b]:
				return -1
			case key[a] > key[b]:
				return 1
			}
			return 0
		})
		number()
	}
	for s := range sweeps {
		if s%2 == 0 {
			for _, row := range r.rows {
				arrange(row, r.up)
			}
			continue
		}
		for _, row := range slices.Backward(r.rows) {
			arrange(row, r.down)
		}
	}
}

func mean(items []int, of []float64) float64 {
	sum := 0.0
	for _, i := range items {
		sum += of[i]
	}
	return sum / float64(len(items))
}

// coordinates places the rows below each other and writes the places back.
func (r *rows) coordinates() (width, height float64) {
	centre := make([]float64, len(r.boxes))
	for _, row := range r.rows {
		x := 0.0
		for _, i := range row {
			centre[i] = x + r.boxes[i].w/2
			x += r.boxes[i].w + gapX
		}
		for _, i := range row {
			centre[i] -= x / 2
		}
	}
	for s := range sweeps {
		if s%2 == 0 {
			for _, row := range r.rows {
				r.align(row, r.up, centre)
			}
			continue
		}
		for _, row := range slices.Backward(r.rows) {
			r.align(row, r.down, centre)
		}
	}
	left, right := centre[0], centre[0]
	for i, b := range r.boxes {
		left, right = min(left, centre[i]-b.w/2), max(right, centre[i]+b.w/2)
	}
	y := 0.0
	for k, row := range r.rows {
		high := 0.0
		for _, i := range row {
			high = max(high, r.boxes[i].h)
		}
		for _, i := range row {
			b := &r.boxes[i]
			if b.node < 0 {
				b.h = high
			}
			b.x, b.y = centre[i]-b.w/2-left, y+(high-b.h)/2
		}
		y += high
		if k < len(r.rows)-1 {
			y += gapY
		}
	}
	r.write()
	return right - left, y
}

// align moves a row towards what it is connected with, keeping order and distance.
func (r *rows) align(row []int, neighbours [][]int, centre []float64) {
	wanted := make([]float64, len(row))
	for k, i := range row {
		wanted[k] = centre[i]
		if n := neighbours[i]; len(n) > 0 {
			wanted[k] = mean(n, centre)
		}
	}
	got := slices.Clone(wanted)
	for k := 1; k < len(row); k++ {
		got[k] = max(got[k], got[k-1]+(r.boxes[row[k-1]].w+r.boxes[row[k]].w)/2+gapX)
	}
	off := 0.0
	for k := range row {
		off += got[k] - wanted[k]
	}
	off /= float64(max(len(row), 1))
	for k, i := range row {
		centre[i] = got[k] - off
	}
}

func (r *rows) write() {
	for _, b := range r.boxes {
		if b.node >= 0 {
			l := &r.l.at[b.node]
			// Children were placed from 0, 0 of their container.
			dx, dy := b.x-l.x, b.y-l.y
			r.l.shift(b.node, dx, dy)
		}
	}
	for p, points := range r.long {
		k := way{r.boxes[p.from].node, r.boxes[p.to].node}
		for _, i := range points {
			b := r.boxes[i]
			r.l.ways[k] = append(r.l.ways[k], point{b.x + b.w/2, b.y}, point{b.x + b.w/2, b.y + b.h})
		}
	}
}
