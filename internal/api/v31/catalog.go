package v31

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/catalog"
)

func secretRecord(k *model.Secret, value any) api.Record {
	r := api.Record{
		{Name: "created_at", Value: api.Instant(k.CreatedAt)}, {Name: "visibility", Value: k.Visibility}, {Name: "value", Value: value},
		{Name: "updated_at", Value: api.Instant(k.UpdatedAt)}, {Name: "is_hidden_value", Value: k.IsHidden},
		{Name: "schema", Value: raw(k.Schema)}, {Name: "provider_options", Value: raw(k.ProviderOptions)}, {Name: "key", Value: k.Key},
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

func (a *API) listSecrets(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := a.parseFiltered(r, actor, service.Secrets, api.ListSpec{Blank: secretItem(&model.Secret{}), Search: "key", Filters: []string{"id"}})
	if err != nil {
		return err
	}
	page, err := a.catalog.Secrets(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	if err := a.countFiltered(r, actor, service.Secrets, l, page.Total); err != nil {
		return err
	}
	return write(l, w, page, secretItem)
}

func (a *API) getSecret(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	k, value, err := a.catalog.Secret(r.Context(), actor, model.SecretKey(param(r, "key")))
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
	return writeOne(w, r, http.StatusOK, record)
}

func (a *API) createSecret(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
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
	n := catalog.NewSecret{Key: model.SecretKey(unescaped(r, "key")), Value: body["value"], Provider: model.ProviderName(provider)}
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
	return writeOne(w, r, http.StatusOK, secretRecord(k, k.Value))
}

func (a *API) updateSecret(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
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
	k, err := a.catalog.UpdateSecret(r.Context(), actor, model.SecretKey(param(r, "key")), c)
	if err != nil {
		return err
	}
	return writeOne(w, r, http.StatusOK, secretRecord(k, k.Value))
}

// visibilityBody reads the body of the set-visibility routes.
func visibilityBody(w http.ResponseWriter, r *http.Request) (model.Visibility, error) {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return "", err
	}
	text, err := body.Texts("visibility")
	if err != nil {
		return "", err
	}
	return model.Visibility(text[0]), nil
}

func (a *API) setSecretVisibility(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	v, err := visibilityBody(w, r)
	if err != nil {
		return err
	}
	k, err := a.catalog.UpdateSecret(r.Context(), actor, model.SecretKey(param(r, "key")), catalog.SecretChange{Visibility: &v})
	if err != nil {
		return err
	}
	return writeOne(w, r, http.StatusOK, secretRecord(k, k.Value))
}

func (a *API) deleteSecret(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return noContent(w, a.catalog.DeleteSecret(r.Context(), actor, model.SecretKey(param(r, "key"))))
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

func (a *API) listSites(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: siteRecord(&model.Site{}), Search: "name", Filters: []string{"id"}})
	if err != nil {
		return err
	}
	page, err := a.catalog.Sites(r.Context(), actor, l.Query, l.AllTenants)
	if err != nil {
		return err
	}
	return write(l, w, page, siteRecord)
}

func (a *API) getSite(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	s, err := a.catalog.Site(r.Context(), actor, model.SiteName(param(r, "name")))
	if err != nil {
		return err
	}
	return writeOne(w, r, http.StatusOK, siteRecord(s))
}

func (a *API) createSite(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
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
	s, err := a.catalog.CreateSite(r.Context(), actor, model.SiteName(unescaped(r, "name")), location, model.Visibility(visibility))
	if err != nil {
		return err
	}
	return writeOne(w, r, http.StatusOK, siteRecord(s))
}

func (a *API) updateSite(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
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
	s, err := a.catalog.UpdateSite(r.Context(), actor, model.SiteName(param(r, "name")), c)
	if err != nil {
		return err
	}
	return writeOne(w, r, http.StatusOK, siteRecord(s))
}

func (a *API) deleteSite(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	return noContent(w, a.catalog.DeleteSite(r.Context(), actor, model.SiteName(param(r, "name"))))
}
