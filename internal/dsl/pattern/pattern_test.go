package pattern

import (
	"regexp"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		expr, text string
		want       bool
	}{
		{`^(?=.*[A-Z])(?=.*\d).{8,}$`, "Password1", true}, {`^(?=.*[A-Z])(?=.*\d).{8,}$`, "password1", false},
		{`(?!admin)\w+`, "user", true}, {`(?!admin)\w+`, "administrator", false}, {`(a+)b\1`, "aabaa", true}, {`(a+)b\1$`, "aaba", false},
		{`(?P<q>['"]).*?(?P=q)\Z`, `"x"`, true}, {`\w+(?<!x)\Z`, "abx", false}, {`\w+(?<!x)\Z`, "abc", true}, {`(?<=a)b`, "b", false},
		{`a{2,3}\Z`, "aaa", true}, {`a{2,3}\Z`, "aaaa", false}, {`a{,2}\Z`, "aa", true}, {`[^\W\d_]+\Z`, "abc", true}, {`[\w.-]+\Z`, "a.b-c", true},
		{`(?i)(?=H)hello\Z`, "HELLO", true}, {`x|(?=y)yz`, "yz", true}, {`(?:ab)*?(?=c)c`, "ababc", true}, {`\bfoo\b(?!\.)`, "foo bar", true},
		{`[]a]+\Z`, "]a", true}, {`\x41\u0042(?=)`, "AB", true}, {`^a$(?!x)`, "a\n", true}, {`(a*)*(?=b)`, "aaab", true},
	}
	for _, tt := range tests {
		p, err := Compile(tt.expr)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		if got, err := p.Match(tt.text); err != nil || got != tt.want {
			t.Errorf("%s on %q: %v %v", tt.expr, tt.text, got, err)
		}
	}
}

func TestWrongPatterns(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{"[", "(", ")", "*a", "a**", "(?=a", "(?<a>b)(?=", `\`, `(?=x)\q`, "(?P=x)", `(?=)\2`, "[b-a](?=x)", strings.Repeat("(?=", 1000)} {
		if _, err := Compile(expr); err == nil {
			t.Errorf("%s accepted", expr)
		}
	}
}

// What would take forever is given up.
func TestBounded(t *testing.T) {
	t.Parallel()
	p, err := Compile(`(?=x?)(a+)+\Z`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Match(strings.Repeat("a", 100) + "b"); err == nil {
		t.Error("no error")
	}
	long, err := Compile(`(?=a)a*\Z`)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := long.Match(strings.Repeat("a", 10000)); !ok || err != nil {
		t.Error(ok, err)
	}
}

// Where Go knows the expression, both matchers agree.
func FuzzAgainstGo(f *testing.F) {
	for _, s := range []string{"a*b|c", "[a-c]+x?", "(a|b){2,3}", "^a.c$", `\d+\w`, "(?i)aB"} {
		f.Add(s, "aabbc1")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		p := &reader{src: []rune(expr), names: map[string]int{}}
		m, err := p.alternatives()
		if err != nil || p.at < len(p.src) {
			return
		}
		slow := &Pattern{slow: m, caps: p.groups + 1}
		got, err := slow.Match(text)
		re, goErr := regexp.Compile("^(?:" + expr + ")")
		if err != nil || goErr != nil || strings.ContainsAny(expr, `\$[?{`) || strings.ContainsAny(text, "\n\u0130\u017f\u212a") {
			return
		}
		if got != re.MatchString(text) {
			t.Errorf("%q on %q: %v", expr, text, got)
		}
	})
}
