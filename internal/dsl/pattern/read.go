package pattern

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// maxNesting bounds groups inside of groups, maxRepeat counts of repetition.
const (
	maxNesting = 200
	maxRepeat  = 1000
)

// reader turns an expression into a matcher.
type reader struct {
	src    []rune
	at     int
	groups int
	names  map[string]int
	depth  int
	fold   bool
	dotAll bool
	lines  bool
}

func (p *reader) peek() rune {
	if p.at < len(p.src) {
		return p.src[p.at]
	}
	return 0
}

func (p *reader) take(s string) bool {
	r := []rune(s)
	if p.at+len(r) > len(p.src) || string(p.src[p.at:p.at+len(r)]) != s {
		return false
	}
	p.at += len(r)
	return true
}

func (p *reader) alternatives() (matcher, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, errors.New("groups are nested too deep")
	}
	defer func() { p.depth-- }()
	var all []matcher
	for {
		m, err := p.branch()
		if err != nil {
			return nil, err
		}
		all = append(all, m)
		if !p.take("|") {
			return either(all), nil
		}
	}
}

func (p *reader) branch() (matcher, error) {
	var ms []matcher
	for p.at < len(p.src) && p.peek() != '|' && p.peek() != ')' {
		m, err := p.atom()
		if err != nil {
			return nil, err
		}
		if m, err = p.quantified(m); err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return sequence(ms), nil
}

func (p *reader) quantified(m matcher) (matcher, error) {
	least, most := 0, -1
	switch {
	case p.take("*"):
	case p.take("+"):
		least = 1
	case p.take("?"):
		most = 1
	default:
		ok := false
		if least, most, ok = p.counts(); !ok {
			return m, nil
		}
		if most >= 0 && most < least || least > maxRepeat || most > maxRepeat {
			return nil, errors.New("bad repeat interval")
		}
	}
	lazy := p.take("?")
	switch p.peek() {
	case '*', '+', '?':
		return nil, errors.New("multiple repeat")
	}
	return repeat(m, least, most, lazy), nil
}

// counts reads {n}, {n,}, {,m} or {n,m}; anything else is plain text.
func (p *reader) counts() (least, most int, ok bool) {
	if p.peek() != '{' {
		return 0, 0, false
	}
	end := p.at
	for end < len(p.src) && p.src[end] != '}' {
		end++
	}
	if end == len(p.src) {
		return 0, 0, false
	}
	lo, hi, ranged := strings.Cut(string(p.src[p.at+1:end]), ",")
	most = -1
	var err error
	if lo != "" {
		if least, err = strconv.Atoi(lo); err != nil || least < 0 {
			return 0, 0, false
		}
	}
	if hi != "" {
		if most, err = strconv.Atoi(hi); err != nil || most < 0 {
			return 0, 0, false
		}
	}
	if !ranged {
		if lo == "" {
			return 0, 0, false
		}
		most = least
	}
	p.at = end + 1
	return least, most, true
}

func (p *reader) atom() (matcher, error) {
	r := p.src[p.at]
	p.at++
	switch r {
	case '*', '+', '?':
		return nil, errors.New("nothing to repeat")
	case '.':
		all := p.dotAll
		return one(func(c rune) bool { return all || c != '\n' }), nil
	case '^':
		return p.edge(true), nil
	case '$':
		return p.edge(false), nil
	case '(':
		return p.group()
	case '[':
		is, err := p.class()
		return one(is), err
	case '\\':
		return p.escape()
	}
	return p.literal(r), nil
}

func (p *reader) literal(r rune) matcher {
	if p.fold {
		lower := unicode.ToLower(r)
		return one(func(c rune) bool { return unicode.ToLower(c) == lower })
	}
	return one(func(c rune) bool { return c == r })
}

// edge matches the start or end of the text, or of a line.
func (p *reader) edge(start bool) matcher {
	lines := p.lines
	return func(st *state, at int, next func(int) bool) bool {
		n := len(st.text)
		ok := start && at == 0 || !start && (at == n || at == n-1 && st.text[at] == '\n')
		if lines && !ok {
			ok = start && st.text[at-1] == '\n' || !start && st.text[at] == '\n'
		}
		return ok && next(at)
	}
}

func (p *reader) group() (matcher, error) {
	fold, dotAll, lines := p.fold, p.dotAll, p.lines
	wrap := func(m matcher) matcher { return m }
	switch {
	case !p.take("?"):
		p.groups++
		n := p.groups
		wrap = func(m matcher) matcher { return capture(m, n) }
	case p.take(":"):
	case p.take("="):
		wrap = func(m matcher) matcher { return look(m, false, false) }
	case p.take("!"):
		wrap = func(m matcher) matcher { return look(m, false, true) }
	case p.take("<="):
		wrap = func(m matcher) matcher { return look(m, true, false) }
	case p.take("<!"):
		wrap = func(m matcher) matcher { return look(m, true, true) }
	case p.take("P<"):
		name, err := p.until('>')
		if err != nil {
			return nil, err
		}
		p.groups++
		n := p.groups
		p.names[name] = n
		wrap = func(m matcher) matcher { return capture(m, n) }
	case p.take("P="):
		name, err := p.until(')')
		n, ok := p.names[name]
		if err != nil || !ok {
			return nil, fmt.Errorf("unknown group name %q", name)
		}
		return backReference(n), nil
	case p.take("#"):
		_, err := p.until(')')
		return empty, err
	default:
		done, err := p.flags()
		if err != nil || done {
			return empty, err
		}
	}
	m, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, errors.New("missing ), unterminated subpattern")
	}
	p.fold, p.dotAll, p.lines = fold, dotAll, lines
	return wrap(m), nil
}

// flags reads the letters of (?i) or (?i:…); done tells the former.
func (p *reader) flags() (done bool, err error) {
	for on := true; p.at < len(p.src); {
		r := p.src[p.at]
		p.at++
		switch r {
		case 'i':
			p.fold = on
		case 's':
			p.dotAll = on
		case 'm':
			p.lines = on
		case 'a', 'u':
		case '-':
			on = false
		case ')':
			return true, nil
		case ':':
			return false, nil
		default:
			return false, fmt.Errorf("unknown extension ?%c", r)
		}
	}
	return false, errors.New("missing ), unterminated subpattern")
}

func (p *reader) until(end rune) (string, error) {
	start := p.at
	for p.at < len(p.src) && p.src[p.at] != end {
		p.at++
	}
	if p.at == len(p.src) {
		return "", fmt.Errorf("missing %c, unterminated name", end)
	}
	p.at++
	return string(p.src[start : p.at-1]), nil
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// shorthand gives the class of \d, \w, \s and their opposites.
func shorthand(r rune) func(rune) bool {
	var is func(rune) bool
	switch unicode.ToLower(r) {
	case 'd':
		is = unicode.IsDigit
	case 'w':
		is = isWord
	case 's':
		is = unicode.IsSpace
	default:
		return nil
	}
	if unicode.IsUpper(r) {
		return func(c rune) bool { return !is(c) }
	}
	return is
}

func (p *reader) escape() (matcher, error) {
	if p.at == len(p.src) {
		return nil, errors.New("bad escape (end of pattern)")
	}
	r := p.src[p.at]
	p.at++
	if is := shorthand(r); is != nil {
		return one(is), nil
	}
	switch r {
	case 'A':
		return func(_ *state, at int, next func(int) bool) bool { return at == 0 && next(at) }, nil
	case 'Z':
		return func(st *state, at int, next func(int) bool) bool { return at == len(st.text) && next(at) }, nil
	case 'b', 'B':
		return boundary(r == 'B'), nil
	}
	if r >= '1' && r <= '9' {
		n := int(r - '0')
		if c := p.peek(); c >= '0' && c <= '9' {
			p.at++
			n = 10*n + int(c-'0')
		}
		if n > p.groups {
			return nil, fmt.Errorf("invalid group reference %d", n)
		}
		return backReference(n), nil
	}
	c, err := p.character(r)
	return p.literal(c), err
}

func boundary(negative bool) matcher {
	return func(st *state, at int, next func(int) bool) bool {
		before := at > 0 && isWord(st.text[at-1])
		after := at < len(st.text) && isWord(st.text[at])
		return (before != after) != negative && next(at)
	}
}

// character gives the character that an escape stands for.
func (p *reader) character(r rune) (rune, error) {
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}
	if n := digits[r]; n > 0 {
		if p.at+n > len(p.src) {
			return 0, errors.New("incomplete escape")
		}
		v, err := strconv.ParseInt(string(p.src[p.at:p.at+n]), 16, 32)
		p.at += n
		return rune(v), err
	}
	if i := strings.IndexRune("nrtfva0", r); i >= 0 {
		return []rune("\n\r\t\f\v\a\x00")[i], nil
	}
	if r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		return 0, fmt.Errorf("bad escape \\%c", r)
	}
	return r, nil
}

// class reads what stands between [ and ].
func (p *reader) class() (func(rune) bool, error) {
	negative := p.take("^")
	var parts []func(rune) bool
	for first := true; ; first = false {
		if p.at >= len(p.src) {
			return nil, errors.New("unterminated character set")
		}
		r := p.src[p.at]
		p.at++
		if r == ']' && !first {
			break
		}
		lo, is, err := p.member(r)
		if err != nil {
			return nil, err
		}
		hi := lo
		if is == nil && p.peek() == '-' && p.at+1 < len(p.src) && p.src[p.at+1] != ']' {
			p.at += 2
			var other func(rune) bool
			if hi, other, err = p.member(p.src[p.at-1]); err != nil || other != nil || hi < lo {
				return nil, errors.New("bad character range")
			}
		}
		if is == nil {
			is = func(c rune) bool { return c >= lo && c <= hi }
		}
		parts = append(parts, is)
	}
	fold := p.fold
	return func(c rune) bool {
		found := false
		for _, is := range parts {
			found = found || is(c) || fold && (is(unicode.ToLower(c)) || is(unicode.ToUpper(c)))
		}
		return found != negative
	}, nil
}

// member reads one character or shorthand of a class.
func (p *reader) member(r rune) (rune, func(rune) bool, error) {
	if r != '\\' {
		return r, nil, nil
	}
	if p.at == len(p.src) {
		return 0, nil, errors.New("bad escape (end of pattern)")
	}
	r = p.src[p.at]
	p.at++
	if is := shorthand(r); is != nil {
		return 0, is, nil
	}
	if r == 'b' {
		return '\b', nil, nil
	}
	c, err := p.character(r)
	return c, nil, err
}
