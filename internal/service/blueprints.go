package service

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// SyncLimit is how long a synchronous upload or creation waits for its execution (rest-api, section 2.3).
const SyncLimit = 120 * time.Second

// Upload is a request to upload a blueprint. Exactly one of Body and URL is given.
type Upload struct {
	ID         model.BlueprintID
	Visibility model.Visibility
	// MainFile is the main document inside the archive; empty means blueprint.yaml.
	MainFile string
	Labels   []model.Label
	// Body is the archive.
	Body io.Reader
	URL  string
	// Async answers as soon as the upload is stored.
	Async bool
	// ValidateOnly parses the blueprint and forgets it.
	ValidateOnly bool
	// Plugins overrides which plugins its imports mean.
	Plugins PluginOverrides
}

// UploadBlueprint stores an archive, starts the workflow that parses it and, unless Async is set, waits for its end: a
// blueprint that turns out to be wrong is then fault.InvalidBlueprint (rest-api, section 2.3). An archive of an unknown
// format is refused before anything is changed.
func (s *Service) UploadBlueprint(ctx context.Context, a *Actor, u Upload) (*model.Blueprint, error) {
	if err := s.checkUpload(ctx, a, &u); err != nil {
		return nil, err
	}
	b := &model.Blueprint{Resource: s.resource(a, u.Visibility), ID: u.ID, MainFile: u.MainFile, State: model.BlueprintUploading}
	b.UpdatedAt = b.CreatedAt
	b.Labels = s.stamp(a, u.Labels)
	switch {
	case u.URL != "":
		b.State = model.BlueprintPending
	default:
		key, err := s.storeArchive(ctx, a.Tenant, u.ID, u.Body)
		if err != nil {
			return nil, err
		}
		b.Archive = key
	}
	if u.ValidateOnly {
		b.State = model.BlueprintValidating
	}
	x := s.systemExecution(a, model.WorkflowUploadBlueprint, model.Document{
		"blueprint_id": string(u.ID), "app_file_name": u.MainFile, "url": nullable(u.URL),
		"validate_only": u.ValidateOnly, "labels": labelList(u.Labels), "file_server_root": "", "marketplace_api_url": "",
	})
	addOverrides(x.Parameters, u.Plugins)
	b.UploadExecution = x.ID
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		if err := makeRoom(tx, a.Tenant, u.ID); err != nil {
			return err
		}
		if err := tx.InsertBlueprint(b); err != nil {
			return err
		}
		return tx.InsertExecution(x)
	})
	if err != nil {
		return nil, err
	}
	s.wake(x.ID)
	if u.Async {
		return b, nil
	}
	return s.awaitUpload(ctx, a, b)
}

// labelList is the form of labels in the parameters of an execution.
func labelList(labels []model.Label) []any {
	out := make([]any, len(labels))
	for i, l := range labels {
		out[i] = map[string]any{"key": l.Key, "value": l.Value}
	}
	return out
}

func (s *Service) checkUpload(ctx context.Context, a *Actor, u *Upload) error {
	if err := a.RequireTenant("blueprint_upload"); err != nil {
		return err
	}
	if err := checkID("blueprint_id", string(u.ID), false); err != nil {
		return err
	}
	if u.MainFile == "" {
		u.MainFile = "blueprint.yaml"
	}
	if u.Visibility != "" && !u.Visibility.Valid() {
		return fault.New(fault.BadParameters, "Invalid visibility: `%s`. Valid visibility's values are: ['private', 'tenant', 'global']", u.Visibility)
	}
	if u.Visibility == model.VisibilityGlobal {
		if err := a.Require("create_global_resource"); err != nil {
			return err
		}
	}
	if u.URL != "" && u.Body != nil {
		return fault.New(fault.BadParameters, "Can't pass both a blueprint URL via query parameters and blueprint data via the request body at the same time")
	}
	if u.URL == "" && u.Body == nil {
		return fault.New(fault.BadParameters, "the request holds neither a blueprint archive nor blueprint_archive_url; send one of them")
	}
	if err := checkLabels(u.Labels); err != nil {
		return err
	}
	return s.Store.View(ctx, func(tx store.Reader) error {
		old, err := tx.Blueprint(a.Tenant, u.ID)
		if fault.Is(err, fault.NotFound) || err == nil && old.Tenant == a.Tenant && old.State.Failed() {
			return nil
		}
		if err != nil {
			return err
		}
		return blueprintExists(a.Tenant, u.ID)
	})
}

func blueprintExists(t model.TenantName, id model.BlueprintID) error {
	return fault.New(fault.Conflict, "blueprint with id=%s already exists on tenant %s or with global visibility", id, t)
}

// makeRoom removes a failed blueprint of the same id and refuses any other.
func makeRoom(tx store.Tx, t model.TenantName, id model.BlueprintID) error {
	old, err := tx.Blueprint(t, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if old.Tenant != t || !old.State.Failed() {
		return blueprintExists(t, id)
	}
	return tx.DeleteBlueprint(t, id)
}

func archivePrefix(t model.TenantName, id model.BlueprintID) string {
	return fmt.Sprintf("uploaded-blueprints/%s/%s", t, id)
}

func filesPrefix(t model.TenantName, id model.BlueprintID) string {
	return fmt.Sprintf("blueprints/%s/%s", t, id)
}

func (s *Service) awaitUpload(ctx context.Context, a *Actor, b *model.Blueprint) (*model.Blueprint, error) {
	if _, err := s.await(ctx, b.UploadExecution, SyncLimit); err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	var now *model.Blueprint
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		now, err = tx.Blueprint(a.Tenant, b.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	switch now.State {
	case model.BlueprintInvalid:
		return nil, fault.New(fault.InvalidBlueprint, "Blueprint `%s` is invalid. Error: %s", b.ID, now.Error)
	case model.BlueprintFailedParsing, model.BlueprintFailedExtracting, model.BlueprintFailedUploading:
		return nil, fault.New(fault.InvalidBlueprint, "Blueprint `%s` has %s. Error: %s", b.ID,
			strings.ReplaceAll(string(now.State), "_", " "), now.Error)
	}
	return now, nil
}

// Blueprint returns a blueprint of the actor's tenant, or a global one.
func (s *Service) Blueprint(ctx context.Context, a *Actor, id model.BlueprintID) (b *model.Blueprint, err error) {
	if err := a.RequireTenant("blueprint_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		b, err = visibleBlueprint(tx, a, id)
		return err
	})
	return b, err
}

func visibleBlueprint(tx store.Reader, a *Actor, id model.BlueprintID) (*model.Blueprint, error) {
	b, err := tx.Blueprint(a.Tenant, id)
	if err == nil && !a.visible(b.Resource) {
		return nil, fault.Missing("Blueprint", string(id))
	}
	return b, err
}

// Blueprints lists blueprints; hidden ones only when the query asks for them.
func (s *Service) Blueprints(ctx context.Context, a *Actor, q store.Query, allTenants bool) (p store.Page[*model.Blueprint], err error) {
	if err := a.RequireTenant("blueprint_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("blueprint_list", allTenants)
	if !slices.ContainsFunc(q.Where, func(c store.Condition) bool { return c.Field == "is_hidden" }) {
		q.Where = append(q.Where, store.Condition{Field: "is_hidden", Values: []string{strconv.FormatBool(false)}})
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.Blueprints(q)
		return err
	})
	return p, err
}

// BlueprintArchive opens the archive of a blueprint as it was uploaded; the caller closes it.
func (s *Service) BlueprintArchive(ctx context.Context, a *Actor, id model.BlueprintID) (blob.Object, error) {
	if err := a.RequireTenant("blueprint_download"); err != nil {
		return nil, err
	}
	var b *model.Blueprint
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		b, err = visibleBlueprint(tx, a, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if b.Archive == "" {
		return nil, fault.New(fault.NotFound, "Could not find blueprint's archive. Blueprint ID: %s", id)
	}
	return s.Blobs.Open(ctx, b.Archive)
}

// SetBlueprintLabels replaces the labels of an uploaded blueprint.
func (s *Service) SetBlueprintLabels(ctx context.Context, a *Actor, id model.BlueprintID, labels []model.Label) (b *model.Blueprint, err error) {
	if err := a.RequireTenant("blueprint_upload"); err != nil {
		return nil, err
	}
	if err := checkLabels(labels); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if b, err = visibleBlueprint(tx, a, id); err != nil {
			return err
		}
		if err := foreign(a, b.Resource, string(id)); err != nil {
			return err
		}
		if b.State != model.BlueprintUploaded {
			return fault.New(fault.Conflict, "Blueprint labels can be set only when the blueprint's state is uploaded; it is %s", b.State)
		}
		b.Labels, b.UpdatedAt = s.stamp(a, labels), s.Clock.Now()
		return tx.UpdateBlueprint(b)
	})
	return b, err
}

// foreign refuses to change a global resource from another tenant (rest-api, section 1.6).
func foreign(a *Actor, r model.Resource, id string) error {
	if r.Tenant == a.Tenant {
		return nil
	}
	return fault.New(fault.IllegalAction, "Can't modify the global resource `%s` from outside its tenant `%s`", id, r.Tenant)
}

// importers returns blueprints of the tenant whose plans import the blueprint.
func (s *Service) importers(ctx context.Context, t model.TenantName, id model.BlueprintID) (out []string, err error) {
	err = s.Store.View(ctx, func(tx store.Reader) error {
		out = nil
		all, err := tx.Blueprints(store.Query{
			Scope: store.Scope{Tenants: []model.TenantName{t}, Admin: true}, Limit: -1,
		})
		if err != nil {
			return err
		}
		for _, b := range all.Items {
			var plan struct {
				Imported []model.BlueprintID `json:"imported_blueprints"`
			}
			if len(b.Plan) == 0 {
				continue
			}
			if err := json.Unmarshal(b.Plan, &plan); err != nil {
				return fmt.Errorf("read the plan of blueprint %s: %w", b.ID, err)
			}
			if b.ID != id && slices.Contains(plan.Imported, id) {
				out = append(out, string(b.ID))
			}
		}
		return nil
	})
	return out, err
}

// DeleteBlueprint removes a blueprint with its files. One that deployments use is fault.DependentExists, force or not;
// one that other blueprints import is fault.BlueprintInUse unless forced (rest-api, section 2.5).
func (s *Service) DeleteBlueprint(ctx context.Context, a *Actor, id model.BlueprintID, force bool) error {
	if err := a.RequireTenant("blueprint_delete"); err != nil {
		return err
	}
	if !force {
		users, err := s.importers(ctx, a.Tenant, id)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return fault.New(fault.BlueprintInUse, "Blueprint `%s` is imported by: %s; delete these first, or use force", id, strings.Join(users, ", "))
		}
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		b, err := visibleBlueprint(tx, a, id)
		if err != nil {
			return err
		}
		if err := foreign(a, b.Resource, string(id)); err != nil {
			return err
		}
		if !b.State.Ended() && !force {
			return fault.New(fault.InvalidBlueprint, "Blueprint `%s` is still %s", id, b.State)
		}
		used, err := tx.Deployments(store.Query{
			Scope: store.Scope{Admin: true}, Limit: 3,
			Where: []store.Condition{{Field: "blueprint_id", Values: []string{string(id)}}},
		})
		if err != nil {
			return err
		}
		if used.Total > 0 {
			ids := make([]string, 0, len(used.Items))
			for _, d := range used.Items {
				ids = append(ids, string(d.ID))
			}
			return fault.New(fault.DependentExists,
				"Can't delete blueprint %s - There exist deployments for this blueprint; Deployments ids: %s", id, strings.Join(ids, ","))
		}
		if err := tx.DeletePluginsUpdates(a.Tenant, id); err != nil {
			return err
		}
		return tx.DeleteBlueprint(a.Tenant, id)
	})
	if err != nil {
		return err
	}
	return s.removeFiles(ctx, archivePrefix(a.Tenant, id), filesPrefix(a.Tenant, id))
}

// removeFiles deletes what no row points at any more.
func (s *Service) removeFiles(ctx context.Context, prefixes ...string) error {
	for _, p := range prefixes {
		if err := s.Blobs.DeleteAll(ctx, p); err != nil {
			return fmt.Errorf("delete files under %s: %w", p, err)
		}
	}
	return nil
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}
