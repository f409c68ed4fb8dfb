package lsp

import (
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/index"
)

// maxItems bounds an answer; the editor asks again when more is typed.
const maxItems = 1000

// completer finds what can stand at the cursor. index may be nil, when the document could never be read.
type completer struct {
	*cursor
	keys     []string
	text     *text
	doc      *document
	index    *index.Index
	snippets bool
	line     int
	items    []completionItem
	have     map[string]bool
}

func (s *Server) completion(d *document, p positionParams) (any, *rpcError) {
	c := &completer{cursor: cursorAt(d.text, p.Position), text: d.text, doc: d, index: d.last.index, snippets: s.hasSnippets,
		line: p.Position.Line, have: map[string]bool{}}
	if c.index == nil {
		c.index = &index.Index{}
	}
	c.keys = c.path()
	if line := d.text.line(p.Position.Line); strings.HasPrefix(strings.TrimSpace(line), "#") {
		return completionList{Items: []completionItem{}}, nil
	}
	c.suggest()
	column := byteColumn(d.text.line(p.Position.Line), p.Position.Character)
	edit := span{d.text.at(p.Position.Line, min(c.start, column)), d.text.at(p.Position.Line, column)}
	list := completionList{Items: []completionItem{}}
	for _, i := range c.items {
		if len(list.Items) == maxItems {
			list.IsIncomplete = true
			break
		}
		i.TextEdit.Range, i.FilterText = edit, i.Label
		list.Items = append(list.Items, i)
	}
	return list, nil
}

// matches compares the path with a pattern: * stands for one key, ** at the beginning for any number.
func (c *completer) matches(pattern ...string) bool {
	keys := c.keys
	if len(pattern) > 0 && pattern[0] == "**" {
		pattern = pattern[1:]
		if len(keys) < len(pattern) {
			return false
		}
		keys = keys[len(keys)-len(pattern):]
	}
	if len(keys) != len(pattern) {
		return false
	}
	for i, p := range pattern {
		if p != "*" && p != keys[i] {
			return false
		}
	}
	return true
}

// suggest adds what fits to where the cursor is.
func (c *completer) suggest() {
	if c.function() {
		return
	}
	if c.inValue || len(c.keys) > 0 && c.keys[len(c.keys)-1] == "-" {
		c.values()
	}
	if !c.inValue {
		c.mappingKeys()
	}
}

// add adds a proposal once. insert is what is written, empty for the label.
func (c *completer) add(label string, kind int, detail, insert string) {
	if label == "" || c.have[label] {
		return
	}
	c.have[label] = true
	if insert == "" {
		insert = label
	}
	item := completionItem{Label: label, Kind: kind, Detail: detail, InsertTextFormat: 1, InsertTextMode: 1, TextEdit: &textEdit{NewText: insert}}
	if before, after, ok := strings.Cut(insert, "$0"); ok {
		if c.snippets {
			item.InsertTextFormat = 2
		} else {
			item.TextEdit.NewText = strings.TrimRight(before, " ")
			if strings.TrimSpace(before) == "" {
				item.TextEdit.NewText += after
			}
		}
	}
	c.items = append(c.items, item)
}

// key adds a key of a mapping that is not there yet; one that holds more goes on in the next line.
func (c *completer) key(name, detail string, isBlock bool) {
	if c.siblings[name] {
		return
	}
	insert := name + ": "
	switch {
	case c.hasColon:
		insert = name
	case isBlock && !c.inFlow:
		insert = name + ":\n" + strings.Repeat(" ", c.start+2)
	}
	c.add(name, itemProperty, detail, insert)
}

// blocks are the keys whose values are mappings or lists.
var blocks = map[string]bool{"properties": true, "interfaces": true, "relationships": true, "source_interfaces": true,
	"target_interfaces": true, "inputs": true, "capabilities": true, "scalable": true, "members": true, "policies": true,
	"targets": true, "parameters": true, "constraints": true, "instances": true, "availability_rules": true, "triggers": true,
	"runtime_properties": true}

func (c *completer) fixed(names ...string) {
	for _, n := range names {
		c.key(n, "", blocks[n])
	}
}

func (c *completer) words(kind int, names ...string) {
	for _, n := range names {
		c.add(n, kind, "", "")
	}
}

// known adds the elements of a kind: those of the last view, and those that the text has now.
func (c *completer) known(k index.Kind, section string, kind int) {
	for _, s := range c.index.All(k) {
		detail := s.Text("type")
		if detail == "" {
			detail = s.Text("derived_from")
		}
		c.add(s.Name, kind, detail, "")
	}
	for _, e := range c.current(section) {
		c.add(e, kind, "", "")
	}
}

// current gives the names of the entries of a section as the text has them now.
func (c *completer) current(section string) []string {
	var out []string
	for _, s := range outline(c.text) {
		if s.Name == section {
			for _, e := range s.Children {
				if e.SelectionRange.Start.Line != c.line {
					out = append(out, e.Name)
				}
			}
		}
	}
	return out
}

// typeOf gives the type of the node template or relationship that the ancestor at a depth is.
func (c *completer) owner(depth int, kind index.Kind) index.Owner {
	return index.Owner{Kind: kind, Name: c.field(c.text, depth, "type")}
}

// function completes inside of an intrinsic function and reports whether the cursor is in one.
func (c *completer) function() bool {
	depth := len(c.keys) - 1
	argument := 0
	if depth >= 0 && c.keys[depth] == "-" {
		argument = len(c.cursor.items)
		depth--
	} else if depth >= 0 && !c.inValue {
		return false
	}
	if depth < 1 || !slices.Contains(fn.Names(), c.keys[depth]) {
		return false
	}
	switch name := c.keys[depth]; name {
	case fn.GetInput:
		if argument == 0 {
			c.known(index.Input, "inputs", itemVariable)
		}
	case fn.GetProperty, fn.GetAttribute, fn.GetAttributesList, fn.GetAttributesDict:
		c.nodeFunction(argument, name)
	case fn.GetSys:
		if argument == 0 {
			c.words(itemValue, "deployment", "tenant")
		} else {
			c.words(itemValue, "id", "name", "blueprint", "owner")
		}
	case fn.GetConsumers:
		c.words(itemValue, "ids", "names", "count")
	default:
		c.functions()
	}
	return true
}

func (c *completer) nodeFunction(argument int, name string) {
	switch {
	case argument == 0:
		c.words(itemKeyword, "SELF", "SOURCE", "TARGET")
		c.known(index.Node, "node_templates", itemVariable)
	case argument == 1:
		typ := ""
		if node := c.cursor.items[0]; node == fn.Self {
			if len(c.keys) > 1 && c.keys[0] == "node_templates" {
				typ = c.field(c.text, 1, "type")
			} else if len(c.keys) > 1 && c.keys[0] == "node_types" {
				typ = c.keys[1]
			}
		} else {
			typ = c.nodeType(node)
		}
		for _, p := range c.index.Properties(index.Owner{Kind: index.NodeType, Name: typ}) {
			c.add(p.Name, itemProperty, p.Text("type"), "")
		}
		if name != fn.GetProperty {
			c.words(itemValue, "node_instance_id", "node_instance_index")
		}
	}
}

// nodeType gives the type of a node, of the text as it is now before that of the last view.
func (c *completer) nodeType(name string) string {
	for _, s := range outline(c.text) {
		if s.Name != "node_templates" {
			continue
		}
		for _, e := range s.Children {
			if e.Name == name && e.Detail != "" {
				return e.Detail
			}
		}
	}
	if s := c.index.Find(index.Node, name); s != nil {
		return s.Text("type")
	}
	return ""
}

// functions adds the functions themselves.
func (c *completer) functions() {
	for _, name := range fn.Names() {
		insert := "{ " + name + ": $0 }"
		switch name {
		case fn.GetInput, fn.GetSecret, fn.GetLabel, fn.GetConsumers, fn.GetEnvironmentCapability, fn.StringLower, fn.StringUpper:
		default:
			insert = "{ " + name + ": [$0] }"
		}
		c.add(name, itemFunction, "intrinsic function", insert)
	}
}

// schemaTypes adds the types that a property or input can have.
func (c *completer) schemaTypes() {
	names := make([]string, 0, len(imports.Primitive))
	for n := range imports.Primitive {
		names = append(names, n)
	}
	slices.Sort(names)
	c.words(itemKeyword, names...)
	c.known(index.DataType, "data_types", itemClass)
}
