package v31

import (
	"net/http"

	"github.com/reifyhq/reify/internal/agent/setup"
	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/service/hostagents"
)

// agentScript makes the account of an agent and answers the script that installs it. It is ours: in the original the
// operation itself makes the broker's user and renders the script.
func (a *API) agentScript(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	texts, err := body.Texts("node_instance_id")
	if err != nil {
		return err
	}
	p := hostagents.ScriptParams{Name: api.Unescaped(r, "name"), Instance: model.InstanceID(texts[0])}
	var kind string
	for key, field := range map[string]*string{"ip": &p.IP, "manager_url": &p.URL, "agent_dir": &p.Dir, "user": &p.User,
		"log_level": &p.LogLevel, "process_management": &kind} {
		if *field, err = body.Text(key); err != nil {
			return err
		}
	}
	p.Kind = setup.Kind(kind)
	if p.Slots, err = body.Int("max_workers", 0); err != nil {
		return err
	}
	env, err := body.Object("env")
	if err != nil {
		return err
	}
	p.Env = map[string]string{}
	for name, value := range env {
		text, ok := value.(string)
		if !ok {
			return fault.New(fault.BadParameters, "env: the value of %s must be a text", name)
		}
		p.Env[name] = text
	}
	script, err := a.hosts.Script(r.Context(), actor, p)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, api.Record{
		{Name: "name", Value: p.Name}, {Name: "queue", Value: p.Name}, {Name: "script", Value: script.Text},
		{Name: "agent_dir", Value: script.Dir}, {Name: "manager_url", Value: script.Manager}, {Name: "version", Value: a.version},
	})
	return nil
}

func (a *API) revokeAgent(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := a.hosts.Revoke(r.Context(), actor, api.Unescaped(r, "name")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
