package plugin

import (
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

func TestChoose(t *testing.T) {
	var list []*model.Plugin
	for _, v := range []string{"1.0", "1.9", "1.10", "2.0rc1", "build-7"} {
		list = append(list, &model.Plugin{ID: model.PluginID(v), PackageName: "p", PackageVersion: v})
	}
	list = append(list, &model.Plugin{ID: "centos", PackageName: "p", PackageVersion: "1.5", Distribution: "centos"})
	for _, c := range []struct {
		imported  string
		overrides Overrides
		want      string
	}{
		{"plugin:p", Overrides{}, "1.10"},
		{"plugin:p?version=>=1.0", Overrides{}, "1.10"},
		{"plugin:p?version=>=1.0,<1.10", Overrides{}, "1.9"},
		{"plugin:p?version=~=1.0&version=!=1.10", Overrides{}, "1.9"},
		{"plugin:p?version=1.9", Overrides{}, "1.9"},
		{"plugin:p?version=build-7", Overrides{}, "build-7"},
		{"plugin:p?version=>=2.0a1", Overrides{}, "2.0rc1"},
		{"plugin:p?distribution=centos", Overrides{}, "centos"},
		{"plugin:p?version=>1&distribution=None", Overrides{}, "1.10"},
		{"plugin:p", Overrides{Constraints: map[string]string{"p": "<1.5"}}, "1.0"},
		{"plugin:p?version=>1.5", Overrides{Constraints: map[string]string{"p": "!=1.10"}}, "1.9"},
		{"plugin:p?version=>5", Overrides{Mappings: map[string]Mapping{"p": {Version: "1.0"}}}, "1.0"},
		{"plugin:p?version=>5", Overrides{}, "error: No matching version was found for plugin p and version(s) >5."},
		{"plugin:p?distribution=suse", Overrides{}, "error: Plugin p (query: distribution=suse) not found"},
		{"plugin:p?version=", Overrides{}, "error: Error parsing spec for plugin p: the version is empty"},
		{"plugin:p?version=>=", Overrides{}, "error: Error parsing spec for plugin p: Invalid specifier: '>='"},
		{"plugin:p?platform=x", Overrides{}, "error: Error parsing spec for plugin p: invalid parameter platform"},
		{"plugin:?version=1", Overrides{}, "error: Error parsing spec for plugin : there is no package name"},
		{"plugin:p?%zz", Overrides{}, "error: Error parsing spec for plugin p"},
		{"plugin:p", Overrides{Constraints: map[string]string{"p": ">"}}, "error: Error parsing spec for plugin p"},
	} {
		var got string
		im, err := ParseImport(c.imported, c.overrides)
		if err == nil {
			var p *model.Plugin
			if p, err = im.Choose(list); err == nil {
				got = string(p.ID)
			}
		}
		if err != nil {
			if got = "error: " + err.Error(); !fault.Is(err, fault.InvalidPlugin) {
				t.Errorf("%s: the code of %v", c.imported, err)
			}
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", c.imported, got, c.want)
		}
	}
	o := Overrides{Mappings: map[string]Mapping{"p": {ImportURL: "http://x/plugin.yaml"}}}
	if got := o.Replace("plugin:p?version=1"); got != "http://x/plugin.yaml" {
		t.Errorf("the mapped import is %s", got)
	}
	if got := o.Replace("plugin:q"); got != "plugin:q" {
		t.Errorf("an import without mapping is %s", got)
	}
	if im, err := ParseImport("plugin:p", Overrides{}); err != nil {
		t.Error(err)
	} else if _, err := im.Choose(nil); err == nil || err.Error() != "Plugin p not found" {
		t.Errorf("no plugin: %v", err)
	}
}

func TestLocalVersion(t *testing.T) {
	im, err := ParseImport("plugin:p?version=1.0+build.5", Overrides{})
	if err != nil || !im.Versions.Match("1.0+build.5") || im.Versions.Match("1.0") {
		t.Errorf("%v, %v", im.Versions, err)
	}
}

func TestChooseYAML(t *testing.T) {
	for _, c := range []struct {
		names, version, want string
	}{
		{"whatever.yaml", "1_3", "whatever.yaml"},
		{"plugin_1_4.yaml plugin_1_5.yaml", "1_4", "plugin_1_4.yaml"},
		{"v2_plugin.yaml plugin.yaml plugin_1_5.yaml", "1_5", "plugin_1_5.yaml"},
		{"v2_plugin.yaml plugin.yaml plugin_1_5.yaml", "1_3", "plugin.yaml"},
		{"plugin_1_4.yaml plugin_1_5.yaml", "", "plugin_1_5.yaml"},
		{"plugin_1_4.yaml plugin_1_5.yaml", "1_3", "error"},
		{"a_1_4.yaml b_1_4.yaml", "1_4", "error"},
		{"", "1_4", "error"},
	} {
		got, err := ChooseYAML(strings.Fields(c.names), c.version)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s for %s: %s, want %s", c.names, c.version, got, c.want)
		}
	}
}

func TestBest(t *testing.T) {
	h := Host{Platform: "linux_x86_64", Pythons: []string{"3.11", "3.9.2"}}
	for platform, want := range map[string]bool{"": true, "any": true, "manylinux2014_aarch64": true, "linux_x86_64": true,
		"linux_aarch64": false, "win_amd64": false} {
		if h.Supports(platform) != want {
			t.Errorf("%s is supported: %v", platform, !want)
		}
	}
	windows := Host{Platform: "win_amd64"}
	if windows.Supports("manylinux1_x86_64") || !windows.Supports("win_amd64") {
		t.Error("what a Windows host supports")
	}
	list := []*model.Plugin{
		{ID: "windows", PackageVersion: "9.0", SupportedPlatform: "win_amd64"},
		{ID: "old", PackageVersion: "1.9", SupportedPlatform: "any"},
		{ID: "py39", PackageVersion: "1.10", SupportedPlatform: "any", SupportedPythons: []string{"py39"}},
		{ID: "py311", PackageVersion: "1.10", SupportedPlatform: "any", SupportedPythons: []string{"3.6", "cp311"}},
		{ID: "py312", PackageVersion: "1.10", SupportedPlatform: "any", SupportedPythons: []string{"py3.12"}},
	}
	if p, err := Best(h, "p", list); err != nil || p.ID != "py311" {
		t.Errorf("the best is %v, %v", p, err)
	}
	want := "No source or managed plugin found for p [current platform=linux, arch=x86_64]"
	if _, err := Best(h, "p", nil); err == nil || err.Error() != want {
		t.Errorf("no plugin: %v", err)
	}
	if here := ThisHost("3.11"); here.Platform == "" || here.Pythons[0] != "3.11" {
		t.Errorf("this host: %+v", here)
	}
}

func TestPlan(t *testing.T) {
	list, err := Plan([]byte(`{"deployment_plugins_to_install": [{"package_name": "a", "package_version": 1.0, "install": true, "source": null}],
		"workflow_plugins_to_install": [{"package_name": null, "install": false}],
		"host_agent_plugins_to_install": [{"package_name": "b", "install": true, "source": "b-dir"}]}`))
	if err != nil || len(list) != 2 || list[0].PackageVersion != "1.0" || !list[0].IsInstalled || list[1].IsInstalled {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := Plan(nil); err != nil || list != nil {
		t.Errorf("no plan: %v, %v", list, err)
	}
}
