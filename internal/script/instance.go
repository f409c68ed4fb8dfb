package script

import (
	"github.com/reifyhq/reify/internal/model"
)

const notModifiable = "Cannot modify runtime properties of relationship node instances"

// relatedInstance is the target of a relationship of the operation's instance. An instance that the operation may change
// anyway is the same one.
func (s *session) relatedInstance(r model.InstanceRelationship) *instance {
	if i := s.instances[r.TargetID]; i != nil {
		return i
	}
	i := &instance{id: r.TargetID, node: r.TargetName, refuse: notModifiable}
	s.instances[r.TargetID] = i
	return i
}

// instanceObject is ctx.instance and its like (operations, sections 4.2 and 4.3).
func (s *session) instanceObject(i *instance) *object {
	read := func(pick func(*model.NodeInstance) any) func() (any, error) {
		return func() (any, error) {
			loaded, err := s.loadInstance(i)
			if err != nil {
				return nil, err
			}
			return pick(loaded), nil
		}
	}
	return &object{class: "cloudify.context.NodeInstanceContext", attributes: attributes{
		"id":                 attr(string(i.id)),
		"node":               attr(s.nodeObject(i)),
		"runtime_properties": read(func(*model.NodeInstance) any { return i.properties }),
		"index":              read(func(n *model.NodeInstance) any { return number(n.Index) }),
		"drift":              read(func(n *model.NodeInstance) any { return n.SystemProperties["configuration_drift"] }),
		"scaling_groups": read(func(n *model.NodeInstance) any {
			groups := map[string]any{}
			for _, g := range n.ScalingGroups {
				groups[g.ID] = g.Name
			}
			return groups
		}),
		"relationships": read(func(n *model.NodeInstance) any {
			list := []any{}
			for _, r := range n.Relationships {
				list = append(list, s.relationshipObject(i, r))
			}
			return list
		}),
		"host_ip": func() (any, error) { return s.hostIP(i) },
		"update":  attr(function(func([]any, map[string]any) (any, error) { return nil, s.save(s.ctx, i) })),
		"refresh": attr(function(func(args []any, kwargs map[string]any) (any, error) {
			return nil, s.refresh(i, args, kwargs)
		})),
	}}
}

func (s *session) relationshipObject(i *instance, r model.InstanceRelationship) *object {
	return &object{class: "cloudify.context.RelationshipContext", attributes: attributes{
		"type":   attr(r.Type),
		"target": attr(s.subject(s.relatedInstance(r))),
		"type_hierarchy": func() (any, error) {
			n, err := s.loadNode(i.node, i.id)
			if err != nil {
				return nil, err
			}
			for _, candidate := range n.Relationships {
				if candidate.Type == r.Type && candidate.TargetID == r.TargetName {
					return stringList(candidate.TypeHierarchy), nil
				}
			}
			return []any{r.Type}, nil
		},
	}}
}

func (s *session) refresh(i *instance, args []any, kwargs map[string]any) error {
	bound, err := bind("refresh", args, kwargs, "force")
	if err != nil {
		return err
	}
	force, _ := bound["force"].(bool)
	if i.properties != nil && i.properties.dirty && !force {
		return nonRecoverable("Instance context dirty: call refresh with force to drop the changes")
	}
	i.loaded, i.properties = nil, nil
	return nil
}

// hostIP is the address of the instance's host (operations, section 4.5).
func (s *session) hostIP(i *instance) (any, error) {
	loaded, err := s.loadInstance(i)
	if err != nil {
		return nil, err
	}
	if loaded.HostID == "" {
		return nil, nonRecoverable("host_id missing")
	}
	host := i
	if loaded.HostID != i.id {
		if host = s.instances[loaded.HostID]; host == nil {
			host = &instance{id: loaded.HostID, refuse: notModifiable}
			s.instances[loaded.HostID] = host
		}
	}
	hostLoaded, err := s.loadInstance(host)
	if err != nil {
		return nil, err
	}
	if ip, ok := host.properties.get("ip"); ok && ip != nil && ip != "" {
		return ip, nil
	}
	n, err := s.loadNode(hostLoaded.Node, hostLoaded.ID)
	if err != nil {
		return nil, err
	}
	if ip := n.Properties["ip"]; ip != nil && ip != "" {
		return ip, nil
	}
	return nil, nonRecoverable("could not find ip for host node instance: %s", hostLoaded.ID)
}
