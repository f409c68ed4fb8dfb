package imports

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

// Version is a DSL version: major, minor and, rarely, micro.
type Version struct {
	Raw     string
	Numbers []int
}

const versionPrefix = "cloudify_dsl"

// SupportedVersions are the versions that a main file may declare.
var SupportedVersions = []string{"cloudify_dsl_1_0", "cloudify_dsl_1_1", "cloudify_dsl_1_2", "cloudify_dsl_1_3",
	"cloudify_dsl_1_4", "cloudify_dsl_1_5"}

// ParseVersion reads a version name. Codes 71 to 76, section 3.
func ParseVersion(raw string) (Version, *diag.Error) {
	if raw == "" {
		return Version{}, diag.Coded(diag.Logic, 71, "tosca_definitions_version is missing or empty")
	}
	i := strings.LastIndex(raw, versionPrefix)
	if i != 0 || !strings.Contains(raw[len(versionPrefix):], "_") {
		return Version{}, diag.Coded(diag.Logic, 73, fmt.Sprintf("Invalid tosca_definitions_version: '%s', expected a value following this format: '%s_1_0'", raw, versionPrefix))
	}
	v := Version{Raw: raw}
	for k, part := range strings.Split(raw[len(versionPrefix)+1:], "_") {
		n, err := strconv.Atoi(part)
		if err != nil || k > 2 {
			names := [...]string{"major", "minor", "micro", "micro"}
			return Version{}, diag.Coded(diag.Logic, 74+min(k, 2), fmt.Sprintf(
				"Invalid tosca_definitions_version: '%s', %s version is '%s' while expected to be a number", raw, names[min(k, 3)], part))
		}
		v.Numbers = append(v.Numbers, n)
	}
	return v, nil
}

// CheckSupported refuses versions that no main file may declare.
func CheckSupported(raw string) *diag.Error {
	for _, s := range SupportedVersions {
		if s == raw {
			return nil
		}
	}
	e := diag.Coded(diag.Logic, 29, fmt.Sprintf("Unexpected tosca_definitions_version %s; Currently supported versions are: %s",
		raw, value.QuoteList(SupportedVersions)))
	e.Diag = &diag.D{Summary: "Unknown DSL version",
		Detail: fmt.Sprintf("The version %q is not one of %s.", raw, strings.Join(SupportedVersions, ", ")),
		Fix:    diag.DidYouMean(raw, SupportedVersions)}
	return e
}

// Less compares two versions.
func (v Version) Less(w Version) bool {
	for i := 0; i < len(v.Numbers) && i < len(w.Numbers); i++ {
		if v.Numbers[i] != w.Numbers[i] {
			return v.Numbers[i] < w.Numbers[i]
		}
	}
	return len(v.Numbers) < len(w.Numbers)
}

// AtLeast tells whether the version is major.minor or newer.
func (v Version) AtLeast(major, minor int) bool {
	return !v.Less(Version{Numbers: []int{major, minor}})
}

// Suffix gives the version as file names carry it: 1_4.
func (v Version) Suffix() string {
	parts := make([]string, len(v.Numbers))
	for i, n := range v.Numbers {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, "_")
}

// Gate refuses a feature that came with 1.minor, code 102.
func (v Version) Gate(what string, minor int) *diag.Error {
	if v.AtLeast(1, minor) {
		return nil
	}
	e := diag.Coded(diag.Logic, 102, fmt.Sprintf("%s not supported in version %s, it was added in %s_1_%d", what, v.Raw, versionPrefix, minor))
	e.Diag = &diag.D{Summary: "Feature of a newer DSL version",
		Detail: fmt.Sprintf("%s came with %s_1_%d, but the main file declares %s.", what, versionPrefix, minor, v.Raw),
		Fix:    fmt.Sprintf("Set tosca_definitions_version to %s_1_%d or newer.", versionPrefix, minor)}
	return e
}
