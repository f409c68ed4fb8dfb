package pyhost

import (
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// machine is the architecture as Python calls it.
func machine() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "386":
		return "i686"
	}
	return runtime.GOARCH
}

// platform is the platform tag of this machine.
func platform() string { return runtime.GOOS + "_" + machine() }

// supported reports whether a wagon's platform fits this machine (operations, section 6.5); a platform of manylinux is
// taken without a look at its architecture, as the reference does.
func supported(tag string) bool {
	tag = strings.ToLower(tag)
	switch {
	case tag == "" || tag == "any", tag == platform():
		return true
	case strings.HasPrefix(tag, "manylinux"):
		return runtime.GOOS == "linux"
	}
	return false
}

// speaks reports whether a list of Python versions, in the forms py311, py3.11, 3.11 and py3, holds a version.
func speaks(versions []string, python string) bool {
	want := minor(python)
	return slices.ContainsFunc(versions, func(v string) bool {
		v = strings.TrimPrefix(v, "py")
		return v == want || v == strings.ReplaceAll(want, ".", "") || v == strings.SplitN(want, ".", 2)[0]
	})
}

func pluginQuery(name, version string) string {
	q := url.Values{"package_name": {name}}
	if version != "" {
		q.Set("package_version", version)
	}
	return q.Encode()
}

// newerNumbers compares versions by the numbers between their dots; what is no number counts as less than one.
func newerNumbers(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		m, n := number(x, i), number(y, i)
		if m != n {
			return m > n
		}
	}
	return false
}

func number(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, err := strconv.Atoi(parts[i])
	if err != nil {
		return -1
	}
	return n
}
