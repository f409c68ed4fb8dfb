// Package inventory holds the use cases of what an installation keeps beside its deployments: host agents and snapshots.
//
// It is a room of package service and follows its rules. It installs no agent and sends none anything: agents are rows that
// plugins and clients write and read.
package inventory

import (
	"context"
	"crypto/rand"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }

// Agents lists agents; their passwords stay sealed.
func (s *Service) Agents(ctx context.Context, a *service.Actor, q service.Query, all bool) (p service.Page[*model.Agent], err error) {
	if err := a.RequireTenant("agent_list"); err != nil {
		return p, err
	}
	q.Scope = a.Scope("agent_list", all)
	err = s.Store.View(ctx, func(tx store.Reader) error {
		p, err = tx.Agents(q)
		return err
	})
	return p, err
}

func visibleAgent(tx store.Reader, a *service.Actor, name model.AgentName) (*model.Agent, error) {
	g, err := tx.Agent(a.Tenant, name)
	if err == nil && !a.Sees(g.Resource) {
		return nil, fault.Missing("Agent", string(name))
	}
	return g, err
}

// Agent returns an agent with its password opened.
func (s *Service) Agent(ctx context.Context, a *service.Actor, name model.AgentName) (g *model.Agent, err error) {
	if err := a.RequireTenant("agent_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		g, err = visibleAgent(tx, a, name)
		return err
	})
	if err != nil || g.Password == "" {
		return g, err
	}
	g.Password, err = s.OpenAgent(g)
	return g, err
}

func badState(state model.AgentState) error {
	return fault.New(fault.BadParameters, "Invalid agent state: `%s`.", state)
}

// CreateAgent stores an agent; one with the name that exists already is left alone and nil is returned (rest-api, section
// 13.2). With account it gets a user name and a password of its own. The password of the answer is in clear.
func (s *Service) CreateAgent(ctx context.Context, a *service.Actor, g model.Agent, account bool) (*model.Agent, error) {
	if err := a.RequireTenant("agent_create"); err != nil {
		return nil, err
	}
	if err := service.CheckID("name", string(g.Name)); err != nil {
		return nil, err
	}
	if !g.State.Valid() {
		return nil, badState(g.State)
	}
	r, err := s.NewResource(a, g.Visibility)
	if err != nil {
		return nil, err
	}
	g.Resource, g.UpdatedAt = r, r.CreatedAt
	if account {
		g.Username, g.Password = "rabbitmq_user_"+string(g.Name), rand.Text()
	}
	if g.Exchange == "" {
		g.Exchange = string(g.Name)
	}
	open := g.Password
	var stored *model.Agent
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		stored = nil
		if _, err := tx.Agent(a.Tenant, g.Name); !fault.Is(err, fault.NotFound) {
			return err
		}
		i, err := tx.Instance(a.Tenant, g.Instance)
		if err != nil {
			return err
		}
		if !a.Sees(i.Resource) {
			return fault.Missing("NodeInstance", string(g.Instance))
		}
		if err := s.SealAgent(&g, open); err != nil {
			return err
		}
		if err := tx.InsertAgent(&g); err != nil {
			return err
		}
		stored, err = tx.Agent(a.Tenant, g.Name)
		return err
	})
	if stored != nil {
		stored.Password = open
	}
	return stored, err
}

// AgentChange changes an agent; nil fields stay as they are.
type AgentChange struct {
	State           *model.AgentState
	System, Version *string
}

// UpdateAgent changes an agent.
func (s *Service) UpdateAgent(ctx context.Context, a *service.Actor, name model.AgentName, c AgentChange) (*model.Agent, error) {
	if err := a.RequireTenant("agent_update"); err != nil {
		return nil, err
	}
	if c.State != nil && !c.State.Valid() {
		return nil, badState(*c.State)
	}
	var g *model.Agent
	err := s.Store.Update(ctx, func(tx store.Tx) (err error) {
		if g, err = visibleAgent(tx, a, name); err != nil {
			return err
		}
		if err := service.Foreign(a, g.Resource, string(name)); err != nil {
			return err
		}
		if c.State != nil {
			g.State = *c.State
		}
		if c.System != nil {
			g.System = *c.System
		}
		if c.Version != nil {
			g.Version = *c.Version
		}
		g.UpdatedAt = s.Clock.Now()
		return tx.UpdateAgent(g)
	})
	if err != nil || g.Password == "" {
		return g, err
	}
	g.Password, err = s.OpenAgent(g)
	return g, err
}
