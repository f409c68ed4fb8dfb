package hostagents

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
)

// sweepEvery is the time between two looks at who is connected.
const sweepEvery = 10 * time.Second

// presence remembers since when agents are away.
type presence struct {
	mu sync.Mutex
	// here were connected at the last look, left are those that went away while the manager looked.
	here map[operation.Address]bool
	left map[operation.Address]time.Time
}

func (p *presence) forget(a operation.Address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.here, a)
	delete(p.left, a)
}

// look takes in who is connected and returns who came and who went.
func (p *presence) look(connected map[string]time.Time, now time.Time) (came, went []operation.Address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	here := make(map[operation.Address]bool, len(connected))
	for name := range connected {
		a := operation.Address(name)
		here[a] = true
		if !p.here[a] {
			came = append(came, a)
		}
		delete(p.left, a)
	}
	for a := range p.here {
		if !here[a] {
			went = append(went, a)
			p.left[a] = now
		}
	}
	p.here = here
	return came, went
}

// Presence says whether the agent at an address is connected, and since when it is connected or, when that is known, away.
func (s *Service) Presence(a operation.Address) (connected bool, since time.Time) {
	if s.o.Broker == nil {
		return false, time.Time{}
	}
	list, err := s.o.Broker.Connected()
	if err != nil {
		s.Log.Error("look at connected agents", "error", err)
	}
	if at, ok := list[string(a)]; ok {
		return true, at
	}
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	return false, s.seen.left[a]
}

// Run watches over the agents until ctx ends: it hands kills on to those of the execution's tenant and ends the
// connections of those whose account is gone, as with a deployment that was deleted.
func (s *Service) Run(ctx context.Context) error {
	if s.o.Broker == nil {
		return nil
	}
	var kills sync.WaitGroup
	defer kills.Wait()
	failed := make(chan error, 1)
	kills.Go(func() {
		failed <- s.Bus.Watch(ctx, operation.CancelTopic, func(data []byte) { s.passKill(ctx, data) })
	})
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("look after agents", "error", err)
		}
		timer := s.Clock.NewTimer(sweepEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case err := <-failed:
			timer.Stop()
			return err
		case <-timer.C():
		}
	}
}

func (s *Service) sweep(ctx context.Context) error {
	connected, err := s.o.Broker.Connected()
	if err != nil {
		return err
	}
	came, went := s.seen.look(connected, s.Clock.Now())
	for _, a := range came {
		s.Log.Info("agent connected", "agent", a)
	}
	for _, a := range went {
		s.Log.Warn("agent went away", "agent", a)
	}
	if len(connected) == 0 {
		return nil
	}
	accounts := map[string]bool{}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		list, err := tx.AgentAccounts()
		for _, a := range list {
			accounts[string(operation.AgentAddress(a.Tenant, a.Name))] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	for name := range connected {
		if accounts[name] {
			continue
		}
		s.Log.Info("ending the connection of an agent whose account is gone", "agent", name)
		if err := s.forget(ctx, operation.Address(name)); err != nil {
			return err
		}
	}
	return nil
}

// passKill hands the kill of an execution on to the agents of its tenant.
func (s *Service) passKill(ctx context.Context, data []byte) {
	c, err := operation.DecodeCancel(data)
	if err != nil {
		return
	}
	var tenant model.TenantName
	err = s.Store.View(ctx, func(tx store.Reader) error {
		x, err := tx.Execution(c.Execution)
		if err == nil {
			tenant = x.Tenant
		}
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return
	}
	var connected map[string]time.Time
	if err == nil {
		connected, err = s.o.Broker.Connected()
	}
	for name := range connected {
		if of, _, ok := split(name); ok && of == tenant && err == nil {
			err = s.o.Broker.NotifyAgent(name, operation.CancelTopic, data)
		}
	}
	if err != nil && ctx.Err() == nil {
		s.Log.Error("hand a kill on to agents", "execution", c.Execution, "error", err)
	}
}

// CheckKilled decides whether an agent may say that attempts are over: those of executions of its tenant, which is whom
// their kill was handed on to.
func (s *Service) CheckKilled(ctx context.Context, address operation.Address, data []byte) error {
	killed, err := operation.DecodeKilled(data)
	if err != nil {
		return err
	}
	tenant, _, ok := split(string(address))
	if !ok {
		return fmt.Errorf("%s is not the address of an agent", address)
	}
	return s.Store.View(ctx, func(tx store.Reader) error {
		seen := map[model.ExecutionID]bool{}
		for _, attempt := range killed.Attempts {
			id, _, _, err := operation.ParseDispatchID(attempt)
			if err != nil {
				return err
			}
			if seen[id] {
				continue
			}
			x, err := tx.Execution(id)
			if err != nil {
				return err
			}
			if x.Tenant != tenant {
				return fmt.Errorf("execution %s is not of the tenant of agent %s", id, address)
			}
			seen[id] = true
		}
		return nil
	})
}
