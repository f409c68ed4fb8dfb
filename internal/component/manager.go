package component

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// connectTo finds the manager that the nested deployment is on: this one, unless the property client names another.
func (r *run) connectTo() error {
	r.there = r.own
	config := object(r.setting("client"))
	if len(config) == 0 {
		return nil
	}
	host := text(config["host"])
	tenant := text(config["tenant"])
	local := append([]string{"", "localhost", "127.0.0.1"}, r.context().RestHost...)
	isHere := slices.Contains(local, host)
	r.isFar = !isHere || tenant != "" && tenant != string(r.context().Tenant.Name)
	protocol, port := text(config["protocol"]), fmt.Sprint(config["port"])
	if protocol == "" {
		protocol = "http"
	}
	if config["port"] == nil {
		port = map[string]string{"http": "80", "https": "443"}[protocol]
		if isHere {
			port = fmt.Sprint(r.context().RestPort)
		}
	}
	if host == "" {
		host = "localhost"
	}
	if tenant == "" {
		tenant = string(r.context().Tenant.Name)
	}
	c, err := client.New(client.Config{
		URL: fmt.Sprintf("%s://%s:%s", protocol, host, port), Tenant: model.TenantName(tenant), Username: text(config["username"]),
		Password: text(config["password"]), Token: text(config["token"]),
	})
	if err == nil {
		r.there = c
	}
	return err
}

// exists reports whether a list holds an entity with the id, which tells "not there" from "not reachable".
func (r *run) exists(list, id string) (bool, error) {
	var page struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	err := r.there.Call(r.ctx, http.MethodGet, list+"?_include=id&id="+url.QueryEscape(id), nil, &page)
	return len(page.Items) > 0, err
}

// dependency returns the bodies of a dependency on the nested deployment: for the manager it is on, and, when that is
// another one, for this manager.
func (r *run) dependency(kind string, id model.DeploymentID) (there, here model.Document) {
	c := r.context()
	creator := kind + "." + string(c.NodeID)
	there = model.Document{"dependency_creator": creator, "source_deployment": string(c.DeploymentID), "target_deployment": string(id)}
	if !r.isFar {
		return there, nil
	}
	hosts := make([]any, len(c.RestHost))
	for k, h := range c.RestHost {
		hosts[k] = h
	}
	there["external_source"] = map[string]any{"deployment": string(c.DeploymentID), "tenant": string(c.Tenant.Name), "host": hosts}
	here = model.Document{"dependency_creator": creator, "source_deployment": string(c.DeploymentID),
		"external_target": map[string]any{"deployment": string(id), "client_config": map[string]any(withoutSecrets(object(r.setting("client"))))}}
	return there, here
}

// withoutSecrets is a client's configuration without what must not be kept in a dependency, which everybody reads.
func withoutSecrets(config model.Document) model.Document {
	out := model.Document{}
	for k, v := range config {
		if k != "password" && k != "token" {
			out[k] = v
		}
	}
	return out
}

const dependencies = "deployments/inter-deployment-dependencies"

func (r *run) depend(kind string, id model.DeploymentID) error {
	there, here := r.dependency(kind, id)
	if here != nil {
		if err := r.own.Call(r.ctx, http.MethodPut, dependencies, here, nil); err != nil {
			return err
		}
	}
	return r.there.Call(r.ctx, http.MethodPut, dependencies, there, nil)
}

// release removes the dependency; one that is gone already is as good.
func (r *run) release(kind string, id model.DeploymentID) error {
	there, here := r.dependency(kind, id)
	for _, one := range []struct {
		c    *client.Client
		body model.Document
	}{{r.own, here}, {r.there, there}} {
		if one.body == nil {
			continue
		}
		one.body["is_component_deletion"] = kind == model.CreatorComponent
		if err := one.c.Call(r.ctx, http.MethodDelete, dependencies, one.body, nil); err != nil && !client.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// createSecrets stores the secrets of the component, whose names must be free.
func (r *run) createSecrets() error {
	secrets := object(r.setting("secrets"))
	if len(secrets) == 0 || r.properties()["_component_secrets"] != nil {
		return nil
	}
	var taken []string
	for name := range secrets {
		err := r.there.Call(r.ctx, http.MethodGet, "secrets/"+url.PathEscape(name), nil, nil)
		if err == nil {
			taken = append(taken, name)
		} else if !client.IsNotFound(err) {
			return err
		}
	}
	if len(taken) > 0 {
		slices.Sort(taken)
		return fmt.Errorf("The secrets: %q already exist, not updating...", strings.Join(taken, ", ")) //nolint:staticcheck // the text of the reference
	}
	for name, v := range secrets {
		if err := r.there.Call(r.ctx, http.MethodPut, "secrets/"+url.PathEscape(name), model.Document{"value": fmt.Sprint(v)}, nil); err != nil {
			return err
		}
		r.logf("info", "Created secret %q", name)
	}
	return r.set("_component_secrets", true)
}

// deleteSecrets removes what createSecrets stored.
func (r *run) deleteSecrets() error {
	if r.properties()["_component_secrets"] == nil {
		return nil
	}
	for name := range object(r.setting("secrets")) {
		err := r.there.Call(r.ctx, http.MethodDelete, "secrets/"+url.PathEscape(name), nil, nil)
		if err != nil && !client.IsNotFound(err) {
			return err
		}
		r.logf("info", "Removed secret %q", name)
	}
	return nil
}

// deletePlugins removes the plugins that this component uploaded; those in use stay.
func (r *run) deletePlugins() error {
	list, _ := r.properties()["plugins"].([]any)
	for _, id := range list {
		err := r.there.Call(r.ctx, http.MethodDelete, "plugins/"+url.PathEscape(text(id)), model.Document{"force": false}, nil)
		switch {
		case err == nil:
			r.logf("info", "Removed plugin %q.", text(id))
		case client.HasCode(err, fault.PluginInUse):
			r.logf("warning", "Could not remove plugin %q, it is currently in use...", text(id))
		case !client.IsNotFound(err):
			return fmt.Errorf("Failed to remove plugin %s: %w", text(id), err) //nolint:staticcheck // the text of the reference
		}
	}
	return nil
}

// forget removes runtime properties.
func (r *run) forget(keys ...string) error {
	for _, key := range keys {
		delete(r.properties(), key)
	}
	return r.save()
}
