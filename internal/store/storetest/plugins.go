package storetest

import (
	"encoding/json"
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func plugin(t model.TenantName, id, version string) *model.Plugin {
	return &model.Plugin{Resource: resource(t, 1), ID: model.PluginID(id), Title: "T", PackageName: "pkg", PackageVersion: version,
		PackageSource: "src", ArchiveName: "pkg-" + version + ".wgn", SupportedPlatform: "any"}
}

func testPlugins(t *testing.T, open Opener) {
	e := newEnv(t, open)
	p := plugin(tenantA, "p1", "1.0")
	p.SupportedPythons, p.Wheels, p.ExcludedWheels = []string{"py311"}, []string{"a.whl"}, []string{}
	p.Distribution, p.DistributionVersion, p.DistributionRelease = "centos", "7", "core"
	p.BlueprintLabels = model.Document{"k": []any{"v", "w"}}
	p.Labels, p.ResourceTags = model.Document{}, model.Document{"n": json.Number("1.0")}
	p.YAMLs = []string{"plugin.yaml"}
	p.Installations = []model.PluginInstallation{{Manager: "m", State: model.PluginError, Error: "why"}, {Agent: "a", State: model.PluginInstalled}}
	e.must(func(tx store.Tx) error { return tx.InsertPlugin(p) })
	get := func(tenant model.TenantName, id model.PluginID) func(store.Reader) (*model.Plugin, error) {
		return func(r store.Reader) (*model.Plugin, error) { return r.Plugin(tenant, id) }
	}
	equal(t, "plugin", read(e, get(tenantA, "p1")), p)
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(tenantB, "p1")(r); return err })

	bare := plugin(tenantA, "p2", "2.0")
	e.must(func(tx store.Tx) error { return tx.InsertPlugin(bare) })
	equal(t, "bare plugin", read(e, get(tenantA, "p2")), bare)
	for name, change := range map[string]func(*model.Plugin){
		"id":                       func(o *model.Plugin) { o.ID, o.PackageName = "p2", "other" },
		"archive name":             func(o *model.Plugin) { o.PackageVersion = "3.0" },
		"version and distribution": func(o *model.Plugin) { o.ArchiveName = "other.wgn" },
	} {
		same := *bare
		same.ID = "p3"
		change(&same)
		t.Log(name)
		e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertPlugin(&same) })
	}
	built := *bare
	built.ID, built.ArchiveName, built.Distribution = "p3", "pkg-2.0-centos.wgn", "centos"
	e.must(func(tx store.Tx) error { return tx.InsertPlugin(&built) })

	ids := func(q store.Query) (ids []model.PluginID) {
		for _, p := range read(e, func(r store.Reader) (store.Page[*model.Plugin], error) { return r.Plugins(q) }).Items {
			ids = append(ids, p.ID)
		}
		return ids
	}
	equal(t, "plugins", ids(everything), []model.PluginID{"p1", "p2", "p3"})
	equal(t, "plugins of a distribution", ids(where("package_name", "pkg", "distribution", "centos")), []model.PluginID{"p1", "p3"})
	search := everything
	search.Search = []store.Search{{Field: "package_name", Text: "PK"}}
	search.Sort = []store.Order{{Field: "package_version", Desc: true}, {Field: "uploaded_at"}}
	equal(t, "found plugins", ids(search), []model.PluginID{"p2", "p3", "p1"})

	other := plugin(tenantB, "p1", "1.0")
	e.must(func(tx store.Tx) error { return tx.InsertPlugin(other) })
	p.Visibility = model.VisibilityGlobal
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.UpdatePlugin(p) })
	bare.Visibility, bare.Title, bare.Installations = model.VisibilityGlobal, "U", p.Installations
	e.must(func(tx store.Tx) error { return tx.UpdatePlugin(bare) })
	equal(t, "global plugin", read(e, get(tenantB, "p2")), bare)
	foreign := plugin(tenantB, "p4", "2.0")
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertPlugin(foreign) })

	e.must(func(tx store.Tx) error { return tx.DeletePlugin(tenantA, "p2") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeletePlugin(tenantA, "p2") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdatePlugin(bare) })
	e.must(func(tx store.Tx) error { return tx.InsertPlugin(foreign) })
}

func testPluginsUpdates(t *testing.T, open Opener) {
	e := newEnv(t, open)
	u := &model.PluginsUpdate{Resource: resource(tenantA, 1), ID: "u1", State: model.PluginsUpdating, Blueprint: "b", TempBlueprint: "temp",
		Execution: "x", Deployments: []model.DeploymentID{"d1", "d2"}, Forced: true, Plan: json.RawMessage(`{"nodes": []}`)}
	e.must(func(tx store.Tx) error { return tx.InsertPluginsUpdate(u) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertPluginsUpdate(u) })
	get := func(r store.Reader) (*model.PluginsUpdate, error) { return r.PluginsUpdate(tenantA, "u1") }
	equal(t, "plugins update", read(e, get), u)
	list := func(q store.Query) []*model.PluginsUpdate {
		return read(e, func(r store.Reader) (store.Page[*model.PluginsUpdate], error) { return r.PluginsUpdates(q) }).Items
	}
	light := *u
	light.Plan = nil
	equal(t, "updates of the blueprint", list(where("blueprint_id", "b", "state", "updating")), []*model.PluginsUpdate{&light})
	equal(t, "updates of another", list(where("blueprint_id", "c")), []*model.PluginsUpdate{})
	ended := &model.PluginsUpdate{Resource: u.Resource, ID: "u1", State: model.PluginsUpdateFailed, Blueprint: "b"}
	e.must(func(tx store.Tx) error { return tx.UpdatePluginsUpdate(ended) })
	equal(t, "ended update", read(e, get), ended)
	e.must(func(tx store.Tx) error { return tx.DeletePluginsUpdates(tenantB, "b") })
	equal(t, "update that stays", read(e, get), ended)
	e.must(func(tx store.Tx) error { return tx.DeletePluginsUpdates(tenantA, "b") })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(r); return err })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdatePluginsUpdate(ended) })
}
