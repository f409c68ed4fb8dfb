package installer

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// The ways to get an agent onto a host (operations, section 7.1).
const (
	methodNone   = "none"
	methodRemote = "remote"
)

// record is the runtime property that says what is known of a host's agent.
const record = "cloudify_agent"

// oldRecord is the same of the agent that was replaced.
const oldRecord = "old_cloudify_agent"

// config is what is known of an agent and its host.
type config struct {
	name, method, ip  string
	user, password    string
	key               []byte
	port              int
	dir, kind, logs   string
	managerURL        string
	tempDir           string
	hostKey           string
	version           string
	workers           int
	env               map[string]string
	sudo, isInstalled bool
	// replaced is the directory of the agent that this one has replaced, and replacedName its name.
	replaced, replacedName string
}

// configOf merges what says how the agent of a host is: the node's properties, the runtime properties and the operation's
// inputs, of which the later win.
func configOf(properties model.Document, i *model.NodeInstance, inputs model.Document) (config, error) {
	all := model.Document{}
	for n, from := range []model.Document{properties, i.RuntimeProperties, inputs} {
		_, hasConfig := from["agent_config"].(map[string]any)
		if own, ok := from[record].(map[string]any); ok && len(own) > 0 && hasConfig && n > 0 {
			return config{}, nonRecoverable("agent_config and cloudify_agent are both given; use agent_config")
		}
		for _, key := range []string{"agent_config", record} {
			part, _ := from[key].(map[string]any)
			extra, _ := part["extra"].(map[string]any)
			for _, values := range []map[string]any{extra, part} {
				for k, v := range values {
					if v != nil && v != "" {
						all[k] = v
					}
				}
			}
		}
	}
	c := config{
		name: first(text(all["service_name"]), text(all["name"]), string(i.ID)), method: text(all["install_method"]),
		ip:   first(text(i.RuntimeProperties["ip"]), text(properties["ip"]), text(all["ip"])),
		user: text(all["user"]), password: first(text(all["password"]), text(i.RuntimeProperties["password"])),
		port: number(all["port"], 22), dir: text(all["agent_dir"]), logs: text(all["log_level"]), tempDir: text(all["executable_temp_path"]),
		hostKey: text(all["host_key"]), version: text(all["version"]), workers: number(all["max_workers"], 0),
		managerURL: text(all["manager_url"]), sudo: flag(all["install_with_sudo"], true), env: map[string]string{},
	}
	known, _ := i.RuntimeProperties[record].(map[string]any)
	c.isInstalled = known["queue"] != nil
	if known["name"] != nil {
		c.name = text(known["name"])
	}
	if base := text(all["basedir"]); c.dir == "" && base != "" {
		c.dir = strings.TrimSuffix(base, "/") + "/" + c.name
	}
	old, _ := i.RuntimeProperties[oldRecord].(map[string]any)
	c.replaced, c.replacedName = text(old["agent_dir"]), text(old["name"])
	management, _ := all["process_management"].(map[string]any)
	c.kind = text(management["name"])
	environment, _ := all["env"].(map[string]any)
	for k, v := range environment {
		c.env[k] = text(v)
	}
	c.method = first(legacyMethod(properties["install_agent"]), c.method, methodRemote)
	return c, c.readKey(text(all["key"]))
}

// legacyMethod is what the deprecated property install_agent says.
func legacyMethod(v any) string {
	switch strings.ToLower(text(v)) {
	case "true":
		return methodRemote
	case "false":
		return methodNone
	}
	return ""
}

// readKey takes a private key, or the path of one on the manager.
func (c *config) readKey(key string) error {
	if key == "" || c.method != methodRemote {
		return nil
	}
	if strings.Contains(key, "-----BEGIN") {
		c.key = []byte(strings.TrimSpace(key) + "\n")
		return nil
	}
	if rest, ok := strings.CutPrefix(key, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nonRecoverable("find the key %s: %v", key, err)
		}
		key = home + "/" + rest
	}
	data, err := os.ReadFile(key)
	if err != nil {
		return nonRecoverable("The private key of agent_config cannot be read on the manager: %v", err)
	}
	c.key = data
	return nil
}

// check refuses what an installation over SSH cannot do without.
func (c *config) check() error {
	missing := ""
	switch {
	case c.ip == "":
		missing = "ip (a property or runtime property of the host)"
	case c.user == "":
		missing = "agent_config.user"
	case len(c.key) == 0 && c.password == "":
		missing = "agent_config.key or agent_config.password"
	default:
		return nil
	}
	return nonRecoverable("%s is needed to install agent %s over SSH", missing, c.name)
}

func (c *config) params(i model.InstanceID) client.AgentScriptParams {
	return client.AgentScriptParams{
		Instance: i, IP: c.ip, URL: c.managerURL, Dir: c.dir, User: c.user, LogLevel: c.logs, Kind: c.kind, MaxWorkers: c.workers, Env: c.env,
	}
}

var trailingID = regexp.MustCompile(`_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// successor is the name of the agent that replaces this one (operations, section 7.1).
func (c *config) successor(id string) string {
	return trailingID.ReplaceAllString(c.name, "") + "_" + id
}

func (c *config) target() string { return net.JoinHostPort(c.ip, strconv.Itoa(c.port)) }

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	return fmt.Sprint(v)
}

func number(v any, def int) int {
	n, err := strconv.Atoi(text(v))
	if err != nil || n <= 0 {
		return def
	}
	return n
}

func flag(v any, def bool) bool {
	b, err := strconv.ParseBool(text(v))
	if err != nil {
		return def
	}
	return b
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
