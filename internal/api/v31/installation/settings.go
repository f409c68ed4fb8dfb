package installation

import (
	"net/http"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/service"
)

func settingRecord(v *service.SettingView) api.Record {
	var schema any
	if v.Schema != nil {
		schema = v.Schema
	}
	return api.Record{
		{Name: "name", Value: v.Name}, {Name: "value", Value: v.Value}, {Name: "schema", Value: schema},
		{Name: "is_editable", Value: v.IsEditable}, {Name: "admin_only", Value: v.AdminOnly},
		{Name: "updated_at", Value: api.Instant(v.UpdatedAt)}, {Name: "scope", Value: v.Scope}, {Name: "updater_name", Value: api.Text(v.UpdatedBy)},
	}
}

// roleTexts says what each role is for.
var roleTexts = map[string]string{
	auth.RoleSysAdmin: "User that can manage Cloudify", auth.RoleDefault: "User exists, but have no permissions",
	auth.RoleManager: "User that can manage tenants", auth.RoleUser: "Regular user, can perform actions on tenants resources",
	auth.RoleOperations: "User that can only operate existing deployments", auth.RoleViewer: "User that can only view tenant resources",
}

// ListSettings answers GET /config.
func (a *API) ListSettings(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	scope := r.URL.Query().Get("scope")
	all, err := a.svc.Settings(r.Context(), actor, scope)
	if err != nil {
		return err
	}
	items := make([]api.Record, 0, len(all))
	for _, v := range all {
		items = append(items, settingRecord(v))
	}
	answer := api.Record{{Name: "metadata", Value: map[string]any{}}, {Name: "items", Value: items}}
	if scope == "" || scope == "authorization" {
		var roles []api.Record
		for _, kind := range []struct {
			name  string
			roles []string
		}{{"system_role", auth.SystemRoles}, {"tenant_role", auth.TenantRoles}} {
			for _, role := range kind.roles {
				roles = append(roles, api.Record{{Name: "id", Value: len(roles) + 1}, {Name: "name", Value: role},
					{Name: "type", Value: kind.name}, {Name: "description", Value: roleTexts[role]}})
			}
		}
		answer = append(answer, api.Field{Name: "authorization", Value: map[string]any{
			"roles": roles, "permissions": a.people.Roles(actor),
		}})
	}
	api.WriteJSON(w, http.StatusOK, answer)
	return nil
}

// GetSetting answers GET /config/{name}.
func (a *API) GetSetting(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	v, err := a.svc.Setting(r.Context(), actor, api.Param(r, "name"))
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, settingRecord(v))
	return nil
}

// PutSetting answers PUT /config/{name}.
func (a *API) PutSetting(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.Require("manager_config_put"); err != nil {
		return err
	}
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if err := body.Need("value"); err != nil {
		return err
	}
	force, err := body.Bool("force", false)
	if err != nil {
		return err
	}
	v, err := a.svc.ChangeSetting(r.Context(), actor, api.Param(r, "name"), body["value"], force)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, settingRecord(v))
	return nil
}

// Require makes a handler that needs a permission and nothing of the service.
func Require(permission string, answer func() (any, error)) api.Handler {
	return func(w http.ResponseWriter, _ *http.Request, actor *service.Actor) error {
		if err := actor.Require(permission); err != nil {
			return err
		}
		v, err := answer()
		if err != nil {
			return err
		}
		api.WriteJSON(w, http.StatusOK, v)
		return nil
	}
}

// ProviderContext answers the context of the one provider that there is.
func ProviderContext() (any, error) {
	return api.Record{{Name: "id", Value: "CONTEXT"}, {Name: "name", Value: "provider"}, {Name: "context", Value: map[string]any{}}}, nil
}

// NoLicense answers the license routes as an edition without licenses does.
func NoLicense() (any, error) {
	return nil, fault.New(fault.MissingPremium, "This manager is free software: it has no licenses and needs none")
}

// NoRegistration answers the registration of a community edition: there is nobody to register with.
func NoRegistration() (any, error) {
	return nil, fault.New(fault.CommunityOnly, "This manager needs no registration, and sends nothing to anybody")
}

// NoCluster answers changes of what a cluster is made of: this installation is one node, which nothing adds to.
func NoCluster() (any, error) {
	return nil, fault.New(fault.MissingPremium, "This manager is a single node: managers and brokers cannot be added, changed or removed")
}

// UpdateDatabases answers the request to look again which database nodes there are: the one that there always is.
func (a *API) UpdateDatabases(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.Require("cluster_node_config_update"); err != nil {
		return err
	}
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	action, err := body.Text("action")
	if err != nil {
		return err
	}
	if action != "update" {
		return fault.New(fault.UnknownAction, "unknown action `%s` for database nodes; want update", action)
	}
	return OneItem("db_nodes_get", a.DatabaseRecord)(w, r, actor)
}

// SnapshotStatus answers GET /snapshot-status.
func (a *API) SnapshotStatus(w http.ResponseWriter, _ *http.Request, _ *service.Actor) error {
	api.WriteJSON(w, http.StatusOK, map[string]string{"status": "not-running"})
	return nil
}

// LicenseCheck answers GET /license-check.
func (a *API) LicenseCheck(w http.ResponseWriter, _ *http.Request, _ *service.Actor) error {
	api.WriteJSON(w, http.StatusOK, "OK")
	return nil
}

// OneItem makes a list handler for a kind of machine of which this installation has exactly one.
func OneItem(permission string, record func() api.Record) api.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
		if err := actor.Require(permission); err != nil {
			return err
		}
		l, err := api.ParseList(r, api.ListSpec{Blank: record()})
		if err != nil {
			return err
		}
		items := []api.Record{record()}
		for _, c := range l.Query.Where {
			if c.Field == "hostname" && len(c.Values) > 0 && c.Values[0] != hostname(items) {
				items = nil
			}
		}
		return l.Write(w, items, len(items))
	}
}

// hostname is the hostname of the only item.
func hostname(items []api.Record) any {
	for _, r := range items {
		for _, f := range r {
			if f.Name == "hostname" {
				return f.Value
			}
		}
	}
	return nil
}

const localhost = "127.0.0.1"

// ManagerRecord answers GET /managers.
func (a *API) ManagerRecord() api.Record {
	return api.Record{
		{Name: "id", Value: 1}, {Name: "hostname", Value: a.info.Manager}, {Name: "private_ip", Value: localhost},
		{Name: "public_ip", Value: localhost}, {Name: "version", Value: a.info.Version}, {Name: "edition", Value: "community"},
		{Name: "distribution", Value: nil}, {Name: "distro_release", Value: nil}, {Name: "fs_sync_node_id", Value: nil},
		{Name: "networks", Value: map[string]string{"default": localhost}}, {Name: "last_seen", Value: api.Instant(a.svc.Clock.Now())},
		{Name: "status_report_frequency", Value: 0}, {Name: "ca_cert_content", Value: nil},
	}
}

// BrokerRecord is the embedded bus, in the shape of the original's brokers; it listens on no port.
func (a *API) BrokerRecord() api.Record {
	return api.Record{
		{Name: "name", Value: "embedded"}, {Name: "host", Value: localhost}, {Name: "management_host", Value: localhost},
		{Name: "port", Value: 0}, {Name: "username", Value: nil}, {Name: "password", Value: nil}, {Name: "params", Value: nil},
		{Name: "networks", Value: map[string]string{"default": localhost}}, {Name: "is_external", Value: false},
		{Name: "ca_cert_content", Value: nil},
	}
}

// DatabaseRecord answers GET /db-nodes.
func (a *API) DatabaseRecord() api.Record {
	return api.Record{
		{Name: "name", Value: a.info.Manager}, {Name: "node_id", Value: nil}, {Name: "host", Value: localhost},
		{Name: "is_external", Value: false}, {Name: "monitoring_username", Value: nil}, {Name: "ca_cert_content", Value: nil},
	}
}
