package blob

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/reifyhq/reify/internal/fault"
)

// maxKey and maxSegment are what common file systems and S3 agree on, in bytes.
const (
	maxKey     = 1024
	maxSegment = 255
)

// CheckKey returns fault.BadParameters, with the reason, for a key that no store takes.
func CheckKey(key string) error {
	bad := func(why string) error {
		return fault.New(fault.BadParameters, "invalid object key %q: %s", key, why)
	}
	switch {
	case key == "":
		return bad("it is empty")
	case len(key) > maxKey:
		return bad(fmt.Sprintf("it is longer than %d bytes", maxKey))
	case !utf8.ValidString(key):
		return bad("it is not UTF-8")
	case strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }):
		return bad("it contains a control character or a backslash")
	}
	for segment := range strings.SplitSeq(key, "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return bad(fmt.Sprintf("%q cannot be a part of it", segment))
		case len(segment) > maxSegment:
			return bad(fmt.Sprintf("a part is longer than %d bytes", maxSegment))
		}
	}
	return nil
}

// Missing is the answer of every store for a key without an object.
func Missing(key string) error {
	return fault.New(fault.NotFound, "there is no object `%s`", key)
}
