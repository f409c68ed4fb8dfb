package plugin

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// Version is a version by PEP 440. The zero Version is lower than all others.
type Version struct {
	epoch   number
	release []number
	// The parts below are given when their has flag is set.
	pre, post, dev          number
	hasPre, hasPost, hasDev bool
	// preKind is a, b or rc.
	preKind string
	local   []string
}

// number is a decimal number of any length without leading zeros.
type number string

func toNumber(digits string) number {
	if trimmed := strings.TrimLeft(digits, "0"); trimmed != "" {
		return number(trimmed)
	}
	return "0"
}

func (n number) compare(o number) int {
	if c := cmp.Compare(len(n), len(o)); c != 0 {
		return c
	}
	return cmp.Compare(n, o)
}

const (
	releasePattern = `v?(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*)`
	prePattern     = `(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?([0-9]+)?)?`
	postPattern    = `(?:-([0-9]+)|[-_.]?(post|rev|r)[-_.]?([0-9]+)?)?`
	devPattern     = `(?:[-_.]?(dev)[-_.]?([0-9]+)?)?`
	localPattern   = `(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?`
)

var versionPattern = regexp.MustCompile(`^` + releasePattern + prePattern + postPattern + devPattern + localPattern + `$`)

// maxVersion bounds the length of what is read as a version or a set of specifiers, in bytes.
const maxVersion = 1024

var preKinds = map[string]string{"alpha": "a", "a": "a", "beta": "b", "b": "b", "preview": "rc", "pre": "rc", "c": "rc", "rc": "rc"}

// ParseVersion reads a version in any of the spellings that PEP 440 allows.
func ParseVersion(text string) (Version, error) {
	clean := strings.ToLower(strings.TrimSpace(text))
	if len(clean) > maxVersion {
		return Version{}, fmt.Errorf("the version %.40q… is longer than %d characters", text, maxVersion)
	}
	m := versionPattern.FindStringSubmatch(clean)
	if m == nil {
		return Version{}, fmt.Errorf("%q is not a version as PEP 440 has them", text)
	}
	v := Version{epoch: toNumber(m[1])}
	for part := range strings.SplitSeq(m[2], ".") {
		v.release = append(v.release, toNumber(part))
	}
	if m[3] != "" {
		v.hasPre, v.preKind, v.pre = true, preKinds[m[3]], toNumber(m[4])
	}
	if m[5] != "" || m[6] != "" {
		v.hasPost, v.post = true, toNumber(m[5]+m[7])
	}
	if m[8] != "" {
		v.hasDev, v.dev = true, toNumber(m[9])
	}
	if m[10] != "" {
		for part := range strings.FieldsFuncSeq(m[10], func(r rune) bool { return strings.ContainsRune("-_.", r) }) {
			if isDigits(part) {
				part = string(toNumber(part))
			}
			v.local = append(v.local, part)
		}
	}
	return v, nil
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// String is the normal form of the version.
func (v Version) String() string {
	if len(v.local) == 0 {
		return v.public()
	}
	return v.public() + "+" + strings.Join(v.local, ".")
}

// public is the version without its local part.
func (v Version) public() string {
	b := &strings.Builder{}
	if v.epoch != "0" {
		fmt.Fprintf(b, "%s!", v.epoch)
	}
	for i, n := range v.release {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(string(n))
	}
	if v.hasPre {
		fmt.Fprintf(b, "%s%s", v.preKind, v.pre)
	}
	if v.hasPost {
		fmt.Fprintf(b, ".post%s", v.post)
	}
	if v.hasDev {
		fmt.Fprintf(b, ".dev%s", v.dev)
	}
	return b.String()
}

// IsPrerelease reports whether the version is a pre-release or a development release.
func (v Version) IsPrerelease() bool { return v.hasPre || v.hasDev }

// Major, and Minor below, are numbers of the release as text; a missing one is 0.
func (v Version) Major() string { return v.nth(0) }

// Minor is the second number of the release.
func (v Version) Minor() string { return v.nth(1) }

func (v Version) nth(i int) string {
	if i < len(v.release) {
		return string(v.release[i])
	}
	return "0"
}

// Compare orders versions: negative when v is lower than o.
func (v Version) Compare(o Version) int {
	if len(v.release) == 0 || len(o.release) == 0 {
		return cmp.Compare(min(len(v.release), 1), min(len(o.release), 1))
	}
	return cmp.Or(
		v.epoch.compare(o.epoch),
		compareReleases(v.release, o.release),
		cmp.Compare(v.preRank(), o.preRank()), v.pre.compare(o.pre),
		compareFlags(v.hasPost, o.hasPost), v.post.compare(o.post),
		-compareFlags(v.hasDev, o.hasDev), v.dev.compare(o.dev),
		compareLocals(v.local, o.local),
	)
}

// preRank orders by kind of pre-release: a development release of the final version is before all, the final version
// itself after all.
func (v Version) preRank() int {
	switch {
	case v.hasPre:
		return map[string]int{"a": 1, "b": 2, "rc": 3}[v.preKind]
	case !v.hasPost && v.hasDev:
		return 0
	}
	return 4
}

func compareFlags(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// compareReleases compares numbers one by one; missing ones are 0.
func compareReleases(a, b []number) int {
	at := func(list []number, i int) number {
		if i < len(list) {
			return list[i]
		}
		return "0"
	}
	for i := range max(len(a), len(b)) {
		if c := at(a, i).compare(at(b, i)); c != 0 {
			return c
		}
	}
	return 0
}

// compareLocals compares local parts: words are lower than numbers, and the longer is the higher when one begins the
// other.
func compareLocals(a, b []string) int {
	for i := range min(len(a), len(b)) {
		c := compareFlags(isDigits(a[i]), isDigits(b[i]))
		if c == 0 && isDigits(a[i]) {
			c = number(a[i]).compare(number(b[i]))
		}
		if c = cmp.Or(c, cmp.Compare(a[i], b[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// CompareText orders texts as versions; what is not a version is lower than all that are, and ordered as text.
func CompareText(a, b string) int {
	va, errA := ParseVersion(a)
	vb, errB := ParseVersion(b)
	if errA != nil && errB != nil {
		return cmp.Compare(a, b)
	}
	return va.Compare(vb)
}
