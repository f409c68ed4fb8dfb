package plugin

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

type files map[string]string

func (f files) tarGz(t testing.TB) string {
	t.Helper()
	var buf bytes.Buffer
	zipped := gzip.NewWriter(&buf)
	w := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(f[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f[name])); err != nil {
			t.Fatal(err)
		}
	}
	if w.Close() != nil || zipped.Close() != nil {
		t.Fatal("close the archive")
	}
	return buf.String()
}

func (f files) zip(t testing.TB) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		part, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(f[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

const metadata = `{"archive_name": "p-1.0.wgn", "package_name": "p", "package_version": "1.0", "supported_platform": "linux_x86_64",
	"supported_python_versions": ["py311"], "wheels": ["w.whl"], "build_server_os_properties": {"distribution": "centos"}}`

func wagon(t testing.TB) string {
	return files{"p/package.json": metadata, "p/wheels/w.whl": "wheel"}.tarGz(t)
}

func open(t testing.TB, content string) ([]Package, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "upload")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return Open(context.Background(), file, t.TempDir(), archive.Limits{Files: 100, FileSize: 1 << 20})
}

const labelled = "plugins: {p: {executor: host_agent, package_name: p}}\nblueprint_labels: {a: {values: [b, c]}}\n" +
	"labels: {d: {values: [e]}}\nresource_tags: {f: 1.0}\n"

func TestUploads(t *testing.T) {
	zipped := files{"p/package.json": metadata, "p/wheels/w.whl": "wheel"}.zip(t)
	for name, c := range map[string]struct {
		content string
		files   []string
	}{
		"wagon":           {wagon(t), nil},
		"wagon as zip":    {zipped, nil},
		"wagon alone":     {files{"p.wgn": wagon(t)}.zip(t), nil},
		"bundle":          {files{"p.wgn": wagon(t), "plugin.yaml": labelled, "icon.png": "png", "README": "x", "sub/x.wgn": "x"}.zip(t), []string{"icon.png", "plugin.yaml"}},
		"zip in a bundle": {files{"p.wgn": zipped, "plugin_1_4.yaml": labelled, "plugin_1_5.yaml": labelled}.zip(t), []string{"plugin_1_4.yaml", "plugin_1_5.yaml"}},
		"caravan":         {files{"METADATA": `{"w/p.wgn": "w/plugin.yaml"}`, "w/p.wgn": wagon(t), "w/plugin.yaml": labelled}.tarGz(t), []string{"plugin.yaml"}},
		"caravan below":   {files{"top/METADATA": "p.wgn: [plugin.yaml, v2_plugin.yaml]", "top/p.wgn": wagon(t), "top/plugin.yaml": labelled, "top/v2_plugin.yaml": "{}"}.tarGz(t), []string{"plugin.yaml", "v2_plugin.yaml"}},
	} {
		list, err := open(t, c.content)
		if err != nil || len(list) != 1 {
			t.Errorf("%s: %d plugins, %v", name, len(list), err)
			continue
		}
		p := list[0]
		if p.PackageName != "p" || p.PackageVersion != "1.0" || p.Wagon.Name != "p-1.0.wgn" || p.BuildServer.Distribution != "centos" || p.Wheels[0] != "w.whl" {
			t.Errorf("%s: %+v", name, p)
		}
		var names []string
		for _, f := range append(p.Files, p.Wagon) {
			if _, err := os.Stat(f.Path); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if f != p.Wagon {
				names = append(names, f.Name)
			}
		}
		if diff := cmp.Diff(c.files, names); diff != "" {
			t.Errorf("%s: files (-want +got):\n%s", name, diff)
		}
		if len(p.YAMLs()) == 0 {
			continue
		}
		if diff := cmp.Diff(model.Document{"a": []any{"b", "c"}}, p.BlueprintLabels); diff != "" || len(p.Labels) != 1 ||
			fmt.Sprint(p.ResourceTags["f"]) != "1.0" {
			t.Errorf("%s: labels %v, tags %v\n%s", name, p.Labels, p.ResourceTags, diff)
		}
	}
}

func TestRefusedUploads(t *testing.T) {
	w := wagon(t)
	bundle := func(yaml string) string { return files{"p.wgn": w, "plugin.yaml": yaml}.zip(t) }
	small := func(metadata string) string { return files{"p/package.json": metadata}.tarGz(t) }
	for name, c := range map[string]struct{ content, want string }{
		"text":                 {"no archive", "input can be only a wagon or a zip file."},
		"empty":                {"", "input can be only a wagon or a zip file."},
		"half a wagon":         {w[:len(w)/2], "the archive is damaged"},
		"other archive":        {files{"p/readme": "x"}.tarGz(t), "input can be only a wagon or a zip file."},
		"no wagon":             {files{"plugin.yaml": "{}"}.zip(t), "Archive must include one wgn file"},
		"two wagons":           {files{"a.wgn": w, "b.wgn": w}.zip(t), "Archive must include one wgn file"},
		"no real wagon":        {files{"a.wgn": files{"x": "y"}.tarGz(t)}.zip(t), "a.wgn is not a wagon"},
		"corrupt wagon":        {files{"a.wgn": "x"}.zip(t), "input can be only a wagon or a zip file."},
		"broken yaml":          {bundle("a: [b"), "plugin.yaml of plugin p is not valid YAML"},
		"yaml of a list":       {bundle("[a]"), "must be a mapping"},
		"labels of text":       {bundle("labels: {a: b}"), "label a in labels of plugin.yaml must have a list of values"},
		"labels no mapping":    {bundle("labels: [a]"), "labels of plugin.yaml must be a mapping"},
		"metadata no JSON":     {small("{"), "package.json of the wagon cannot be read"},
		"no package":           {small("{}"), "names no package_name"},
		"name that leaves":     {small(`{"package_name": "p", "archive_name": "../p.wgn"}`), "is not the name of a wagon"},
		"name of a yaml":       {small(`{"package_name": "p", "archive_name": "plugin.yaml"}`), "is not the name of a wagon"},
		"path that leaves":     {files{"../p/package.json": metadata}.tarGz(t), "leaves the archive"},
		"caravan that leaves":  {files{"METADATA": "../x.wgn: a.yaml"}.tarGz(t), "which is no path inside the archive"},
		"caravan that misses":  {files{"METADATA": "x.wgn: a.yaml"}.tarGz(t), "which is not in the archive"},
		"caravan of nothing":   {files{"METADATA": "{}"}.tarGz(t), "must map wagons to their plugin.yaml"},
		"larger than allowed":  {files{"p/package.json": metadata, "p/w": strings.Repeat("x", 2<<20)}.tarGz(t), "larger than the limit"},
		"bundle beyond limits": {files{"p.wgn": w, "big": strings.Repeat("x", 2<<20)}.zip(t), "larger than the limit"},
	} {
		_, err := open(t, c.content)
		if !fault.Is(err, fault.InvalidPlugin) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(wagon(f)))
	f.Add([]byte(files{"p.wgn": wagon(f), "plugin.yaml": labelled}.zip(f)))
	f.Add([]byte(files{"METADATA": "p.wgn: plugin.yaml", "p.wgn": wagon(f), "plugin.yaml": labelled}.tarGz(f)))
	f.Fuzz(func(t *testing.T, content []byte) {
		list, err := open(t, string(content))
		if err == nil && len(list) == 0 {
			t.Error("neither plugins nor an error")
		}
		for _, p := range list {
			if p.PackageName == "" || p.Wagon.Name != filepath.Base(p.Wagon.Name) {
				t.Errorf("%+v", p)
			}
		}
	})
}
