// Package pattern matches regular expressions of the reference's language
// (Python's re) at the start of a text. Expressions that Go's regexp knows are
// matched by it in linear time; those with look-around, back references and
// the like by a backtracking matcher with a bounded number of steps.
//
// Invariant: Match always ends; a hopeless one is an error.
package pattern

import (
	"errors"
	"regexp"
)

// maxSteps bounds one match of the backtracking matcher.
const maxSteps = 200_000

// ErrTooComplex tells that a match was given up.
var ErrTooComplex = errors.New("the pattern needs too many steps on this text")

// Pattern is a compiled expression, safe for concurrent use.
type Pattern struct {
	fast *regexp.Regexp
	slow matcher
	caps int
}

// Compile reads an expression.
func Compile(expr string) (*Pattern, error) {
	if _, err := regexp.Compile(expr); err == nil {
		re, err := regexp.Compile("^(?:" + expr + ")")
		if err == nil {
			return &Pattern{fast: re}, nil
		}
	}
	p := &reader{src: []rune(expr), names: map[string]int{}}
	m, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if p.at < len(p.src) {
		return nil, errors.New("unbalanced parenthesis")
	}
	return &Pattern{slow: m, caps: p.groups + 1}, nil
}

// Match tells whether the expression matches at the start of a text.
func (p *Pattern) Match(text string) (bool, error) {
	if p.fast != nil {
		return p.fast.MatchString(text), nil
	}
	st := &state{text: []rune(text), caps: make([][2]int, p.caps)}
	for i := range st.caps {
		st.caps[i] = [2]int{-1, -1}
	}
	ok := p.slow(st, 0, func(int) bool { return true })
	if st.steps > maxSteps {
		return false, ErrTooComplex
	}
	return ok, nil
}

// state is one match under way.
type state struct {
	text  []rune
	caps  [][2]int
	steps int
}

// matcher matches at a position and goes on with next; it gives whether the
// whole succeeded.
type matcher func(st *state, at int, next func(int) bool) bool

func (st *state) spent() bool {
	st.steps++
	return st.steps > maxSteps
}

func empty(_ *state, at int, next func(int) bool) bool { return next(at) }

func sequence(ms []matcher) matcher {
	switch len(ms) {
	case 0:
		return empty
	case 1:
		return ms[0]
	}
	first, rest := ms[0], sequence(ms[1:])
	return func(st *state, at int, next func(int) bool) bool {
		return first(st, at, func(mid int) bool { return rest(st, mid, next) })
	}
}

func either(ms []matcher) matcher {
	if len(ms) == 1 {
		return ms[0]
	}
	return func(st *state, at int, next func(int) bool) bool {
		for _, m := range ms {
			if m(st, at, next) {
				return true
			}
		}
		return false
	}
}

// one matches a single character.
func one(is func(r rune) bool) matcher {
	return func(st *state, at int, next func(int) bool) bool {
		return !st.spent() && at < len(st.text) && is(st.text[at]) && next(at+1)
	}
}

// repeat matches between least and most times; most below zero is no bound.
func repeat(m matcher, least, most int, lazy bool) matcher {
	var loop func(st *state, at, count, last int, next func(int) bool) bool
	loop = func(st *state, at, count, last int, next func(int) bool) bool {
		if st.spent() {
			return false
		}
		more := func() bool {
			if most >= 0 && count >= most || count >= least && at == last {
				return false
			}
			return m(st, at, func(mid int) bool { return loop(st, mid, count+1, at, next) })
		}
		if count < least {
			return more()
		}
		if lazy {
			return next(at) || more()
		}
		return more() || next(at)
	}
	return func(st *state, at int, next func(int) bool) bool { return loop(st, at, 0, -1, next) }
}

func capture(m matcher, n int) matcher {
	return func(st *state, at int, next func(int) bool) bool {
		old := st.caps[n]
		if m(st, at, func(end int) bool {
			inner := st.caps[n]
			st.caps[n] = [2]int{at, end}
			if next(end) {
				return true
			}
			st.caps[n] = inner
			return false
		}) {
			return true
		}
		st.caps[n] = old
		return false
	}
}

func backReference(n int) matcher {
	return func(st *state, at int, next func(int) bool) bool {
		c := st.caps[n]
		if c[0] < 0 || at+c[1]-c[0] > len(st.text) {
			return false
		}
		for i := c[0]; i < c[1]; i++ {
			if st.text[i] != st.text[at+i-c[0]] {
				return false
			}
		}
		return next(at + c[1] - c[0])
	}
}

// look matches ahead or behind without moving on.
func look(m matcher, behind, negative bool) matcher {
	return func(st *state, at int, next func(int) bool) bool {
		found := false
		if behind {
			for start := at; start >= 0 && !found; start-- {
				found = m(st, start, func(end int) bool { return end == at })
			}
		} else {
			found = m(st, at, func(int) bool { return true })
		}
		return found != negative && st.steps <= maxSteps && next(at)
	}
}
