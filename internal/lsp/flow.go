package lsp

import "strings"

// frame is an open bracket: a mapping with the key whose value is written, or a list with its items so far.
type frame struct {
	isMap    bool
	key      string
	hasKey   bool
	items    []string
	siblings []string
}

// flowText is text with brackets, read up to its end.
type flowText struct {
	frames []frame
	// token is what was written since the last delimiter, from at on.
	token string
	at    int
}

// maxFrames bounds the nesting of brackets that is followed.
const maxFrames = 100

// parseFlow reads text with brackets up to its end. It takes any text.
func parseFlow(s string) *flowText {
	f := &flowText{}
	var quote byte
	start := 0
	top := func() *frame {
		if len(f.frames) == 0 {
			return &frame{}
		}
		return &f.frames[len(f.frames)-1]
	}
	for i := 0; i < len(s); i++ {
		ch := s[i]
		if quote != 0 {
			if ch == quote {
				quote = 0
			}
			continue
		}
		switch ch {
		case '"', '\'':
			if strings.TrimSpace(s[start:i]) == "" {
				quote = ch
			}
		case '{', '[':
			if len(f.frames) < maxFrames && (len(f.frames) > 0 || strings.TrimSpace(s[start:i]) == "" || !plainBefore(s[start:i])) {
				f.frames = append(f.frames, frame{isMap: ch == '{'})
				start = i + 1
			}
		case '}', ']':
			if len(f.frames) > 0 {
				f.frames = f.frames[:len(f.frames)-1]
				start = i
			}
		case ':':
			if t := top(); t.isMap && !t.hasKey && (i+1 == len(s) || strings.IndexByte(" [{", s[i+1]) >= 0) {
				t.key, t.hasKey = unquote(s[start:i]), true
				t.siblings = append(t.siblings, t.key)
				start = i + 1
			}
		case ',':
			if t := top(); len(f.frames) > 0 {
				if t.isMap {
					t.key, t.hasKey = "", false
				} else {
					t.items = append(t.items, unquote(strings.TrimLeft(s[start:i], "}] ")))
				}
				start = i + 1
			}
		}
	}
	for start < len(s) && s[start] == ' ' {
		start++
	}
	f.token, f.at = s[start:], start
	if f.token != "" && (f.token[0] == '"' || f.token[0] == '\'') {
		f.token, f.at = f.token[1:], f.at+1
	}
	return f
}

// plainBefore tells whether text before a bracket is a plain scalar, in which the bracket means nothing.
func plainBefore(s string) bool {
	s = strings.TrimSpace(s)
	return s != "" && !strings.HasSuffix(s, ":") && s != "-" && !strings.HasSuffix(s, "- ")
}

// flow continues the path into brackets.
func (c *cursor) flow(rest string, at, line int) {
	f := parseFlow(rest)
	if len(f.frames) == 0 {
		return
	}
	c.inFlow, c.inValue = true, true
	c.siblings, c.items = map[string]bool{}, nil
	for _, fr := range f.frames {
		c.siblings, c.items = map[string]bool{}, nil
		switch {
		case !fr.isMap:
			c.ancestors = append(c.ancestors, ancestor{"-", line, at})
			c.items, c.inValue = fr.items, true
		case fr.hasKey:
			c.ancestors = append(c.ancestors, ancestor{fr.key, line, at})
			c.inValue = true
		default:
			for _, k := range fr.siblings {
				c.siblings[k] = true
			}
			c.inValue = false
		}
	}
	c.prefix, c.start = f.token, at+f.at
}
