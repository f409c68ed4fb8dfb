package lsp

// maxSymbols bounds an outline.
const maxSymbols = 20_000

var outlineKinds = map[string]int{
	"inputs": symbolVariable, "node_types": symbolClass, "relationships": symbolInterface, "data_types": symbolClass,
	"node_templates": symbolObject, "plugins": symbolModule, "workflows": symbolFunction, "groups": symbolNamespace,
	"policies": symbolFunction, "policy_types": symbolClass, "policy_triggers": symbolFunction, "outputs": symbolVariable,
	"capabilities": symbolVariable,
}

// outline gives the sections of a document and their entries, by indentation, so that it works on any text.
func outline(t *text) []documentSymbol {
	out := []documentSymbol{}
	count := 0
	for n := 0; n < t.lines() && count < maxSymbols; n++ {
		s, content := splitLine(t.line(n))
		if !content || !s.hasKey || s.column != 0 || len(s.dashes) > 0 {
			continue
		}
		end := blockEnd(t, n, 0)
		section := symbolAt(t, n, s, end, symbolNamespace)
		if kind, ok := outlineKinds[s.key]; ok {
			section.Children = entries(t, n, end, kind)
			count += len(section.Children)
		}
		out = append(out, section)
		count++
	}
	return out
}

// blockEnd gives the last line with content of the block that a line begins.
func blockEnd(t *text, line, column int) int {
	end := line
	for n := line + 1; n < t.lines(); n++ {
		s, content := splitLine(t.line(n))
		if !content {
			continue
		}
		first := s.column
		if len(s.dashes) > 0 {
			first = s.dashes[0]
		}
		if first < column || first == column && len(s.dashes) == 0 {
			break
		}
		end = n
	}
	return end
}

// entries gives the keys directly below a section.
func entries(t *text, section, end, kind int) []documentSymbol {
	var out []documentSymbol
	column := -1
	for n := section + 1; n <= end; n++ {
		s, content := splitLine(t.line(n))
		if !content || len(s.dashes) > 0 || !s.hasKey {
			continue
		}
		if column < 0 {
			column = s.column
		}
		if s.column != column {
			continue
		}
		last := min(blockEnd(t, n, column), end)
		symbol := symbolAt(t, n, s, last, kind)
		c := &cursor{ancestors: []ancestor{{s.key, n, s.column}}}
		for _, field := range []string{"type", "derived_from"} {
			if symbol.Detail == "" {
				symbol.Detail = c.field(t, 0, field)
			}
		}
		out = append(out, symbol)
		if len(out) >= maxSymbols {
			break
		}
	}
	return out
}

func symbolAt(t *text, line int, s split, end, kind int) documentSymbol {
	selection := span{t.at(line, s.column), t.at(line, s.column+len(s.key))}
	return documentSymbol{Name: nonEmpty(s.key), Kind: kind, SelectionRange: selection,
		Range: span{selection.Start, t.at(end, len(t.line(end)))}}
}

// nonEmpty keeps editors from refusing an outline because of a name.
func nonEmpty(s string) string {
	if s == "" {
		return "?"
	}
	return s
}
