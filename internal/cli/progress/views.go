package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// Quiet is a view that shows nothing.
type Quiet struct{}

// Event does nothing.
func (Quiet) Event(client.Event) {}

// Progress does nothing.
func (Quiet) Progress(Snapshot) {}

// Note does nothing.
func (Quiet) Note(string) {}

// Close does nothing.
func (Quiet) Close() {}

// Lines is a view of plain lines, for files and pipes.
type Lines struct {
	Out    io.Writer
	Colour bool
}

// Event writes the line of the event.
func (l Lines) Event(e client.Event) { fmt.Fprintln(l.Out, paint(tint(e), Line(e), l.Colour)) }

// Progress does nothing: lines tell the story.
func (l Lines) Progress(Snapshot) {}

// Note writes the text on a line of its own.
func (l Lines) Note(text string) { fmt.Fprintln(l.Out, "*** "+text) }

// Close does nothing.
func (l Lines) Close() {}

// Live is a view for a terminal: a block with one line per node stays at the bottom and is redrawn in place, the log
// scrolls above it. It is for one goroutine.
type Live struct {
	out    io.Writer
	colour bool
	size   func() (width, height int)
	height int
	last   Snapshot
	frames int
}

// NewLive returns a view on a terminal whose size is asked for with every picture.
func NewLive(out io.Writer, colour bool, size func() (width, height int)) *Live {
	return &Live{out: out, colour: colour, size: size}
}

// Event scrolls the line of the event in above the block.
func (l *Live) Event(e client.Event) { l.above(paint(tint(e), Line(e), l.colour)) }

// Note scrolls the text in above the block.
func (l *Live) Note(text string) { l.above(paint(yellow, "*** "+text, l.colour)) }

// Progress redraws the block.
func (l *Live) Progress(s Snapshot) {
	l.last = s
	l.frames++
	l.draw("")
}

// Close leaves the block where it is.
func (l *Live) Close() { l.height = 0 }

func (l *Live) above(line string) { l.draw(line + "\n") }

// draw writes everything in one piece, so that the terminal never shows half a picture.
func (l *Live) draw(above string) {
	var b strings.Builder
	if l.height > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", l.height)
	}
	b.WriteString("\r\x1b[J")
	b.WriteString(above)
	lines := l.block()
	for _, line := range lines {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	l.height = len(lines)
	io.WriteString(l.out, b.String())
}

func (l *Live) block() []string {
	if l.last.Execution.ID == "" {
		return nil
	}
	width, height := l.size()
	if width <= 0 {
		width = 80
	}
	if height <= 0 {
		height = 24
	}
	x := l.last.Execution
	head := fmt.Sprintf("%s of %s: %s", x.Workflow, x.Deployment, x.Status.Display())
	if x.TotalOperations > 0 {
		head += fmt.Sprintf(", %d/%d tasks", x.FinishedOperations, x.TotalOperations)
	}
	lines := []string{paint(bold, cut(head+", "+Duration(l.last.Elapsed), width), l.colour)}
	nodes, hidden := l.visible(max(1, height-4))
	nameWidth := 0
	for _, n := range nodes {
		nameWidth = max(nameWidth, utf8.RuneCountInString(string(n.Node)))
	}
	nameWidth = min(nameWidth, width/3)
	for _, n := range nodes {
		lines = append(lines, l.node(n, nameWidth, width))
	}
	if hidden > 0 {
		lines = append(lines, cut(fmt.Sprintf("  … and %d more nodes", hidden), width))
	}
	return lines
}

// visible returns the nodes that fit into the screen, those that work first.
func (l *Live) visible(room int) (nodes []NodeProgress, hidden int) {
	if len(l.last.Nodes) <= room {
		return l.last.Nodes, 0
	}
	for _, busy := range []bool{true, false} {
		for _, n := range l.last.Nodes {
			if n.IsBusy == busy && len(nodes) < room-1 {
				nodes = append(nodes, n)
			}
		}
	}
	return nodes, len(l.last.Nodes) - len(nodes)
}

func (l *Live) node(n NodeProgress, nameWidth, width int) string {
	mark, colour := "·", faint
	switch {
	case n.Failed > 0:
		mark, colour = "✗", red
	case n.IsBusy:
		spinner := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
		mark, colour = string(spinner[l.frames%len(spinner)]), cyan
	case n.State == string(model.InstanceStarted):
		mark, colour = "✓", green
	case n.Done > 0:
		mark, colour = "✓", ""
	}
	text := fmt.Sprintf("%-*s  %-14s", nameWidth, cut(string(n.Node), nameWidth), n.State)
	if n.Total > 0 {
		text += fmt.Sprintf("  %d/%d", n.Done, n.Total)
	}
	if n.Elapsed > 0 {
		text += "  " + Duration(n.Elapsed)
	}
	return "  " + paint(colour, mark, l.colour) + " " + cut(strings.TrimRight(text, " "), width-5)
}

func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:max(0, width-1)]) + "…"
}

// Duration writes a duration for people: 0.4 s, 12.3 s, 3 min 4 s, 1 h 2 min.
func Duration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}
