// Package hostagents holds the use cases about the agents of hosts: who may connect, how they get onto a host, what they
// may send, and which of them are alive.
//
// It is a room of package service and follows its rules. An agent has an account that belongs to a node instance and ends
// with it; its secret is known to the host alone, here is its hash. What an agent reports is taken when it carries the key
// that the task's message brought to this very agent, so that no agent speaks for another. The room never connects to a
// host: the operations of cloudify.interfaces.cloudify_agent do, which the central executor runs.
package hostagents

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Broker is what the room needs of the broker that agents connect to. Its agents are named by their addresses.
type Broker interface {
	// Connected returns the agents that are connected, with the time since when.
	Connected() (map[string]time.Time, error)
	// Disconnect ends the connections of an agent, DropQueue forgets what waits for it.
	Disconnect(agent string) error
	DropQueue(ctx context.Context, queue string) error
	// NotifyAgent sends data to an agent that watches a topic.
	NotifyAgent(agent, topic string, data []byte) error
}

// Options are the parts that the room needs beside those of the service.
type Options struct {
	// Broker is nil when agents cannot connect, because the manager uses a broker of somebody else.
	Broker Broker
	// Endpoint is where agents reach the manager.
	Endpoint Endpoint
	Packages Packages
}

// Service runs the use cases. It is safe for concurrent use.
type Service struct {
	*service.Service
	o    Options
	seen presence
}

// New returns the room over the service.
func New(s *service.Service, o Options) *Service {
	return &Service{Service: s, o: o, seen: presence{left: map[operation.Address]time.Time{}}}
}

// visibleInstance finds the instance that an agent is for. An operation may ask for the instances of its own deployment
// only: its token is in the hands of whoever wrote the blueprint.
func (s *Service) visibleInstance(tx store.Reader, a *service.Actor, id model.InstanceID) (*model.NodeInstance, error) {
	i, err := tx.Instance(a.Tenant, id)
	if err != nil {
		return nil, err
	}
	if !a.Sees(i.Resource) {
		return nil, fault.Missing("NodeInstance", string(id))
	}
	if x := a.Execution; x != nil && (x.Tenant != i.Tenant || x.Deployment != i.Deployment) {
		return nil, fault.New(fault.Forbidden, "Execution %s of deployment %s may not make an agent for node instance %s of deployment %s",
			x.ID, x.Deployment, i.ID, i.Deployment)
	}
	return i, nil
}

// register makes or renews the account of an agent and returns its new secret.
func (s *Service) register(ctx context.Context, a *service.Actor, name string, instance model.InstanceID) (secret string, err error) {
	if err := a.RequireTenant("agent_create"); err != nil {
		return "", err
	}
	if err := service.CheckID("name", name); err != nil {
		return "", err
	}
	raw := make([]byte, 32)
	rand.Read(raw)
	secret = hex.EncodeToString(raw)
	account := &model.AgentAccount{Tenant: a.Tenant, Name: name, Instance: instance, SecretHash: auth.HashToken(secret), CreatedAt: s.Clock.Now()}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := s.visibleInstance(tx, a, instance); err != nil {
			return err
		}
		old, err := tx.AgentAccount(a.Tenant, name)
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			return err
		case old.Instance != instance:
			return fault.New(fault.Conflict, "The agent name `%s` belongs to node instance %s; give the agent of %s another service_name",
				name, old.Instance, instance)
		}
		return tx.PutAgentAccount(account)
	})
	return secret, err
}

// Revoke ends the account of an agent, its connections and its queue. One that has none is fault.NotFound.
func (s *Service) Revoke(ctx context.Context, a *service.Actor, name string) error {
	if err := a.RequireTenant("agent_create"); err != nil {
		return err
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		account, err := tx.AgentAccount(a.Tenant, name)
		if err != nil {
			return err
		}
		if _, err := s.visibleInstance(tx, a, account.Instance); err != nil {
			return err
		}
		return tx.DeleteAgentAccount(a.Tenant, name)
	})
	if err != nil || s.o.Broker == nil {
		return err
	}
	return s.forget(ctx, operation.AgentAddress(a.Tenant, name))
}

func (s *Service) forget(ctx context.Context, address operation.Address) error {
	s.seen.forget(address)
	if err := s.o.Broker.Disconnect(string(address)); err != nil {
		return fmt.Errorf("end the connection of agent %s: %w", address, err)
	}
	return s.o.Broker.DropQueue(ctx, address.TaskQueue())
}

// split takes the address of an agent apart.
func split(address string) (model.TenantName, string, bool) {
	tenant, name, ok := strings.Cut(address, "/")
	return model.TenantName(tenant), name, ok && tenant != "" && name != ""
}

// Admit reports whether the agent of an address may connect with a secret.
func (s *Service) Admit(ctx context.Context, address, secret string) (operation.Address, bool) {
	tenant, name, ok := split(address)
	if !ok || secret == "" {
		return "", false
	}
	var account *model.AgentAccount
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		account, err = tx.AgentAccount(tenant, name)
		return err
	})
	if err != nil {
		if !fault.Is(err, fault.NotFound) {
			s.Log.Error("look up the account of an agent", "agent", address, "error", err)
		}
		return "", false
	}
	if subtle.ConstantTimeCompare([]byte(account.SecretHash), []byte(auth.HashToken(secret))) != 1 {
		s.Log.Warn("refused an agent with a wrong secret", "agent", address)
		return "", false
	}
	return operation.AgentAddress(tenant, name), true
}

// ReportKey is what a report about an attempt has to carry to be taken from the executor at an address.
func (s *Service) ReportKey(address operation.Address, attempt string) string {
	mac := hmac.New(sha256.New, s.Key)
	fmt.Fprintf(mac, "report\x00%s\x00%s", address, attempt)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// CheckReport decides whether what an agent sends to a queue is a report of its own.
func (s *Service) CheckReport(address operation.Address, queue string, data []byte) error {
	if queue != operation.ResultsQueue {
		return fmt.Errorf("agent %s may send reports only", address)
	}
	r, err := operation.DecodeReport(data)
	if err != nil {
		return err
	}
	execution, task, _, err := operation.ParseDispatchID(r.Attempt)
	if err != nil {
		return err
	}
	if execution != r.Execution || task != r.Task || !hmac.Equal([]byte(r.Key), []byte(s.ReportKey(address, r.Attempt))) {
		return fmt.Errorf("attempt %s was not given to agent %s", r.Attempt, address)
	}
	return nil
}
