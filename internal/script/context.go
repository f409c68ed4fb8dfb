package script

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/script/pytext"
)

const readOnly = "Cannot override read only properties"

type attributes = map[string]func() (any, error)

// rootObject is ctx (operations, section 4.2).
func (s *session) rootObject() *object {
	c := s.c
	o := &object{class: "cloudify.context.CloudifyContext", attributes: attributes{
		"type":                       attr(s.kind()),
		"execution_id":               attr(string(c.ExecutionID)),
		"workflow_id":                attr(c.WorkflowID),
		"task_id":                    attr(string(c.TaskID)),
		"task_name":                  attr(c.TaskName),
		"task_target":                attr(c.TaskTarget),
		"task_queue":                 attr(c.TaskQueue),
		"tenant_name":                attr(string(c.Tenant.Name)),
		"rest_host":                  attr(stringList(c.RestHost)),
		"rest_port":                  attr(c.RestPort),
		"rest_token":                 attr(c.RestToken),
		"execution_token":            attr(c.ExecutionToken),
		"resume":                     attr(c.Resume),
		"bypass_maintenance":         attr(c.BypassMaintenance),
		"execution_creator_username": attr(string(c.ExecutionCreator)),
		"workflow_parameters":        attr(map[string]any(c.WorkflowParameters)),
		"blueprint":                  attr(&object{class: "cloudify.context.BlueprintContext", attributes: attributes{"id": attr(string(c.BlueprintID))}}),
		"deployment":                 attr(s.deploymentObject()),
		"operation":                  attr(s.operationObject()),
		"plugin":                     attr(s.pluginObject()),
		"logger":                     attr(s.loggerObject()),
		"node":                       s.nodeOfKind,
		"instance":                   s.instanceOfKind,
		"source":                     func() (any, error) { return s.side(true) },
		"target":                     func() (any, error) { return s.side(false) },
		"capabilities":               attr(s.capabilitiesObject()),
		"agent":                      attr(s.agentObject()),
		"tenant":                     s.tenant,
		"provider_context":           func() (any, error) { return s.read("provider/context", "context") },
		"bootstrap_context":          s.bootstrapContext,
		"returns":                    attr(function(s.returns)),
		"abort_operation":            attr(function(s.abort)),
		"retry_operation":            attr(function(s.retryOperation)),
		"send_event":                 attr(function(s.sendEventCall)),
		"get_execution":              attr(function(s.getExecution)),
		"get_config":                 attr(function(s.getConfig)),
	}}
	s.addResourceCalls(o.attributes)
	return o
}

func stringList(all []string) []any {
	list := make([]any, len(all))
	for i := range all {
		list[i] = all[i]
	}
	return list
}

func (s *session) deploymentObject() *object {
	var tags any
	// Absent or malformed tags are None, as in the reference.
	_ = model.DecodeJSON(s.c.ResourceTags, &tags)
	return &object{class: "cloudify.context.DeploymentContext", attributes: attributes{
		"id":                      attr(string(s.c.DeploymentID)),
		"tenant_name":             attr(string(s.c.Tenant.Name)),
		"display_name":            attr(s.c.DeploymentDisplay),
		"creator":                 attr(string(s.c.DeploymentCreator)),
		"resource_tags":           attr(tags),
		"runtime_only_evaluation": attr(s.c.RuntimeOnly),
	}}
}

func (s *session) operationObject() *object {
	op := s.c.Operation
	var relationship any
	if op.Relationship != "" {
		relationship = op.Relationship
	}
	return &object{class: "cloudify.context.OperationContext", attributes: attributes{
		"name":         attr(op.Name),
		"retry_number": attr(op.RetryNumber),
		"max_retries":  attr(op.MaxRetries),
		"relationship": attr(relationship),
		"retry":        attr(function(s.retry)),
	}}
}

func (s *session) pluginObject() *object {
	p := s.c.Plugin
	return &object{class: "cloudify.context.PluginContext", text: &p.Name, attributes: attributes{
		"name":            attr(p.Name),
		"package_name":    attr(optional(p.PackageName)),
		"package_version": attr(optional(p.PackageVersion)),
		"source":          attr(optional(p.Source)),
		"properties":      attr(&tracked{values: map[string]any(p.Properties), refuse: readOnly}),
		"workdir":         s.pluginWorkdir,
	}}
}

func optional(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

// pluginWorkdir is the directory in which a plugin may keep files; it is made on demand.
func (s *session) pluginWorkdir() (any, error) {
	if s.c.Plugin.Name == "" || s.req.WorkDir == "" {
		return nil, nil
	}
	base := s.req.WorkDir
	tenantDir := filepath.Join(base, "deployments", filepath.Base(string(s.c.Tenant.Name)))
	if _, err := os.Stat(tenantDir); err == nil && s.c.DeploymentID != "" {
		base = filepath.Join(tenantDir, filepath.Base(string(s.c.DeploymentID)))
	}
	dir := filepath.Join(base, "plugins", filepath.Base(s.c.Plugin.Name))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, &Exception{"OSError", err.Error()}
	}
	return dir, nil
}

func (s *session) loggerObject() *object {
	o := &object{class: "logging.Logger", attributes: attributes{"name": attr("ctx." + string(s.c.TaskID))}}
	for method, level := range map[string]string{
		"debug": "debug", "info": "info", "warning": "warning", "warn": "warning", "error": "error",
		"exception": "error", "critical": "critical", "fatal": "critical",
	} {
		o.attributes[method] = s.logCall(level)
	}
	return o
}

func (s *session) nodeOfKind() (any, error) {
	if err := s.needs("node-instance", "ctx.node/ctx.instance"); err != nil {
		return nil, err
	}
	return s.nodeObject(s.instances[s.c.NodeID]), nil
}

func (s *session) instanceOfKind() (any, error) {
	if err := s.needs("node-instance", "ctx.node/ctx.instance"); err != nil {
		return nil, err
	}
	return s.instanceObject(s.instances[s.c.NodeID]), nil
}

func (s *session) side(source bool) (any, error) {
	if err := s.needs("relationship-instance", "ctx.source/ctx.target"); err != nil {
		return nil, err
	}
	from, to := s.sides()
	if !source {
		from = to
	}
	return s.subject(from), nil
}

// needs refuses an attribute that another kind of operation has (operations, section 4.1).
func (s *session) needs(kind, what string) error {
	if s.kind() == kind {
		return nil
	}
	return nonRecoverable("%s can only be used in a %s context but used in a %s context.", what, kind, s.kind())
}

// subject is a pair of node and instance: ctx.source, ctx.target and the target of a relationship.
func (s *session) subject(i *instance) *object {
	return &object{class: "cloudify.context.RelationshipSubjectContext", attributes: attributes{
		"node":     attr(s.nodeObject(i)),
		"instance": attr(s.instanceObject(i)),
	}}
}

func (s *session) nodeObject(i *instance) *object {
	read := func(pick func(*model.Node) any) func() (any, error) {
		return func() (any, error) {
			n, err := s.loadNode(i.node, i.id)
			if err != nil {
				return nil, err
			}
			return pick(n), nil
		}
	}
	return &object{class: "cloudify.context.NodeContext", attributes: attributes{
		"id":                  attr(string(i.node)),
		"name":                attr(string(i.node)),
		"type":                read(func(n *model.Node) any { return n.Type }),
		"type_hierarchy":      read(func(n *model.Node) any { return stringList(n.TypeHierarchy) }),
		"number_of_instances": read(func(n *model.Node) any { return n.Number }),
		"properties": read(func(n *model.Node) any {
			return &tracked{values: map[string]any(n.Properties), refuse: readOnly}
		}),
	}}
}

func (s *session) tenant() (any, error) {
	return s.read("tenants/"+string(s.c.Tenant.Name), "")
}

// read asks the manager for a document and returns the value under key, or all of it.
func (s *session) read(path, key string) (any, error) {
	data, err := s.manager.Get(s.ctx, path)
	if err != nil {
		return nil, clientError(err, "read %s", path)
	}
	var v any
	if err := model.DecodeJSON(data, &v); err != nil {
		return nil, clientError(err, "read %s", path)
	}
	if m, ok := v.(map[string]any); ok && key != "" {
		return m[key], nil
	}
	return v, nil
}

func (s *session) bootstrapContext() (any, error) {
	v, err := s.read("provider/context", "context")
	if err != nil {
		return nil, err
	}
	m, _ := v.(map[string]any)
	section, _ := m["cloudify"].(map[string]any)
	return fields("cloudify.context.BootstrapContext", section), nil
}

// fields turns a document into an object, so that keys are found with dashes too.
func fields(class string, m map[string]any) *object {
	o := &object{class: class, attributes: attributes{}}
	for key, value := range m {
		if inner, ok := value.(map[string]any); ok {
			o.attributes[key] = attr(fields(class, inner))
		} else {
			o.attributes[key] = attr(value)
		}
	}
	return o
}

func (s *session) sendEventCall(args []any, kwargs map[string]any) (any, error) {
	bound, err := bind("send_event", args, kwargs, "event")
	if err != nil {
		return nil, err
	}
	text, err := required("send_event", bound, "event")
	if err != nil {
		return nil, err
	}
	s.sendEvent(text)
	return nil, nil
}

func (s *session) getExecution(args []any, kwargs map[string]any) (any, error) {
	bound, err := bind("get_execution", args, kwargs, "execution_id")
	if err != nil {
		return nil, err
	}
	id := string(s.c.ExecutionID)
	if v := bound["execution_id"]; v != nil {
		id = pytext.Str(v)
	}
	return s.read("executions/"+id, "")
}

func (s *session) getConfig(args []any, kwargs map[string]any) (any, error) {
	bound, err := bind("get_config", args, kwargs, "name", "scope")
	if err != nil {
		return nil, err
	}
	path := "config"
	if name := bound["name"]; name != nil {
		path += "/" + pytext.Str(name)
	}
	if scope := bound["scope"]; scope != nil {
		path += "?scope=" + pytext.Str(scope)
	}
	return s.read(path, "")
}

// capabilitiesObject is the deprecated ctx.capabilities: the runtime properties of what the instance is related to.
func (s *session) capabilitiesObject() *object {
	all := func() (map[string]any, error) {
		own, err := s.loadInstance(s.instances[s.c.NodeID])
		if err != nil {
			return nil, err
		}
		found := map[string]any{}
		for _, r := range own.Relationships {
			target := s.relatedInstance(r)
			if _, err := s.loadInstance(target); err != nil {
				return nil, err
			}
			found[string(r.TargetID)] = target.properties.items()
		}
		return found, nil
	}
	return &object{class: "cloudify.context.ContextCapabilities", attributes: attributes{
		"get_all": attr(function(func([]any, map[string]any) (any, error) {
			if s.kind() != "node-instance" {
				return map[string]any{}, nil
			}
			return all()
		})),
		"get": attr(function(func(args []any, kwargs map[string]any) (any, error) {
			bound, err := bind("get", args, kwargs, "key")
			if err != nil {
				return nil, err
			}
			key, err := required("get", bound, "key")
			if err != nil {
				return nil, err
			}
			if s.kind() != "node-instance" {
				return nil, nonRecoverable("capability '%s' not found", key)
			}
			found, err := all()
			if err != nil {
				return nil, err
			}
			return capability(found, key)
		})),
	}}
}

func capability(all map[string]any, key string) (any, error) {
	var hits []any
	for _, properties := range all {
		if m, ok := properties.(map[string]any); ok {
			if v, ok := m[key]; ok {
				hits = append(hits, v)
			}
		}
	}
	switch len(hits) {
	case 0:
		return nil, nonRecoverable("capability '%s' not found in any relationship target", key)
	case 1:
		return hits[0], nil
	}
	return nil, nonRecoverable("'%s' capability ambiguity: %d relationship targets have it", key, len(hits))
}

// number is a whole number as JSON values have it.
func number(n int) json.Number { return json.Number(strings.TrimSpace(pytext.Repr(n))) }
