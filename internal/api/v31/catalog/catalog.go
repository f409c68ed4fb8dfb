// Package catalog answers the routes about what deployments refer to: secrets, their providers, how they are shared between
// managers, sites, and stored filters.
//
// Handlers decode, call one use case and map its result to the wire in the same file. They decide nothing.
package catalog

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/api/v31/search"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/catalog"
	"github.com/reifyhq/reify/internal/service/safe"
)

// API serves the routes. It is safe for concurrent use.
type API struct {
	svc     *service.Service
	catalog *catalog.Service
	safe    *safe.Service
	lists   *search.Lists
}

// New returns the handlers over the use cases.
func New(s *service.Service, lists *search.Lists) *API {
	return &API{svc: s, catalog: catalog.New(s), safe: safe.New(s), lists: lists}
}

func secretRecord(k *model.Secret, value any) api.Record {
	r := api.Record{
		{Name: "created_at", Value: api.Instant(k.CreatedAt)}, {Name: "visibility", Value: k.Visibility}, {Name: "value", Value: value},
		{Name: "updated_at", Value: api.Instant(k.UpdatedAt)}, {Name: "is_hidden_value", Value: k.IsHidden},
		{Name: "schema", Value: api.Raw(k.Schema)}, {Name: "provider_options", Value: api.Raw(k.ProviderOptions)}, {Name: "key", Value: k.Key},
		{Name: "provider_name", Value: api.Text(k.Provider)},
	}
	return append(r, api.Common(k.Resource)...)
}

// secretItem is a secret in a list: without its value.
func secretItem(k *model.Secret) api.Record {
	return api.Record{
		{Name: "key", Value: k.Key}, {Name: "created_at", Value: api.Instant(k.CreatedAt)}, {Name: "updated_at", Value: api.Instant(k.UpdatedAt)},
		{Name: "resource_availability", Value: k.Visibility}, {Name: "visibility", Value: k.Visibility}, {Name: "tenant_name", Value: k.Tenant},
		{Name: "created_by", Value: k.CreatedBy}, {Name: "is_hidden_value", Value: k.IsHidden}, {Name: "provider_name", Value: api.Text(k.Provider)},
	}
}

// ListSecrets answers GET /secrets.
func (a *API) ListSecrets(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := a.lists.Parse(r, actor, service.Secrets, api.ListSpec{Blank: secretItem(&model.Secret{}), Search: "key", Filters: []string{"id"}})
	if err != nil {
		return err
	}
	page, err := a.catalog.Secrets(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	if err := a.lists.Count(r, actor, service.Secrets, l, page.Total); err != nil {
		return err
	}
	return api.WritePage(l, w, page, secretItem)
}

// GetSecret answers GET /secrets/{key}.
func (a *API) GetSecret(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	k, value, err := a.catalog.Secret(r.Context(), actor, model.SecretKey(api.Param(r, "key")))
	if err != nil {
		return err
	}
	skip, err := api.Flag(r.URL.Query(), "_skip_value")
	if err != nil {
		return err
	}
	if skip {
		value = ""
	}
	record := secretRecord(k, value)
	if k.Provider != "" && value != "" {
		shown, err := a.svc.OpenOptions(k)
		if err != nil {
			return err
		}
		for i := range record {
			if record[i].Name == "provider_options" && shown != nil {
				record[i].Value = shown
			}
		}
	}
	return api.WriteOne(w, r, http.StatusOK, record)
}

// CreateSecret answers PUT /secrets/{key}.
func (a *API) CreateSecret(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	provider, err := body.Text("provider_name")
	if err != nil {
		return err
	}
	if provider == "" {
		if err := body.Need("value"); err != nil {
			return err
		}
	}
	n := catalog.NewSecret{Key: model.SecretKey(api.Unescaped(r, "key")), Value: body["value"], Provider: model.ProviderName(provider)}
	if n.Options, err = body.Object("provider_options"); err != nil {
		return err
	}
	if n.Schema, err = body.Object("schema"); err != nil {
		return err
	}
	if n.IsHidden, err = body.Bool("is_hidden_value", false); err != nil {
		return err
	}
	if n.UpdateIfExists, err = body.Bool("update_if_exists", false); err != nil {
		return err
	}
	visibility, err := body.Text("visibility")
	if err != nil {
		return err
	}
	n.Visibility = model.Visibility(visibility)
	k, err := a.catalog.CreateSecret(r.Context(), actor, n)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, secretRecord(k, k.Value))
}

// UpdateSecret answers PATCH /secrets/{key}.
func (a *API) UpdateSecret(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	c := catalog.SecretChange{Value: body["value"]}
	if body["provider_name"] != nil {
		text, err := body.Text("provider_name")
		if err != nil {
			return err
		}
		name := model.ProviderName(text)
		c.Provider = &name
	}
	if c.Options, err = body.Object("provider_options"); err != nil {
		return err
	}
	if body["is_hidden_value"] != nil {
		hidden, err := body.Bool("is_hidden_value", false)
		if err != nil {
			return err
		}
		c.IsHidden = &hidden
	}
	if body["visibility"] != nil {
		text, err := body.Text("visibility")
		if err != nil {
			return err
		}
		v := model.Visibility(text)
		c.Visibility = &v
	}
	if body["creator"] != nil {
		text, err := body.Text("creator")
		if err != nil {
			return err
		}
		name := model.UserName(text)
		c.Creator = &name
	}
	k, err := a.catalog.UpdateSecret(r.Context(), actor, model.SecretKey(api.Param(r, "key")), c)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, secretRecord(k, k.Value))
}

// SetSecretVisibility answers PATCH /secrets/{key}/set-visibility.
func (a *API) SetSecretVisibility(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	v, err := api.ReadVisibility(w, r)
	if err != nil {
		return err
	}
	k, err := a.catalog.UpdateSecret(r.Context(), actor, model.SecretKey(api.Param(r, "key")), catalog.SecretChange{Visibility: &v})
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, secretRecord(k, k.Value))
}

// DeleteSecret answers DELETE /secrets/{key}.
func (a *API) DeleteSecret(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return api.NoContent(w, a.catalog.DeleteSecret(r.Context(), actor, model.SecretKey(api.Param(r, "key"))))
}

func siteRecord(s *model.Site) api.Record {
	var latitude, longitude, location any
	if at := s.Location; at != nil {
		latitude, longitude, location = at.Latitude, at.Longitude, degrees(at.Latitude)+", "+degrees(at.Longitude)
	}
	r := api.Record{
		{Name: "created_at", Value: api.Instant(s.CreatedAt)}, {Name: "visibility", Value: s.Visibility}, {Name: "name", Value: s.Name},
		{Name: "latitude", Value: latitude}, {Name: "longitude", Value: longitude},
	}
	r = append(r, api.Common(s.Resource)...)
	return append(r, api.Field{Name: "location", Value: location})
}

// degrees writes a number with at least one fractional digit, as the original does.
func degrees(f float64) string {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// ListSites answers GET /sites.
func (a *API) ListSites(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: siteRecord(&model.Site{}), Search: "name", Filters: []string{"id"}})
	if err != nil {
		return err
	}
	page, err := a.catalog.Sites(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	return api.WritePage(l, w, page, siteRecord)
}

// GetSite answers GET /sites/{name}.
func (a *API) GetSite(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	s, err := a.catalog.Site(r.Context(), actor, model.SiteName(api.Param(r, "name")))
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, siteRecord(s))
}

// CreateSite answers PUT /sites/{name}.
func (a *API) CreateSite(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	location, err := body.Text("location")
	if err != nil {
		return err
	}
	visibility, err := body.Text("visibility")
	if err != nil {
		return err
	}
	s, err := a.catalog.CreateSite(r.Context(), actor, model.SiteName(api.Unescaped(r, "name")), location, model.Visibility(visibility))
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, siteRecord(s))
}

// UpdateSite answers POST /sites/{name}.
func (a *API) UpdateSite(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	var c catalog.SiteChange
	if body["location"] != nil {
		location, err := body.Text("location")
		if err != nil {
			return err
		}
		c.Location = &location
	}
	name, err := body.Text("new_name")
	if err != nil {
		return err
	}
	visibility, err := body.Text("visibility")
	if err != nil {
		return err
	}
	c.NewName, c.Visibility = model.SiteName(name), model.Visibility(visibility)
	s, err := a.catalog.UpdateSite(r.Context(), actor, model.SiteName(api.Param(r, "name")), c)
	if err != nil {
		return err
	}
	return api.WriteOne(w, r, http.StatusOK, siteRecord(s))
}

// DeleteSite answers DELETE /sites/{name}.
func (a *API) DeleteSite(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return api.NoContent(w, a.catalog.DeleteSite(r.Context(), actor, model.SiteName(api.Param(r, "name"))))
}
