// Package plugin knows what a plugin is before anybody installs it: the archives in which plugins are uploaded, their
// versions, and which of several is meant by an import or fits a host (operations, section 6; dsl, section 5.5).
//
// It reads and decides. It never stores anything, never runs Python and never touches the network; what it unpacks goes
// into the directory that its caller names and cleans up. What a user sent wrongly is a fault.InvalidPlugin that says
// what was looked for.
//
// Versions follow PEP 440: Version and Specifiers order and select them as Python's packaging library does.
package plugin

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// Host is the machine on which a plugin is to be installed. Platform is a tag as in wagons, such as linux_x86_64;
// Pythons are the versions of the interpreters it has, such as 3.11.
type Host struct {
	Platform string
	Pythons  []string
}

// ThisHost describes the machine that the program runs on, with the interpreters that the caller found.
func ThisHost(pythons ...string) Host {
	arch := runtime.GOARCH
	switch arch {
	case "amd64":
		arch = "x86_64"
	case "arm64":
		arch = "aarch64"
	}
	switch runtime.GOOS {
	case "windows":
		return Host{Platform: "win_" + runtime.GOARCH, Pythons: pythons}
	default:
		return Host{Platform: runtime.GOOS + "_" + arch, Pythons: pythons}
	}
}

// Supports reports whether a wagon for the platform can be installed on the host: any, every manylinux on a POSIX host
// whatever its architecture, or the host's own platform (operations, section 6.5).
func (h Host) Supports(platform string) bool {
	switch {
	case platform == "" || platform == "any":
		return true
	case strings.HasPrefix(platform, "manylinux"):
		return !strings.HasPrefix(h.Platform, "win")
	}
	return platform == h.Platform
}

// python returns the highest interpreter of the host that the plugin was built for.
func (h Host) python(supported []string) Version {
	var best Version
	for _, tag := range supported {
		want := pythonTag(tag)
		for _, have := range h.Pythons {
			v, err := ParseVersion(have)
			if err == nil && (have == want || strings.HasPrefix(have, want+".")) && best.Compare(v) < 0 {
				best = v
			}
		}
	}
	return best
}

// pythonTag turns py311, py3.11, cp311 and 3.11 into 3.11, and py3 into 3.
func pythonTag(tag string) string {
	tag = strings.TrimPrefix(strings.TrimPrefix(tag, "py"), "cp")
	if len(tag) > 1 && !strings.Contains(tag, ".") {
		return tag[:1] + "." + tag[1:]
	}
	return tag
}

// Best returns the plugin that a host installs out of those that have the wanted package: one that the host supports
// rather than one that it does not, then the highest version, then the one for its highest Python (operations, section
// 6.5). name is the package for the error when there is none.
func Best(h Host, name string, list []*model.Plugin) (*model.Plugin, error) {
	rank := func(a, b *model.Plugin) int {
		if sa, sb := h.Supports(a.SupportedPlatform), h.Supports(b.SupportedPlatform); sa != sb {
			if sa {
				return 1
			}
			return -1
		}
		if c := CompareText(a.PackageVersion, b.PackageVersion); c != 0 {
			return c
		}
		return h.python(a.SupportedPythons).Compare(h.python(b.SupportedPythons))
	}
	if len(list) == 0 {
		system, arch, _ := strings.Cut(h.Platform, "_")
		return nil, fmt.Errorf("No source or managed plugin found for %s [current platform=%s, arch=%s]", name, system, arch)
	}
	return slices.MaxFunc(list, rank), nil
}
