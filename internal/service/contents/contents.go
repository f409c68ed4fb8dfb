// Package contents holds the use cases that search what is inside one deployment or one blueprint: node types, capabilities
// and scaling groups. Inputs and parameters whose values must be one of them are filled from these searches.
//
// It is a room of package service and follows its rules. It only reads.
package contents

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// Service runs the use cases. It is safe for concurrent use.
type Service struct{ *service.Service }

// New returns the room over the service.
func New(s *service.Service) *Service { return &Service{s} }

// Place is where to look: in a deployment, or in the plan of a blueprint. Exactly one of them is set.
type Place struct {
	Deployment model.DeploymentID
	Blueprint  model.BlueprintID
}

// Match says which names are wanted. Patterns are all of them to hold; the operators are contains, starts_with, ends_with
// and equals_to. The zero value wants all.
type Match struct {
	// Text must be part of the name, in any case.
	Text     string
	Patterns map[string][]string
	// Valid are the only names that count, unless it is nil.
	Valid []string
}

var operators = map[string]func(name, part string) bool{
	"contains": strings.Contains,
	"starts_with": func(name, part string) bool {
		return strings.HasPrefix(strings.ToLower(name), strings.ToLower(part))
	},
	"ends_with": func(name, part string) bool {
		return strings.HasSuffix(strings.ToLower(name), strings.ToLower(part))
	},
	"equals_to": func(name, part string) bool { return name == part },
}

// holds reports whether a name is wanted.
func (m Match) holds(name string) (bool, error) {
	if !strings.Contains(strings.ToLower(name), strings.ToLower(m.Text)) || m.Valid != nil && !slices.Contains(m.Valid, name) {
		return false, nil
	}
	for word, parts := range m.Patterns {
		is, known := operators[word]
		if !known {
			return false, fault.New(fault.BadParameters, "unknown pattern %s in a constraint; want one of %s", word,
				strings.Join(slices.Sorted(maps.Keys(operators)), ", "))
		}
		if !slices.ContainsFunc(parts, func(part string) bool { return is(name, part) }) {
			return false, nil
		}
	}
	return true, nil
}

// planned is the part of a plan that is searched.
type planned struct {
	Nodes []struct {
		Type string `json:"type"`
	} `json:"nodes"`
	Groups map[string]model.ScalingGroup `json:"scaling_groups"`
}

func (s *Service) plan(ctx context.Context, a *service.Actor, id model.BlueprintID) (p planned, err error) {
	b, err := s.Blueprint(ctx, a, id)
	if err != nil {
		return p, err
	}
	if b.State != model.BlueprintUploaded {
		return p, fault.New(fault.InvalidBlueprint, "Blueprint `%s` has no plan: it is %s", id, b.State)
	}
	if err := json.Unmarshal(b.Plan, &p); err != nil {
		return p, fmt.Errorf("read the plan of blueprint %s: %w", id, err)
	}
	return p, nil
}

// NodeTypes returns the types of the nodes that are wanted, each once, sorted.
func (s *Service) NodeTypes(ctx context.Context, a *service.Actor, in Place, m Match) ([]string, error) {
	if err := a.RequireTenant("node_list"); err != nil {
		return nil, err
	}
	found := map[string]bool{}
	if in.Blueprint != "" {
		p, err := s.plan(ctx, a, in.Blueprint)
		if err != nil {
			return nil, err
		}
		for _, n := range p.Nodes {
			found[n.Type] = true
		}
	} else {
		d, err := s.Deployment(ctx, a, in.Deployment)
		if err != nil {
			return nil, err
		}
		err = s.Store.View(ctx, func(tx store.Reader) error {
			nodes, err := tx.DeploymentNodes(d.Deployment.Tenant, in.Deployment)
			for _, n := range nodes {
				found[n.Type] = true
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return wanted(found, m)
}

// wanted returns the names that are wanted, sorted.
func wanted[T any](all map[string]T, m Match) ([]string, error) {
	out := []string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		ok, err := m.holds(name)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, name)
		}
	}
	return out, nil
}

// ScalingGroup is a scaling group with its name.
type ScalingGroup struct {
	Name string
	model.ScalingGroup
}

// ScalingGroups returns the scaling groups whose names are wanted, sorted by name.
func (s *Service) ScalingGroups(ctx context.Context, a *service.Actor, in Place, m Match) ([]ScalingGroup, error) {
	if err := a.RequireTenant("deployment_get"); err != nil {
		return nil, err
	}
	var groups map[string]model.ScalingGroup
	if in.Blueprint != "" {
		p, err := s.plan(ctx, a, in.Blueprint)
		if err != nil {
			return nil, err
		}
		groups = p.Groups
	} else {
		d, err := s.Deployment(ctx, a, in.Deployment)
		if err != nil {
			return nil, err
		}
		groups = d.Deployment.ScalingGroups
	}
	names, err := wanted(groups, m)
	if err != nil {
		return nil, err
	}
	out := make([]ScalingGroup, 0, len(names))
	for _, name := range names {
		out = append(out, ScalingGroup{name, groups[name]})
	}
	return out, nil
}

// Capability is a capability of a deployment, evaluated.
type Capability struct {
	Name        string
	Value       any
	Description any
}

// SearchCapabilities returns the capabilities of a deployment whose names and whose values, as text, are wanted, sorted by
// name.
func (s *Service) SearchCapabilities(ctx context.Context, a *service.Actor, id model.DeploymentID, names, values Match) ([]Capability, error) {
	current, err := s.Capabilities(ctx, a, id)
	if err != nil {
		return nil, err
	}
	d, err := s.Deployment(ctx, a, id)
	if err != nil {
		return nil, err
	}
	found, err := wanted(current, names)
	if err != nil {
		return nil, err
	}
	out := []Capability{}
	for _, name := range found {
		ok, err := values.holds(fmt.Sprint(current[name]))
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		declared, _ := d.Deployment.Capabilities[name].(map[string]any)
		out = append(out, Capability{Name: name, Value: current[name], Description: declared["description"]})
	}
	return out, nil
}
