package operation

import (
	"fmt"

	"github.com/reifyhq/reify/internal/model"
)

// Place is where a task goes: the effective executor, its queue and name, and the host it is on.
type Place struct {
	Executor model.Executor
	// Tenant is the tenant of the agent; it differs from the task's for agents behind a proxy of another tenant.
	Tenant model.TenantName
	// Queue and Target are the values of task_queue and task_target.
	Queue  string
	Target string
	HostID model.InstanceID
	// RestHost are the manager's addresses as the agent knows them; empty for the central executor.
	RestHost []string
}

// Address returns the executor's address.
func (p Place) Address() Address {
	if p.Queue == CentralQueue {
		return CentralQueue
	}
	return AgentAddress(p.Tenant, p.Queue)
}

// NeedsPing reports whether the executor must answer a ping before it is sent a task (operations, section 1.2).
func (p Place) NeedsPing() bool { return p.Queue != CentralQueue }

// Unreachable is the error of a task whose executor did not answer the ping.
func (p Place) Unreachable() *model.TaskError {
	return Recoverable("Timed out waiting for agent: "+p.Target, nil)
}

// Directory is what routing reads of the deployment.
type Directory interface {
	// Instance returns a node instance of a tenant.
	Instance(tenant model.TenantName, id model.InstanceID) (*model.NodeInstance, error)
	// Properties returns the properties of an instance's node with intrinsic functions evaluated.
	Properties(tenant model.TenantName, instance *model.NodeInstance) (model.Document, error)
}

// maxProxies bounds how many proxies may stand in front of an agent.
const maxProxies = 8

// Route finds the executor of an operation on an instance; instance is nil for tasks without one. A host without an
// agent is a non-recoverable *Error; an error of the directory is returned as it is.
func Route(d Directory, tenant model.TenantName, executor model.Executor, instance *model.NodeInstance) (Place, error) {
	if executor == model.ExecutorAuto {
		executor = model.ExecutorCentral
		if instance != nil && instance.HostID != "" {
			executor = model.ExecutorHost
		}
	}
	if executor != model.ExecutorHost {
		place := Place{Executor: model.ExecutorCentral, Tenant: tenant, Queue: CentralQueue, Target: CentralQueue}
		if instance != nil {
			place.HostID = instance.HostID
		}
		return place, nil
	}
	if instance == nil || instance.HostID == "" {
		return Place{}, &Error{NonRecoverable("operation needs a host agent but its node instance has no host")}
	}
	return routeHost(d, tenant, instance)
}

func routeHost(d Directory, tenant model.TenantName, instance *model.NodeInstance) (Place, error) {
	hostID := instance.HostID
	for range maxProxies {
		host, err := hostOf(d, tenant, instance)
		if err != nil {
			return Place{}, err
		}
		record, _ := host.RuntimeProperties["cloudify_agent"].(map[string]any)
		queue, _ := record["queue"].(string)
		name, _ := record["name"].(string)
		if queue != "" && name != "" {
			return Place{
				Executor: model.ExecutorHost, Tenant: tenant, Queue: queue, Target: name, HostID: hostID,
				RestHost: addresses(record["rest_host"]),
			}, nil
		}
		proxy, err := proxyOf(d, tenant, host)
		if err != nil {
			return Place{}, err
		}
		if proxy == nil {
			return Place{}, missingAgent(host.ID, queue)
		}
		tenant = proxy.tenant
		if instance, err = d.Instance(tenant, proxy.instance); err != nil {
			return Place{}, fmt.Errorf("find proxy %s of host %s: %w", proxy.instance, host.ID, err)
		}
	}
	return Place{}, &Error{NonRecoverable("%s: more than %d agent proxies in a row", hostID, maxProxies)}
}

func missingAgent(host model.InstanceID, queue string) error {
	what := "name"
	if queue == "" {
		what = "queue"
	}
	return &Error{NonRecoverable("%s: missing cloudify_agent.%s runtime information. This most likely means that "+
		"the Compute node was never started successfully", host, what)}
}

func hostOf(d Directory, tenant model.TenantName, instance *model.NodeInstance) (*model.NodeInstance, error) {
	if instance.HostID == "" || instance.HostID == instance.ID {
		return instance, nil
	}
	host, err := d.Instance(tenant, instance.HostID)
	if err != nil {
		return nil, fmt.Errorf("find host %s of instance %s: %w", instance.HostID, instance.ID, err)
	}
	return host, nil
}

type proxy struct {
	tenant   model.TenantName
	instance model.InstanceID
}

// proxyOf reads agent_config.extra.proxy of the host's node; nil when there is none.
func proxyOf(d Directory, tenant model.TenantName, host *model.NodeInstance) (*proxy, error) {
	properties, err := d.Properties(tenant, host)
	if err != nil {
		return nil, fmt.Errorf("read properties of host %s: %w", host.ID, err)
	}
	config, _ := properties["agent_config"].(map[string]any)
	extra, _ := config["extra"].(map[string]any)
	entry, _ := extra["proxy"].(map[string]any)
	instance, _ := entry["node_instance"].(string)
	if instance == "" {
		return nil, nil
	}
	p := &proxy{tenant: tenant, instance: model.InstanceID(instance)}
	if name, _ := entry["tenant"].(string); name != "" {
		p.tenant = model.TenantName(name)
	}
	return p, nil
}

func addresses(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}
