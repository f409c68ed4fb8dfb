package workflow

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// agentHosts are the hosts that an agent workflow is about (workflows, section 10.2).
func agentHosts(s *State, v *view) ([]*model.NodeInstance, error) {
	f := s.filter()
	f.typeNames = matcher{}
	methods := s.list("install_methods")
	if len(methods) == 0 {
		methods = []string{methodInitScript, methodPlugin, methodRemote}
	}
	var hosts []*model.NodeInstance
	var wrong []string
	for _, i := range v.snap.Instances {
		n := v.node(i)
		switch {
		case f.isEmpty():
			if n.IsHost() && slices.Contains(methods, installMethod(n)) {
				hosts = append(hosts, i)
			}
		case !f.matches(n, i):
		case !n.IsHost():
			wrong = append(wrong, fmt.Sprintf("Node instance %s is not host.", i.ID))
		case installMethod(n) == methodNone:
			wrong = append(wrong, fmt.Sprintf("Agent should not be installed on instance %s.", i.ID))
		default:
			hosts = append(hosts, i)
		}
	}
	if len(wrong) > 0 {
		return nil, errors.New("Specified filters are not correct:\n" + strings.Join(wrong, "\n")) //nolint:staticcheck // the text of the reference
	}
	for _, i := range hosts {
		if i.State != model.InstanceStarted {
			return nil, fmt.Errorf("Node %s is not started (state: %s)", i.ID, i.State) //nolint:staticcheck // the text of the reference
		}
	}
	return hosts, nil
}

// validateAgents asks every agent for a sign of life.
func validateAgents(s *State) (*Phase, error) {
	hosts, err := agentHosts(s, newView(s.Model))
	if err != nil {
		return nil, err
	}
	return oneGraph(s, "validate_agents", func(b *builder) { b.validateAgents(s, hosts, true) })
}

// installNewAgents replaces the agents of hosts that are reached through their old ones.
func installNewAgents(s *State) (*Phase, error) {
	hosts, err := agentHosts(s, newView(s.Model))
	if err != nil {
		return nil, err
	}
	return oneGraph(s, "install_agents", func(b *builder) {
		seq := b.sequence(nil)
		if s.flagOr("validate", true) {
			seq.add(b.validateAgents(s, hosts, false))
		}
		if s.flagOr("install", true) {
			seq.add(b.installAgents(s, hosts))
		}
	})
}

func (b *builder) validateAgents(s *State, hosts []*model.NodeInstance, isCurrent bool) *model.Task {
	sub := b.subgraph("validate", nil)
	for _, i := range hosts {
		b.sequence(sub).each(
			b.event(i, "Validating agent connection."),
			b.opWith(i, cloudifyAgent+"validate_amqp", call{override: true, kwargs: model.Document{
				"current_amqp": isCurrent, "manager_ip": s.Parameters["manager_ip"],
				"manager_certificate": s.Parameters["manager_certificate"],
			}}),
			b.event(i, "Validation done"))
	}
	return sub
}

func (b *builder) installAgents(s *State, hosts []*model.NodeInstance) *model.Task {
	sub := b.subgraph("install", nil)
	kwargs := model.Document{}
	for _, k := range []string{"install_agent_timeout", "manager_ip", "manager_certificate", "stop_old_agent"} {
		kwargs[k] = s.Parameters[k]
	}
	for _, i := range hosts {
		seq := b.sequence(sub)
		seq.each(
			b.event(i, "Installing new agent"),
			b.opWith(i, cloudifyAgent+"create_amqp", call{override: true, kwargs: kwargs}),
			b.event(i, "New agent installed."),
			b.opWith(i, cloudifyAgent+"validate_amqp", call{override: true, kwargs: model.Document{"current_amqp": true}}),
			b.op(i, monitoringAgent+"install"), b.op(i, monitoringAgent+"start"))
		for _, c := range b.view.subtree(i)[1:] {
			seq.add(b.op(c, monitoring+"start"))
		}
	}
	return sub
}
