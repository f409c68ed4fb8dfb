package plugin

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Specifiers is a set of conditions on versions by PEP 440, all of which must hold. The empty set holds for every version
// that is not a pre-release.
type Specifiers []Specifier

// Specifier is one condition such as >=1.2 or ==1.*.
type Specifier struct {
	operator string
	text     string
	version  Version
	// isPrefix marks .* after the version.
	isPrefix bool
}

var (
	specifierPattern = regexp.MustCompile(`^\s*(===|~=|==|!=|<=|>=|<|>)\s*(\S+)\s*$`)
	prefixPattern    = regexp.MustCompile(`^` + releasePattern + prePattern + postPattern + `$`)
)

// ParseSpecifiers reads conditions separated by commas, such as ">=1.2, <2".
func ParseSpecifiers(text string) (Specifiers, error) {
	if len(text) > maxVersion {
		return nil, fmt.Errorf("the version specifier %.40q… is longer than %d characters", text, maxVersion)
	}
	var out Specifiers
	for part := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		s, err := parseSpecifier(part)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func parseSpecifier(text string) (Specifier, error) {
	bad := func(why string) (Specifier, error) {
		return Specifier{}, fmt.Errorf("Invalid specifier: '%s': %s", strings.TrimSpace(text), why)
	}
	m := specifierPattern.FindStringSubmatch(text)
	if m == nil {
		return bad("write an operator (==, !=, ~=, <, <=, >, >=, ===) and a version")
	}
	s := Specifier{operator: m[1], text: m[2]}
	if s.operator == "===" {
		return s, nil
	}
	version := s.text
	if before, ok := strings.CutSuffix(version, ".*"); ok {
		if s.operator != "==" && s.operator != "!=" {
			return bad("only == and != take a version that ends in .*")
		}
		if !prefixPattern.MatchString(strings.ToLower(before)) {
			return bad("nothing but a release, pre-release or post-release may stand before .*")
		}
		version, s.isPrefix = before, true
	}
	var err error
	if s.version, err = ParseVersion(version); err != nil {
		return bad(err.Error())
	}
	switch {
	case len(s.version.local) > 0 && s.operator != "==" && s.operator != "!=":
		return bad("a local version can only be compared with == or !=")
	case s.operator == "~=" && len(s.version.release) < 2:
		return bad("~= needs a version of at least two numbers")
	}
	return s, nil
}

// String writes the conditions as they were given.
func (s Specifiers) String() string {
	parts := make([]string, len(s))
	for i, one := range s {
		parts[i] = one.operator + one.text
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// Match reports whether all conditions hold for a version, given as text. Pre-releases match only when one of the
// conditions names a pre-release itself; what is not a version matches only ===.
func (s Specifiers) Match(text string) bool {
	v, err := ParseVersion(text)
	if err != nil {
		exact := func(one Specifier) bool { return one.operator == "===" && strings.EqualFold(one.text, text) }
		return len(s) > 0 && !slices.ContainsFunc(s, func(one Specifier) bool { return !exact(one) })
	}
	if v.IsPrerelease() && !slices.ContainsFunc(s, Specifier.namesPrerelease) {
		return false
	}
	return !slices.ContainsFunc(s, func(one Specifier) bool { return !one.match(v, text) })
}

// namesPrerelease reports whether the condition asks for a pre-release by naming one.
func (s Specifier) namesPrerelease() bool {
	switch s.operator {
	case "===":
		v, err := ParseVersion(s.text)
		return err == nil && v.IsPrerelease()
	case "==", ">=", "<=", "~=":
		return s.version.IsPrerelease()
	}
	return false
}

func (s Specifier) match(v Version, text string) bool {
	public := v
	public.local = nil
	switch s.operator {
	case "===":
		return strings.EqualFold(strings.TrimSpace(text), s.text) || strings.EqualFold(v.String(), s.text)
	case "==":
		return s.equal(v)
	case "!=":
		return !s.equal(v)
	case "<=":
		return public.Compare(s.version) <= 0
	case ">=":
		return public.Compare(s.version) >= 0
	case "~=":
		prefix := Version{epoch: s.version.epoch, release: s.version.release[:len(s.version.release)-1]}
		return public.Compare(s.version) >= 0 && v.begins(prefix)
	case "<":
		sameBase := v.IsPrerelease() && !s.version.IsPrerelease() && v.base().Compare(s.version.base()) == 0
		return v.Compare(s.version) < 0 && !sameBase
	}
	return v.Compare(s.version) > 0 && public.Compare(s.version) != 0 && !(v.hasPost && !s.version.hasPost && v.final().Compare(s.version) == 0)
}

func (s Specifier) equal(v Version) bool {
	if s.isPrefix {
		return v.begins(s.version)
	}
	if len(s.version.local) == 0 {
		v.local = nil
	}
	return v.Compare(s.version) == 0
}

// base is the version without pre-release, post-release, development and local parts.
func (v Version) base() Version { return Version{epoch: v.epoch, release: v.release} }

// final is the version of which v is a post-release.
func (v Version) final() Version {
	v.hasPost, v.hasDev, v.post, v.dev, v.local = false, false, "", "", nil
	return v
}

// begins reports whether the version begins with the parts of another; missing numbers of its release are 0.
func (v Version) begins(prefix Version) bool {
	padded := v
	padded.local = nil
	padded.release = slices.Clone(v.release)
	for len(padded.release) < len(prefix.release) {
		padded.release = append(padded.release, "0")
	}
	have, want := padded.parts(), prefix.parts()
	return len(have) >= len(want) && slices.Equal(have[:len(want)], want)
}

// parts are the parts of a public version in their order.
func (v Version) parts() []string {
	out := []string{string(v.epoch) + "!"}
	for _, n := range v.release {
		out = append(out, string(n))
	}
	if v.hasPre {
		out = append(out, v.preKind+string(v.pre))
	}
	if v.hasPost {
		out = append(out, "post"+string(v.post))
	}
	if v.hasDev {
		out = append(out, "dev"+string(v.dev))
	}
	return out
}
