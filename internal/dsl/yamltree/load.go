package yamltree

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Bounds of one document.
const (
	// MaxSize is the largest document in bytes.
	MaxSize = 8 << 20
	// MaxDepth is the deepest nesting of lists and mappings.
	MaxDepth = 1000
	// MaxExpanded is the largest number of values after aliases are expanded,
	// beyond what the document itself holds.
	MaxExpanded = 5_000_000
	// MaxMerged is the largest number of entries that merge keys bring.
	MaxMerged = 1_000_000
)

// Load reads one document. An empty one is an empty mapping without a
// position. Errors carry the class of the reference's YAML library, except
// that grammar errors are Format -1 with prefix before "Illegal yaml".
func Load(text []byte, file, prefix string) (*Node, *diag.Error) {
	if len(text) > MaxSize {
		return nil, bounded(prefix, file, fmt.Sprintf("the document has %d bytes, more than the allowed %d", len(text), MaxSize))
	}
	l := &loader{text: text, prefix: prefix, done: map[*yaml.Node]*Node{}, sizes: map[*Node]int{}}
	if file != "" {
		l.file = &file
	}
	root, fault := l.compose()
	if fault != nil {
		return nil, fault
	}
	if root == nil {
		return &Node{Kind: Map, File: l.file}, nil
	}
	n, e := l.node(root, 0)
	if e != nil {
		return nil, e
	}
	if n.IsNull() {
		return &Node{Kind: Map, File: l.file}, nil
	}
	if l.size(n) > MaxExpanded+len(text) {
		return nil, bounded(prefix, file, fmt.Sprintf("its aliases expand to more than %d values", MaxExpanded))
	}
	return n, nil
}

// maxRepairs bounds how often a document is read again.
const maxRepairs = 64

// compose reads the text as the library's tree; nil for an empty document.
// Compat: PyYAML takes {key:[1]} as a key with a value, the library does not.
// Where it stops at such a colon a space is put in and noted, so that
// positions stay those of the text.
func (l *loader) compose() (*yaml.Node, *diag.Error) {
	text := l.text
	for n := 0; ; n++ {
		doc, second, err := read(text)
		switch {
		case err == nil && second != nil:
			return nil, l.secondDocument(doc, second)
		case err == nil && (doc == nil || len(doc.Content) == 0):
			return nil, nil
		case err == nil:
			return doc.Content[0], nil
		}
		fixed := l.repair(text, err)
		if fixed == nil || n >= maxRepairs {
			l.gaps = nil
			return nil, l.yamlError(err)
		}
		text = fixed
	}
}

// read loads one document, and a second one if there is any.
func read(text []byte) (doc, second *yaml.Node, err error) {
	ld, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithV3Defaults())
	if err != nil {
		return nil, nil, err
	}
	doc = &yaml.Node{}
	if err = ld.Load(doc); err == io.EOF {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	second = &yaml.Node{}
	if err = ld.Load(second); err == io.EOF {
		return doc, nil, nil
	}
	return doc, second, err
}

// repair puts a space behind a colon at which the library stopped, nil when
// the error is another one.
func (l *loader) repair(text []byte, err error) []byte {
	var le *yaml.LoadError
	if !errors.As(err, &le) || le.Stage != yaml.ParserStage || le.Mark.Column < 2 {
		return nil
	}
	start := 0
	for n := 1; n < le.Mark.Line; n++ {
		i := bytes.IndexByte(text[start:], '\n')
		if i < 0 {
			return nil
		}
		start += i + 1
	}
	at := start + le.Mark.Column - 1
	if at >= len(text) || text[at-1] != ':' || text[at] != '[' && text[at] != '{' {
		return nil
	}
	if l.gaps == nil {
		l.gaps = map[int][]int{}
	}
	l.gaps[le.Mark.Line] = append(l.gaps[le.Mark.Line], le.Mark.Column)
	out := append([]byte(nil), text[:at]...)
	out = append(out, ' ')
	return append(out, text[at:]...)
}

type loader struct {
	text []byte
	// gaps are the columns, by line, at which spaces were put in.
	gaps   map[int][]int
	file   *string
	prefix string
	// merged counts the entries that merge keys brought.
	merged int
	done   map[*yaml.Node]*Node
	sizes  map[*Node]int
}

func (l *loader) at(y *yaml.Node) *Node {
	col := y.Column - 1
	for _, gap := range l.gaps[y.Line] {
		if y.Column > gap {
			col--
		}
	}
	return &Node{File: l.file, Line: y.Line, Col: col}
}

func (l *loader) node(y *yaml.Node, depth int) (*Node, *diag.Error) {
	if depth > MaxDepth {
		return nil, l.tooDeep()
	}
	if y.Kind == yaml.AliasNode {
		n, ok := l.done[y.Alias]
		if !ok {
			return l.node(y.Alias, depth+1)
		}
		if n == nil {
			return nil, l.marked(diag.ComposerError, "found an alias inside of the value it stands for", y)
		}
		return n, nil
	}
	if y.Anchor != "" {
		l.done[y] = nil
	}
	var n *Node
	var e *diag.Error
	switch y.Kind {
	case yaml.SequenceNode:
		n, e = l.list(y, depth)
	case yaml.MappingNode:
		n, e = l.mapping(y, depth)
	default:
		n, e = l.scalar(y)
	}
	if e == nil && y.Anchor != "" {
		l.done[y] = n
	}
	return n, e
}

// explicitTag gives the short name of a written tag, empty when there is none.
func explicitTag(y *yaml.Node) string {
	if y.Style&yaml.TaggedStyle == 0 {
		return ""
	}
	t := y.Tag
	if s, ok := strings.CutPrefix(t, "tag:yaml.org,2002:"); ok {
		return s
	}
	if s, ok := strings.CutPrefix(t, "!!"); ok {
		return s
	}
	return t
}

func (l *loader) list(y *yaml.Node, depth int) (*Node, *diag.Error) {
	switch t := explicitTag(y); t {
	case "", "seq", "!":
	case "omap", "pairs":
		return nil, diag.New(diag.AttributeError, "'tuple' object has no attribute 'restore'")
	default:
		return nil, l.unknownTag(t, y)
	}
	n := l.at(y)
	n.Kind = List
	n.Items = make([]*Node, 0, len(y.Content))
	for _, c := range y.Content {
		x, e := l.node(c, depth+1)
		if e != nil {
			return nil, e
		}
		n.Items = append(n.Items, x)
	}
	return n, nil
}

func (l *loader) mapping(y *yaml.Node, depth int) (*Node, *diag.Error) {
	tag := explicitTag(y)
	switch tag {
	case "", "map", "set", "!":
	default:
		return nil, l.unknownTag(tag, y)
	}
	pairs, e := l.flatten(y, depth)
	if e != nil {
		return nil, e
	}
	n := l.at(y)
	n.Kind = Map
	n.Pairs = make([]Pair, 0, len(pairs)/2)
	seen := make(map[any]int, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		k, e := l.key(pairs[i], depth)
		if e != nil {
			return nil, e
		}
		v, e := l.node(pairs[i+1], depth+1)
		if e != nil {
			return nil, e
		}
		id := keyID(k.Scalar)
		if j, ok := seen[id]; ok {
			n.Pairs[j].Value = v
			continue
		}
		seen[id] = len(n.Pairs)
		n.Pairs = append(n.Pairs, Pair{k, v})
	}
	if len(n.Pairs) >= indexFrom {
		n.reindex()
	}
	if tag == "set" {
		s := l.at(y)
		members := value.Set{}
		for _, p := range n.Pairs {
			members = append(members, p.Key.Scalar)
		}
		s.Scalar = members
		return s, nil
	}
	return n, nil
}

func (l *loader) key(y *yaml.Node, depth int) (*Node, *diag.Error) {
	if y.Kind == yaml.ScalarNode && y.Value == "=" && plain(y) {
		n := l.at(y)
		n.Scalar = "="
		return n, nil
	}
	k, e := l.node(y, depth+1)
	if e != nil {
		return nil, e
	}
	if k.Kind != Scalar {
		return nil, l.marked(diag.ConstructorError, "while constructing a mapping\nfound unhashable key", y)
	}
	return k, nil
}

// keyID makes keys comparable as Python values: 1, 1.0 and true are one key.
func keyID(v any) any {
	switch t := v.(type) {
	case bool:
		if t {
			return int64(1)
		}
		return int64(0)
	case float64:
		if t == float64(int64(t)) {
			return int64(t)
		}
	case nil:
		return struct{}{}
	case string, int64, value.Timestamp, value.Bytes:
		return v
	default:
		return value.Repr(v)
	}
	return v
}

// flatten applies merge keys: explicit entries win, earlier merged mappings
// win over later ones.
func (l *loader) flatten(y *yaml.Node, depth int) ([]*yaml.Node, *diag.Error) {
	if depth > MaxDepth {
		return nil, l.tooDeep()
	}
	var merged []*yaml.Node
	own := make([]*yaml.Node, 0, len(y.Content))
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind != yaml.ScalarNode || !isMerge(k) {
			own = append(own, k, v)
			continue
		}
		v = target(v)
		switch v.Kind {
		case yaml.MappingNode:
			m, e := l.flatten(v, depth+1)
			if e != nil {
				return nil, e
			}
			merged = append(merged, m...)
		case yaml.SequenceNode:
			for j := len(v.Content) - 1; j >= 0; j-- {
				c := target(v.Content[j])
				if c.Kind != yaml.MappingNode {
					return nil, l.marked(diag.ConstructorError, "while constructing a mapping\nexpected a mapping for merging", c)
				}
				m, e := l.flatten(c, depth+1)
				if e != nil {
					return nil, e
				}
				merged = append(merged, m...)
			}
		default:
			return nil, l.marked(diag.ConstructorError,
				"while constructing a mapping\nexpected a mapping or list of mappings for merging, but found scalar", v)
		}
		if l.merged += len(merged); l.merged > MaxMerged {
			return nil, bounded(l.prefix, l.fileName(), "its merge keys expand to too many values")
		}
	}
	return append(merged, own...), nil
}

func isMerge(k *yaml.Node) bool {
	if t := explicitTag(k); t != "" {
		return t == "merge"
	}
	return k.Value == "<<" && plain(k)
}

func target(y *yaml.Node) *yaml.Node {
	for i := 0; y.Kind == yaml.AliasNode && i < MaxDepth; i++ {
		y = y.Alias
	}
	return y
}

func plain(y *yaml.Node) bool {
	return y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

func (l *loader) scalar(y *yaml.Node) (*Node, *diag.Error) {
	tag := explicitTag(y)
	switch tag {
	case "":
		if tag = tagStr; plain(y) {
			tag = resolve(y.Value)
		}
	case "!":
		tag = tagStr
	case "binary":
		return l.binary(y)
	case tagNull, tagBool, tagInt, tagFloat, tagTimestamp, tagStr:
	case "omap", "pairs", "set", "map", "seq":
		return nil, l.marked(diag.ConstructorError, "expected a collection node, but found scalar", y)
	default:
		return nil, l.unknownTag(tag, y)
	}
	switch tag {
	case tagValue:
		return nil, l.unknownTag(tag, y)
	case tagMerge:
		return nil, l.unknownTag(tag, y)
	}
	v, err := construct(tag, y.Value)
	if err != nil {
		return nil, diag.New(diag.ValueError, err.Error())
	}
	n := l.at(y)
	n.Scalar = v
	if s, ok := v.(string); ok && !ascii(s) {
		return nil, l.nonASCII(y)
	}
	return n, nil
}

func (l *loader) binary(y *yaml.Node) (*Node, *diag.Error) {
	clean := strings.Map(func(r rune) rune {
		if r == ' ' || r == '\n' || r == '\t' || r == '\r' {
			return -1
		}
		return r
	}, y.Value)
	b, err := base64.StdEncoding.DecodeString(clean)
	if err != nil {
		return nil, l.marked(diag.ConstructorError, "failed to decode base64 data: "+err.Error(), y)
	}
	n := l.at(y)
	n.Scalar = value.Bytes(b)
	return n, nil
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// size counts the values of a node with aliases expanded.
func (l *loader) size(n *Node) int {
	if n.Kind == Scalar {
		return 1
	}
	if s, ok := l.sizes[n]; ok {
		return s
	}
	s := 1
	for _, x := range n.Items {
		if s += l.size(x); s > 1<<40 {
			s = 1 << 40
		}
	}
	for _, p := range n.Pairs {
		if s += 1 + l.size(p.Value); s > 1<<40 {
			s = 1 << 40
		}
	}
	l.sizes[n] = s
	return s
}
