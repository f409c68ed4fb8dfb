// Package builtin holds the built-in types of the language (spec/dsl.md
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

// forRelease gives the file of a released version, section 16.7.
func forRelease(release string) string {
	return "types.yaml"
}
