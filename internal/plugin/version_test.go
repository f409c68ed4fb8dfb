package plugin

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// ascending are versions in their order.
var ascending = []string{
	"1.0.dev456", "1.0a1", "1.0a2.dev456", "1.0a12.dev456", "1.0a12", "1.0b1.dev456", "1.0b2", "1.0b2.post345.dev456",
	"1.0b2.post345", "1.0rc1.dev456", "1.0rc1", "1.0", "1.0+abc.5", "1.0+abc.7", "1.0+5", "1.0.post456.dev34", "1.0.post456",
	"1.0.15", "1.1.dev1", "1.9", "1.10", "3!0.1", "11!0", "20!0",
}

func TestOrder(t *testing.T) {
	for i, a := range ascending {
		for j, b := range ascending {
			if got := CompareText(a, b); sign(got) != sign(i-j) {
				t.Errorf("compare %s with %s: %d", a, b, got)
			}
		}
	}
	if CompareText("nonsense", "0.dev0") >= 0 || CompareText("a", "b") >= 0 {
		t.Error("what is no version is not lower than versions")
	}
}

func sign(n int) int { return min(max(n, -1), 1) }

func TestNormalForm(t *testing.T) {
	for text, want := range map[string]string{
		"v1.0": "1.0", " 1.0 ": "1.0", "1.0-1": "1.0.post1", "1.0ALPHA": "1.0a0", "1.0-c-01": "1.0rc1", "01.002": "1.2",
		"1.0.post": "1.0.post0", "1.0rev2": "1.0.post2", "0!1": "1", "1.0dev": "1.0.dev0", "1+Ubuntu-01": "1+ubuntu.1",
		"1.0.preview3_dev4": "1.0rc3.dev4",
	} {
		v, err := ParseVersion(text)
		if err != nil || v.String() != want {
			t.Errorf("%q is %q, %v; want %q", text, v, err, want)
		}
	}
	for _, text := range []string{"", "x", "1.", "1..2", "1.0+", "1.0+a b", "==1", "1.0.*", "latest", strings.Repeat("1", 2000)} {
		if v, err := ParseVersion(text); err == nil {
			t.Errorf("%q was read as %s", text, v)
		}
	}
}

// TestSpecifiers replays testdata/specifiers.txt: what the packaging library of Python says to versions and conditions.
func TestSpecifiers(t *testing.T) {
	f, err := os.Open("testdata/specifiers.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, matching, ok := strings.Cut(lines.Text(), "\t")
		if !ok {
			continue
		}
		n++
		s, err := ParseSpecifiers(text)
		if matching == "invalid" {
			if err == nil {
				t.Errorf("%q was read", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		want := strings.Fields(matching)
		for _, v := range append(slices.Clone(ascending), "1", "1.0.0", "1.1", "2.0", "2.0rc1", "1.0.1+local", "2!1.0") {
			if got := s.Match(v); got != slices.Contains(want, v) {
				t.Errorf("%q matches %s: %v", text, v, got)
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d conditions were checked", n)
	}
}

func TestWhatIsNoVersion(t *testing.T) {
	for text, want := range map[string]bool{"===my-build": true, "==1.0": false, "": false, "===my-build,===other": false} {
		s, err := ParseSpecifiers(text)
		if err != nil || s.Match("My-Build") != want {
			t.Errorf("%q matches my-build: %v, %v", text, !want, err)
		}
	}
}

// drawVersion makes any version in any of its spellings.
func drawVersion(t *rapid.T, label string) string {
	return rapid.StringMatching(`v?([0-9]{1,2}!)?[0-9]{1,20}(\.[0-9]{1,3}){0,3}([-_.]?(a|alpha|b|rc|c|pre)[-_.]?[0-9]{0,2})?`+
		`([-_.]?(post|rev|r)[0-9]{0,2}|-[0-9]{1,2})?([-_.]?dev[0-9]{0,2})?(\+[a-z0-9]{1,3}([-_.][a-z0-9]{1,3}){0,2})?`).Draw(t, label)
}

func TestVersionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var vs [3]Version
		for i, label := range []string{"a", "b", "c"} {
			text := drawVersion(t, label)
			v, err := ParseVersion(text)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			again, err := ParseVersion(v.String())
			if err != nil || again.String() != v.String() || again.Compare(v) != 0 {
				t.Fatalf("%q is written as %q, which is read as %q, %v", text, v, again, err)
			}
			vs[i] = v
		}
		a, b, c := vs[0], vs[1], vs[2]
		if sign(a.Compare(b)) != -sign(b.Compare(a)) {
			t.Fatalf("%s and %s are not ordered the same both ways", a, b)
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("%s <= %s <= %s, but the first is higher than the last", a, b, c)
		}
		s, err := ParseSpecifiers("==" + a.String())
		if err != nil || !s.Match(a.String()) {
			t.Fatalf("%s does not match itself: %v", a, err)
		}
		other, err := ParseSpecifiers("!=" + a.String() + ",===" + a.String())
		if err != nil || other.Match(a.String()) {
			t.Fatalf("%s differs from itself: %v", a, err)
		}
	})
}

func FuzzSpecifiers(f *testing.F) {
	for _, seed := range []string{"~=1.2", "==1.*,!=1.3", "===x", ">1!0.dev0+a", ",,", "<v1-1"} {
		f.Add(seed, "1.0rc1")
	}
	f.Fuzz(func(t *testing.T, text, version string) {
		s, err := ParseSpecifiers(text)
		if err != nil {
			return
		}
		again, err := ParseSpecifiers(s.String())
		if err != nil || again.Match(version) != s.Match(version) {
			t.Fatalf("%q is written as %q, %v", text, s, err)
		}
	})
}
