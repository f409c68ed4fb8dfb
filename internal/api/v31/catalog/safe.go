package catalog

import (
	"net/http"
	"time"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/safe"
)

func exportedRecord(e safe.Exported, withMetadata bool) api.Record {
	k := e.Secret
	var value, options any
	if k.Provider == "" {
		value = e.Value
	}
	if e.Options != nil {
		options = e.Options
	}
	r := api.Record{{Name: "key", Value: k.Key}, {Name: "value", Value: value}, {Name: "visibility", Value: k.Visibility},
		{Name: "tenant_name", Value: k.Tenant}, {Name: "is_hidden_value", Value: k.IsHidden}, {Name: "encrypted", Value: e.IsEncrypted},
		{Name: "provider", Value: api.Text(k.Provider)}, {Name: "provider_options", Value: options}}
	if len(k.Schema) > 0 {
		r = append(r, api.Field{Name: "schema", Value: k.Schema})
	}
	if withMetadata {
		r = append(r, api.Field{Name: "creator", Value: k.CreatedBy}, api.Field{Name: "created_at", Value: api.Instant(k.CreatedAt)},
			api.Field{Name: "updated_at", Value: api.Instant(k.UpdatedAt)})
	}
	return r
}

// ExportSecrets answers GET /secrets/share/export.
func (a *API) ExportSecrets(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	values := r.URL.Query()
	names, err := api.Include(r, append(exportedRecord(safe.Exported{Secret: &model.Secret{}}, true), api.Field{Name: "schema"}))
	if err != nil {
		return err
	}
	values.Del("_include")
	listed := r.Clone(r.Context())
	listed.URL.RawQuery = values.Encode()
	l, err := api.ParseList(listed, api.ListSpec{Blank: secretItem(&model.Secret{}), Search: "key", Filters: []string{"id"}})
	if err != nil {
		return err
	}
	withMetadata, err := api.Flag(values, "_include_metadata")
	if err != nil {
		return err
	}
	exported, err := a.safe.Export(r.Context(), actor, l.Query, l.AllTenants, values.Get("_passphrase"))
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(exported))
	for _, e := range exported {
		items = append(items, exportedRecord(e, withMetadata).Pick(names))
	}
	api.WriteJSON(w, http.StatusOK, items)
	return nil
}

// imported reads one secret to import. What is missing or of another kind is noted, not refused: the others are imported.
func imported(v any) *safe.Imported {
	in := &safe.Imported{Errors: map[string]any{}}
	given, ok := v.(map[string]any)
	if !ok {
		in.Errors["secret"] = "a secret must be a JSON object"
		return in
	}
	body := api.Body(given)
	missing := []string{}
	text := func(key string, isNeeded bool) string {
		text, err := body.Text(key)
		if err != nil {
			in.Errors[key] = err.Error()
		} else if text == "" && isNeeded {
			missing = append(missing, key)
		}
		return text
	}
	flag := func(key string) bool {
		if body[key] == nil {
			missing = append(missing, key)
			return false
		}
		b, err := body.Bool(key, false)
		if err != nil {
			in.Errors[key] = err.Error()
		}
		return b
	}
	object := func(key string) model.Document {
		d, err := body.Object(key)
		if err != nil {
			in.Errors[key] = err.Error()
		}
		return d
	}
	instant := func(key string) (at time.Time) {
		if body[key] == nil {
			return at
		}
		text, err := body.Text(key)
		if err == nil {
			at, err = api.ParseInstant(text)
		}
		if err != nil {
			in.Errors["timestamp"] = err.Error()
		}
		return at
	}
	in.Key, in.Provider = model.SecretKey(text("key", true)), model.ProviderName(text("provider", false))
	in.Value = text("value", in.Provider == "")
	in.Tenant, in.Visibility = model.TenantName(text("tenant_name", true)), model.Visibility(text("visibility", true))
	in.IsHidden, in.IsEncrypted = flag("is_hidden_value"), flag("encrypted")
	in.Schema, in.Options = object("schema"), object("provider_options")
	in.Creator = model.UserName(text("creator", false))
	in.CreatedAt, in.UpdatedAt = instant("created_at"), instant("updated_at")
	if len(missing) > 0 {
		in.Errors["missing secret fields"] = missing
	}
	return in
}

// ImportSecrets answers POST /secrets/share/import.
func (a *API) ImportSecrets(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.RequireTenant("secret_import"); err != nil {
		return err
	}
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	for _, key := range []string{"secrets_list", "override_collisions"} {
		if err := body.Need(key); err != nil {
			return err
		}
	}
	list, err := body.List("secrets_list")
	if err != nil {
		return err
	}
	q := safe.ImportRequest{}
	if q.Override, err = body.Bool("override_collisions", false); err != nil {
		return err
	}
	if q.Passphrase, err = body.Text("passphrase"); err != nil {
		return err
	}
	tenants, err := body.Object("tenant_map")
	if err != nil {
		return err
	}
	for from, to := range tenants {
		name, ok := to.(string)
		if !ok {
			return fault.New(fault.BadParameters, "the tenant map must hold the names of tenants, but that of `%s` is none", from)
		}
		if q.TenantMap == nil {
			q.TenantMap = map[string]string{}
		}
		q.TenantMap[from] = name
	}
	for _, v := range list {
		q.Secrets = append(q.Secrets, imported(v))
	}
	result, err := a.safe.Import(r.Context(), actor, q)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, api.Record{{Name: "colliding_secrets", Value: result.Colliding}, {Name: "secrets_errors", Value: result.Errors}})
	return nil
}

// RotateKey answers POST /secrets-key/rotate.
func (a *API) RotateKey(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	n, key, err := a.safe.RotateKey(r.Context(), actor)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, api.Record{{Name: "key_id", Value: key}, {Name: "sealed", Value: n}})
	return nil
}

func providerRecord(p *safe.Provider) api.Record {
	var parameters any
	if p.Parameters != nil {
		parameters = p.Parameters
	}
	r := api.Record{{Name: "id", Value: p.Name}, {Name: "created_at", Value: api.Instant(p.CreatedAt)}, {Name: "name", Value: p.Name},
		{Name: "visibility", Value: p.Visibility}, {Name: "type", Value: p.Type}, {Name: "connection_parameters", Value: parameters},
		{Name: "updated_at", Value: api.Instant(p.UpdatedAt)}}
	return append(r, api.Common(p.Resource)...)
}

func providerItem(p *model.SecretsProvider) api.Record {
	return providerRecord(&safe.Provider{SecretsProvider: p})
}

// ListProviders answers GET /secrets-providers.
func (a *API) ListProviders(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.RequireTenant("secrets_provider_list"); err != nil {
		return err
	}
	l, err := api.ParseList(r, api.ListSpec{Blank: providerItem(&model.SecretsProvider{}), Search: "name"})
	if err != nil {
		return err
	}
	page, err := a.safe.Providers(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, providerItem)
}

// GetProvider answers GET /secrets-providers/{name}.
func (a *API) GetProvider(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	p, err := a.safe.Provider(r.Context(), actor, model.ProviderName(api.Param(r, "name")))
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, providerRecord(p))
}

// providerBody is what the routes that write a provider have in common.
type providerBody struct {
	name       model.ProviderName
	kind       string
	parameters model.Document
	visibility model.Visibility
	isTest     bool
}

func readProvider(w http.ResponseWriter, r *http.Request) (b providerBody, err error) {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return b, err
	}
	for key, to := range map[string]*string{"name": (*string)(&b.name), "type": &b.kind, "visibility": (*string)(&b.visibility)} {
		if *to, err = body.Text(key); err != nil {
			return b, err
		}
	}
	if b.parameters, err = body.Object("connection_parameters"); err != nil {
		return b, err
	}
	b.isTest, err = body.Bool("test", false)
	return b, err
}

// PutProvider creates a provider or, with test, tries one out (rest-api, section 13.1).
func (a *API) PutProvider(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.RequireTenant("secrets_provider_create"); err != nil {
		return err
	}
	b, err := readProvider(w, r)
	if err != nil {
		return err
	}
	if b.isTest {
		if err := a.safe.TestProvider(r.Context(), actor, b.name, b.kind, b.parameters); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	p, err := a.safe.CreateProvider(r.Context(), actor, b.name, b.kind, b.parameters, b.visibility)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, providerRecord(p))
}

// PatchProvider answers PATCH /secrets-providers/{name}.
func (a *API) PatchProvider(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	b, err := readProvider(w, r)
	if err != nil {
		return err
	}
	p, err := a.safe.UpdateProvider(r.Context(), actor, model.ProviderName(api.Param(r, "name")),
		safe.ProviderChange{Type: b.kind, Parameters: b.parameters, Visibility: b.visibility})
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, providerRecord(p))
}

// DeleteProvider answers DELETE /secrets-providers/{name}.
func (a *API) DeleteProvider(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := a.safe.DeleteProvider(r.Context(), actor, model.ProviderName(api.Param(r, "name"))); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
