package sqlite

import (
	"fmt"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

var plugins = &noun{
	name:  "plugins",
	table: "plugins",
	order: []string{"t.seq"},
	fields: resourceFields(map[string]field{
		"id":                    {expr: "t.id", lookup: true},
		"title":                 {expr: "t.title"},
		"package_name":          {expr: "t.package_name", lookup: true},
		"package_version":       {expr: "t.package_version"},
		"package_source":        {expr: "t.package_source"},
		"archive_name":          {expr: "t.archive_name"},
		"supported_platform":    {expr: "t.platform"},
		"supported_py_versions": {expr: "t.pythons", nullable: true},
		"distribution":          {expr: "t.distribution"},
		"distribution_version":  {expr: "t.distribution_version"},
		"distribution_release":  {expr: "t.distribution_release"},
		"uploaded_at":           {expr: "t.created_at", kind: asInstant},
		"wheels":                {expr: "t.wheels", nullable: true},
		"excluded_wheels":       {expr: "t.excluded_wheels", nullable: true},
		"blueprint_labels":      {expr: "t.blueprint_labels", nullable: true},
		"labels":                {expr: "t.labels", nullable: true},
		"resource_tags":         {expr: "t.resource_tags", nullable: true},
	}),
}

const pluginColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.title, t.package_name, t.package_version, " +
	"t.package_source, t.archive_name, t.platform, t.distribution, t.distribution_version, t.distribution_release, t.pythons, " +
	"t.wheels, t.excluded_wheels, t.blueprint_labels, t.labels, t.resource_tags, t.yamls, t.installations"

func scanPlugin(r *row) *model.Plugin {
	p := &model.Plugin{
		Resource: r.resource(), ID: model.PluginID(r.text()), Title: r.text(), PackageName: r.text(), PackageVersion: r.text(),
		PackageSource: r.text(), ArchiveName: r.text(), SupportedPlatform: r.text(), Distribution: r.text(),
		DistributionVersion: r.text(), DistributionRelease: r.text(),
	}
	for _, into := range []any{&p.SupportedPythons, &p.Wheels, &p.ExcludedWheels, &p.BlueprintLabels, &p.Labels, &p.ResourceTags,
		&p.YAMLs, &p.Installations} {
		r.document(into)
	}
	return p
}

func pluginValues(p *model.Plugin) *values {
	v := &values{}
	v.resource(p.Resource)
	v.text(string(p.ID), p.Title, p.PackageName, p.PackageVersion, p.PackageSource, p.ArchiveName, p.SupportedPlatform,
		p.Distribution, p.DistributionVersion, p.DistributionRelease)
	v.document(p.SupportedPythons != nil, p.SupportedPythons)
	v.document(p.Wheels != nil, p.Wheels)
	v.document(p.ExcludedWheels != nil, p.ExcludedWheels)
	v.document(p.BlueprintLabels != nil, p.BlueprintLabels)
	v.document(p.Labels != nil, p.Labels)
	v.document(p.ResourceTags != nil, p.ResourceTags)
	v.document(p.YAMLs != nil, p.YAMLs)
	v.document(p.Installations != nil, p.Installations)
	return v
}

func (r *reader) Plugin(t model.TenantName, id model.PluginID) (*model.Plugin, error) {
	return get(r, "Plugin", string(id), "SELECT "+pluginColumns+" FROM plugins t"+visibleIn, scanPlugin,
		string(id), string(t), string(t))
}

func (r *reader) Plugins(q store.Query) (store.Page[*model.Plugin], error) {
	return list(r, plugins, q, view{columns: pluginColumns}, scanPlugin)
}

// freePlugin refuses a plugin that another tenant has, when one of the two is global.
func (t *tx) freePlugin(p *model.Plugin) error {
	if err := t.free("plugins", "Plugin", string(p.ID), p.Resource); err != nil {
		return err
	}
	taken, err := t.c.one(t.ctx, "SELECT 1 FROM plugins WHERE package_name = ? AND tenant <> ? AND (visibility = 'global' OR ?) "+
		"AND (archive_name = ? OR package_version = ? AND distribution = ? AND distribution_version = ? AND distribution_release = ?)",
		func(*row) {}, p.PackageName, string(p.Tenant), flag(p.Visibility == model.VisibilityGlobal), p.ArchiveName,
		p.PackageVersion, p.Distribution, p.DistributionVersion, p.DistributionRelease)
	if err != nil {
		return fmt.Errorf("look for plugin %s: %w", p.PackageName, err)
	}
	if taken {
		return inUse("Plugin", string(p.ID), p.Tenant)
	}
	return nil
}

func (t *tx) InsertPlugin(p *model.Plugin) error {
	if err := t.freePlugin(p); err != nil {
		return err
	}
	_, err := t.write("INSERT INTO plugins (tenant, created_by, created_at, visibility, id, title, package_name, package_version, "+
		"package_source, archive_name, platform, distribution, distribution_version, distribution_release, pythons, wheels, "+
		"excluded_wheels, blueprint_labels, labels, resource_tags, yamls, installations) VALUES ("+placeholders(22)+")",
		pluginValues(p))
	return inserted(err, "Plugin", string(p.ID), p.Tenant, "", "")
}

func (t *tx) UpdatePlugin(p *model.Plugin) error {
	if err := t.freePlugin(p); err != nil {
		return err
	}
	n, err := t.write("UPDATE plugins SET created_by = ?2, created_at = ?3, visibility = ?4, title = ?6, package_name = ?7, "+
		"package_version = ?8, package_source = ?9, archive_name = ?10, platform = ?11, distribution = ?12, "+
		"distribution_version = ?13, distribution_release = ?14, pythons = ?15, wheels = ?16, excluded_wheels = ?17, "+
		"blueprint_labels = ?18, labels = ?19, resource_tags = ?20, yamls = ?21, installations = ?22 "+
		"WHERE tenant = ?1 AND id = ?5", pluginValues(p))
	return mustChange(n, err, "Plugin", string(p.ID))
}

func (t *tx) DeletePlugin(tenant model.TenantName, id model.PluginID) error {
	n, err := t.c.exec(t.ctx, "DELETE FROM plugins WHERE tenant = ? AND id = ?", string(tenant), string(id))
	return mustChange(n, err, "Plugin", string(id))
}

var pluginsUpdates = &noun{
	name:  "plugins updates",
	table: "plugins_updates",
	order: []string{"t.created_at", "t.seq"},
	fields: resourceFields(map[string]field{
		"id":                {expr: "t.id", lookup: true},
		"created_at":        {expr: "t.created_at", kind: asInstant},
		"state":             {expr: "t.state"},
		"blueprint_id":      {expr: "t.blueprint", lookup: true},
		"temp_blueprint_id": {expr: "t.temp_blueprint"},
		"execution_id":      {expr: "t.execution"},
		"forced":            {expr: "t.forced", kind: asFlag},
	}),
}

const pluginsUpdateColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.state, t.blueprint, t.temp_blueprint, " +
	"t.execution, t.forced, t.deployments"

func scanPluginsUpdate(r *row) *model.PluginsUpdate {
	u := &model.PluginsUpdate{
		Resource: r.resource(), ID: model.PluginsUpdateID(r.text()), State: model.PluginsUpdateState(r.text()),
		Blueprint: model.BlueprintID(r.text()), TempBlueprint: model.BlueprintID(r.text()),
		Execution: model.ExecutionID(r.text()), Forced: r.flag(),
	}
	r.document(&u.Deployments)
	return u
}

func scanHeavyPluginsUpdate(r *row) *model.PluginsUpdate {
	u := scanPluginsUpdate(r)
	u.Plan = r.raw()
	return u
}

func pluginsUpdateValues(u *model.PluginsUpdate) *values {
	v := &values{}
	v.resource(u.Resource)
	v.text(string(u.ID), string(u.State), string(u.Blueprint), string(u.TempBlueprint), string(u.Execution))
	v.flag(u.Forced)
	v.document(u.Deployments != nil, u.Deployments)
	v.raw(u.Plan)
	return v
}

func (r *reader) PluginsUpdate(t model.TenantName, id model.PluginsUpdateID) (*model.PluginsUpdate, error) {
	return get(r, "PluginsUpdate", string(id), "SELECT "+pluginsUpdateColumns+", t.plan FROM plugins_updates t"+visibleIn,
		scanHeavyPluginsUpdate, string(id), string(t), string(t))
}

func (r *reader) PluginsUpdates(q store.Query) (store.Page[*model.PluginsUpdate], error) {
	return list(r, pluginsUpdates, q, view{columns: pluginsUpdateColumns}, scanPluginsUpdate)
}

func (t *tx) InsertPluginsUpdate(u *model.PluginsUpdate) error {
	_, err := t.write("INSERT INTO plugins_updates (tenant, created_by, created_at, visibility, id, state, blueprint, "+
		"temp_blueprint, execution, forced, deployments, plan) VALUES ("+placeholders(12)+")", pluginsUpdateValues(u))
	return inserted(err, "PluginsUpdate", string(u.ID), u.Tenant, "", "")
}

func (t *tx) UpdatePluginsUpdate(u *model.PluginsUpdate) error {
	n, err := t.write("UPDATE plugins_updates SET created_by = ?2, created_at = ?3, visibility = ?4, state = ?6, blueprint = ?7, "+
		"temp_blueprint = ?8, execution = ?9, forced = ?10, deployments = ?11, plan = ?12 WHERE tenant = ?1 AND id = ?5",
		pluginsUpdateValues(u))
	return mustChange(n, err, "PluginsUpdate", string(u.ID))
}

func (t *tx) DeletePluginsUpdates(tenant model.TenantName, b model.BlueprintID) error {
	_, err := t.c.exec(t.ctx, "DELETE FROM plugins_updates WHERE tenant = ? AND blueprint = ?", string(tenant), string(b))
	return err
}
