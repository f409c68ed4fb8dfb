package builtin

import (
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"resource:cloudify/types/types.yaml":                             "types.yaml",
		"resource:cloudify/types/types_1_3.yaml":                         "types_1_3.yaml",
		"resource:cloudify/types/types_1_5.yaml":                         "",
		"http://www.getcloudify.org/spec/cloudify/3.1/types.yaml":        "release_3_1.yaml",
		"http://www.getcloudify.org/spec/cloudify/3.4rc1/types.yaml":     "release_3_4.yaml",
		"https://cloudify.co/spec/cloudify/4.5.5/types.yaml":             "release_4_5_5.yaml",
		"https://cloudify.co/spec/cloudify/5.1.1/types.yaml":             "release_5_0_5.yaml",
		"http://www.getcloudify.org/spec/cloudify/7.1.0.dev1/types.yaml": "types.yaml",
		"http://www.getcloudify.org/spec/cloudify/master/types.yaml":     "types.yaml",
		"http://www.getcloudify.org/spec/fabric-plugin/1.0/plugin.yaml":  "",
		"file:/spec/cloudify/3.1/types.yaml":                             "",
	}
	for url, want := range tests {
		got, ok := Find(url)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q %v, want %q", url, got, ok, want)
		}
		if ok && len(Text(got)) == 0 {
			t.Errorf("%s has no text", got)
		}
	}
	for _, r := range releases {
		if !strings.Contains(string(Text(r.file)), "cloudify.nodes.Root") {
			t.Errorf("%s is no types file", r.file)
		}
	}
}
