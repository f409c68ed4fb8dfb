package sqlite

import (
	"fmt"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// resourceFields are the fields that every tenant-scoped entity has.
func resourceFields(own map[string]field) map[string]field {
	own["tenant_name"] = field{expr: "t.tenant"}
	own["created_by"] = field{expr: "t.created_by"}
	own["visibility"] = field{expr: "t.visibility"}
	return own
}

var blueprints = &noun{
	name:  "blueprints",
	table: "blueprints",
	order: []string{"t.created_at", "t.seq"},
	fields: resourceFields(map[string]field{
		"id":               {expr: "t.id", lookup: true},
		"created_at":       {expr: "t.created_at", kind: asInstant},
		"updated_at":       {expr: "t.updated_at", kind: asInstant, nullable: true},
		"main_file_name":   {expr: "t.main_file"},
		"description":      {expr: "t.description"},
		"state":            {expr: "t.state"},
		"error":            {expr: "t.error"},
		"error_traceback":  {expr: "t.error_traceback"},
		"is_hidden":        {expr: "t.hidden", kind: asFlag},
		"upload_execution": {expr: "t.upload_execution"},
		"labels":           {expr: "t.labels"},
		"plan":             {expr: "t.plan"},
		"requirements":     {expr: "t.requirements"},
	}),
}

const blueprintColumns = "t.tenant, t.created_by, t.created_at, t.visibility, t.id, t.updated_at, t.main_file, " +
	"t.description, t.state, t.error, t.error_traceback, t.labels, t.hidden, t.upload_execution, t.archive"

func scanBlueprint(r *row) *model.Blueprint {
	return &model.Blueprint{
		Resource: r.resource(), ID: model.BlueprintID(r.text()), UpdatedAt: r.instant(), MainFile: r.text(),
		Description: r.text(), State: model.BlueprintState(r.text()), Error: r.text(), ErrorTraceback: r.text(),
		Labels: r.labels(), Hidden: r.flag(), UploadExecution: model.ExecutionID(r.text()), Archive: r.text(),
	}
}

const heavyBlueprintColumns = blueprintColumns + ", t.requirements, t.plan"

func scanHeavyBlueprint(r *row) *model.Blueprint {
	b := scanBlueprint(r)
	b.Requirements, b.Plan = r.raw(), r.raw()
	return b
}

func blueprintValues(b *model.Blueprint) *values {
	v := &values{}
	v.resource(b.Resource)
	v.instant(b.UpdatedAt)
	v.text(b.MainFile, b.Description, string(b.State), b.Error, b.ErrorTraceback)
	v.labels(b.Labels)
	v.flag(b.Hidden)
	v.text(string(b.UploadExecution), b.Archive)
	v.raw(b.Requirements, b.Plan)
	v.text(string(b.ID))
	return v
}

func (r *reader) Blueprint(t model.TenantName, id model.BlueprintID) (*model.Blueprint, error) {
	return get(r, "Blueprint", string(id), "SELECT "+heavyBlueprintColumns+" FROM blueprints t"+visibleIn,
		scanHeavyBlueprint, string(id), string(t), string(t))
}

func (r *reader) Blueprints(q store.Query) (store.Page[*model.Blueprint], error) {
	if q.Light {
		return list(r, blueprints, q, view{columns: blueprintColumns}, scanBlueprint)
	}
	return list(r, blueprints, q, view{columns: heavyBlueprintColumns}, scanHeavyBlueprint)
}

func (t *tx) InsertBlueprint(b *model.Blueprint) error {
	if err := t.free("blueprints", "Blueprint", string(b.ID), b.Resource); err != nil {
		return err
	}
	_, err := t.write("INSERT INTO blueprints (tenant, created_by, created_at, visibility, updated_at, main_file, "+
		"description, state, error, error_traceback, labels, hidden, upload_execution, archive, requirements, plan, id) "+
		"VALUES ("+placeholders(17)+")", blueprintValues(b))
	return inserted(err, "Blueprint", string(b.ID), b.Tenant, "", "")
}

func (t *tx) UpdateBlueprint(b *model.Blueprint) error {
	if err := t.free("blueprints", "Blueprint", string(b.ID), b.Resource); err != nil {
		return err
	}
	n, err := t.write("UPDATE blueprints SET created_by = ?2, created_at = ?3, visibility = ?4, updated_at = ?5, "+
		"main_file = ?6, description = ?7, state = ?8, error = ?9, error_traceback = ?10, labels = ?11, hidden = ?12, "+
		"upload_execution = ?13, archive = ?14, requirements = ?15, plan = ?16 WHERE tenant = ?1 AND id = ?17",
		blueprintValues(b))
	return mustChange(n, err, "Blueprint", string(b.ID))
}

func (t *tx) DeleteBlueprint(tenant model.TenantName, id model.BlueprintID) error {
	_, err := t.c.exec(t.ctx, "UPDATE deployment_groups SET blueprint = '' WHERE blueprint = ? AND tenant = ?", string(id), string(tenant))
	if err != nil {
		return fmt.Errorf("take blueprint %s from the groups that deploy it: %w", id, err)
	}
	n, err := t.c.exec(t.ctx, "DELETE FROM blueprints WHERE tenant = ? AND id = ?", string(tenant), string(id))
	return mustChange(n, err, "Blueprint", string(id))
}
