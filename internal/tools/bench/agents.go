package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/agent/setup"
	"github.com/reifyhq/reify/internal/bus"
	"github.com/reifyhq/reify/internal/bus/natsbus/natsconn"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
)

// hosts is a blueprint of many hosts.
const hosts = `tosca_definitions_version: cloudify_dsl_1_5
imports: [cloudify/types/types.yaml]
node_templates:
  host:
    type: cloudify.nodes.Compute
    instances: {deploy: %d}
    properties: {agent_config: {install_method: init_script}}
`

// manyAgents measures a manager with simulated agents.
func manyAgents(program string, n int, native bool) (err error) {
	args := []string{}
	if native {
		args = append(args, "--agents.listen", "127.0.0.1:0")
	}
	m, err := start(program, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	c, err := m.client()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := context.WithCancel(context.Background())
	var agents sync.WaitGroup
	defer agents.Wait()
	defer stop()
	settings, err := m.register(ctx, program, c, n)
	if err != nil {
		return err
	}
	before, err := resident(m.cmd.Process.Pid)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := connectAll(ctx, settings, &agents); err != nil {
		return err
	}
	connected := time.Since(began)
	time.Sleep(3 * time.Second)
	after, err := resident(m.cmd.Process.Pid)
	if err != nil {
		return err
	}
	began = time.Now()
	if err := m.cli(program, "agents", "validate", "-d", "d", "--quiet"); err != nil {
		return err
	}
	swept := time.Since(began)
	way := "through the manager's port"
	if native {
		way = "through agents.listen"
	}
	fmt.Printf("%d agents %s: connected within %v; resident memory %.0f MiB before, %.0f MiB after (%.0f KiB for each agent); "+
		"validate_agents over all of them %v\n", n, way, round(connected), float64(before)/1024, float64(after)/1024,
		float64(after-before)/float64(n), round(swept))
	return nil
}

var settingsLine = regexp.MustCompile(`(?m)^SETTINGS=(\S+)$`)

// register deploys the hosts and makes an account for each.
func (m *manager) register(ctx context.Context, program string, c *client.Client, n int) ([]*setup.Settings, error) {
	dir := filepath.Join(m.dir, "blueprint")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(hosts, n)
	if err := os.WriteFile(filepath.Join(dir, "blueprint.yaml"), []byte(text), 0o644); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"blueprints", "upload", dir, "-b", "b"}, {"deployments", "create", "d", "-b", "b"}} {
		if err := m.cli(program, args...); err != nil {
			return nil, err
		}
	}
	q := client.InstanceQuery{Deployment: "d", Node: "host"}
	q.AllResults = true
	page, err := c.ListNodeInstances(ctx, q)
	if err != nil {
		return nil, err
	}
	all := make([]*setup.Settings, len(page.Items))
	for k, i := range page.Items {
		s, err := c.MakeAgentScript(ctx, string(i.ID), client.AgentScriptParams{Instance: i.ID})
		if err != nil {
			return nil, err
		}
		found := settingsLine.FindStringSubmatch(s.Script)
		if found == nil {
			return nil, errors.New("the script holds no settings")
		}
		data, err := base64.StdEncoding.DecodeString(found[1])
		if err != nil {
			return nil, err
		}
		all[k] = &setup.Settings{}
		if err := json.Unmarshal(data, all[k]); err != nil {
			return nil, err
		}
		started := model.InstanceStarted
		_, err = c.UpdateNodeInstance(ctx, i.ID, client.InstanceUpdate{Version: i.Version, State: &started, RuntimeProperties: model.Document{
			"cloudify_agent": map[string]any{"name": string(i.ID), "queue": string(i.ID), "install_method": "init_script"},
		}}, false)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// connectAll connects all agents at once and leaves them at work.
func connectAll(ctx context.Context, all []*setup.Settings, agents *sync.WaitGroup) error {
	failed := make(chan error, len(all))
	var connecting sync.WaitGroup
	for _, s := range all {
		connecting.Go(func() {
			address := operation.AgentAddress(model.TenantName(s.Tenant), s.Name)
			o := natsconn.Options{URL: s.Bus, User: string(address), Secret: s.Secret, Agent: &natsconn.AgentOptions{Name: string(address)}}
			if s.Bus == "" {
				u, err := url.Parse(s.Manager)
				if err != nil {
					failed <- err
					return
				}
				o.URL, o.Agent.Path = "ws://"+u.Host, "/agent-bus"
			}
			b, err := natsconn.Open(ctx, o)
			if err != nil {
				failed <- err
				return
			}
			ready := make(chan struct{})
			var once sync.Once
			agents.Go(func() {
				defer b.Close()
				var parts sync.WaitGroup
				parts.Go(func() {
					_ = b.Serve(ctx, address.PingTopic(), func([]byte) []byte {
						return []byte(`{"time": 1}`)
					})
				})
				parts.Go(func() {
					_ = b.Receive(ctx, address.TaskQueue(), bus.ReceiveOptions{Slots: 1}, func(context.Context, bus.Message) error { return nil })
				})
				once.Do(func() { close(ready) })
				parts.Wait()
			})
			<-ready
		})
	}
	connecting.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// client is the administrator's.
func (m *manager) client() (*client.Client, error) {
	address, password, err := m.access()
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{URL: address, Username: "admin", Password: password, Tenant: model.DefaultTenant})
}

func (m *manager) access() (address, password string, err error) {
	data, err := os.ReadFile(filepath.Join(m.dir, "manager.json"))
	if err != nil {
		return "", "", err
	}
	var at struct{ URL string }
	if err := json.Unmarshal(data, &at); err != nil {
		return "", "", err
	}
	secret, err := os.ReadFile(filepath.Join(m.dir, "admin-password"))
	return at.URL, strings.TrimSpace(string(secret)), err
}

// cli runs the command line against the manager.
func (m *manager) cli(program string, args ...string) error {
	address, password, err := m.access()
	if err != nil {
		return err
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "REIFY_URL="+address, "REIFY_USERNAME=admin", "REIFY_PASSWORD="+password, "REIFY_TENANT=default_tenant",
		"REIFY_CONFIG_HOME="+m.dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("reify %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// agentFigures measures what there is to say about agents.
func agentFigures(program string, args []string) error {
	n := 1000
	if len(args) > 0 {
		var err error
		if n, err = strconv.Atoi(args[0]); err != nil {
			return fmt.Errorf("number of agents: %w", err)
		}
	}
	for _, native := range []bool{false, true} {
		if err := manyAgents(program, n, native); err != nil {
			return err
		}
	}
	return nil
}
