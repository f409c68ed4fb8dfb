// Package builtin holds the built-in types of the language (dsl,
// section 16), embedded: the current file, those of older DSL versions, and
// those of older releases that blueprints import by URL.
//
// It never reads the network. The texts are our own.
package builtin

import (
	"embed"
	"strings"
)

//go:embed files/*.yaml
var files embed.FS

// resourceFiles are the files beside the manager's resources, by name.
var resourceFiles = map[string]string{
	"types.yaml": "types.yaml", "types_1_3.yaml": "types_1_3.yaml", "types_1_4.yaml": "types_1_4.yaml",
}

// Find gives the embedded file that stands for an import URL:
// resource:cloudify/types/<file>, or http(s)://…/spec/cloudify/<release>/types.yaml.
func Find(url string) (string, bool) {
	if name, ok := strings.CutPrefix(url, "resource:cloudify/types/"); ok {
		f, ok := resourceFiles[name]
		return f, ok
	}
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return "", false
	}
	i := strings.Index(url, "/spec/cloudify/")
	if i < 0 || !strings.HasSuffix(url, "/types.yaml") {
		return "", false
	}
	release := strings.TrimSuffix(url[i+len("/spec/cloudify/"):], "/types.yaml")
	return forRelease(release), !strings.Contains(release, "/")
}

// Text gives the content of an embedded file, nil when there is none.
func Text(file string) []byte {
	b, err := files.ReadFile("files/" + file)
	if err != nil {
		return nil
	}
	return b
}

// Names gives the import names under which the current files are known.
func Names() []string {
	return []string{"cloudify/types/types.yaml"}
}

// releases are the versions whose file differs from the one before, ascending.
var releases = []struct {
	numbers [3]int
	file    string
}{
	{[3]int{3, 1, 0}, "release_3_1.yaml"}, {[3]int{3, 2, 0}, "release_3_2.yaml"}, {[3]int{3, 3, 0}, "release_3_3.yaml"},
	{[3]int{3, 4, 0}, "release_3_4.yaml"}, {[3]int{4, 0, 0}, "release_4_0.yaml"}, {[3]int{4, 3, 0}, "release_4_3.yaml"},
	{[3]int{4, 5, 0}, "release_4_5_5.yaml"}, {[3]int{5, 0, 0}, "release_5_0_5.yaml"}, {[3]int{5, 2, 0}, "release_5_2_0.yaml"},
	{[3]int{6, 2, 0}, "release_6_2_0.yaml"}, {[3]int{6, 3, 0}, "release_6_3_0.yaml"}, {[3]int{6, 4, 0}, "release_6_4_0.yaml"},
	{[3]int{7, 0, 0}, "release_7_0_0.yaml"}, {[3]int{7, 1, 0}, "types.yaml"},
}

// forRelease gives the file of a released version: that of the newest release
// which is not newer, section 16.7. Suffixes such as m5, rc1 or .dev1 are
// ignored; "master" and the like are the current file.
func forRelease(release string) string {
	v, ok := numbers(release)
	if !ok {
		return "types.yaml"
	}
	file := releases[0].file
	for _, r := range releases {
		if !less(v, r.numbers) {
			file = r.file
		}
	}
	return file
}

// numbers reads the leading numbers of a release: 4.5.5, 3.4rc1, 7.1.0.dev1.
func numbers(release string) ([3]int, bool) {
	var v [3]int
	for i, part := range strings.SplitN(release, ".", 3) {
		n := 0
		digits := 0
		for digits < len(part) && part[digits] >= '0' && part[digits] <= '9' && n < 1000 {
			n = 10*n + int(part[digits]-'0')
			digits++
		}
		if digits == 0 {
			return v, i > 0
		}
		v[i] = n
		if digits < len(part) {
			break
		}
	}
	return v, true
}

func less(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
