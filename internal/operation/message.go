package operation

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/reifyhq/reify/internal/model"
)

// contextKey is the input under which the context travels.
const contextKey = "__cloudify_context"

// formatVersion is the version of the context's format.
const formatVersion = "0.3"

// Types of messages.
const (
	TypeOperation = "operation"
	TypeWorkflow  = "workflow"
	TypeHook      = "hook"
)

// Message is one task for an executor (operations, section 1.3).
type Message struct {
	// ID is the id of the task.
	ID string
	// Context says where, for whom and on what the task runs.
	Context Context
	// Kwargs are the inputs, Args positional arguments (hooks only).
	Kwargs model.Document
	Args   []any
	// Address is the executor that the message is for, and ReportKey what it has to send with its reports, when the
	// executor is an agent: a message that comes to another one is not obeyed.
	Address   Address
	ReportKey string
}

// Context is __cloudify_context (operations, section 1.4). Nil pointers and slices are null on the wire.
type Context struct {
	Version            string             `json:"__cloudify_context"`
	Type               string             `json:"type"`
	TaskID             model.TaskID       `json:"task_id"`
	TaskName           string             `json:"task_name"`
	TaskQueue          string             `json:"task_queue"`
	TaskTarget         string             `json:"task_target"`
	ExecutionID        model.ExecutionID  `json:"execution_id"`
	WorkflowID         string             `json:"workflow_id"`
	Tenant             Tenant             `json:"tenant"`
	Timeout            *float64           `json:"timeout"`
	TimeoutRecoverable *bool              `json:"timeout_recoverable"`
	NodeID             model.InstanceID   `json:"node_id,omitempty"`
	NodeName           model.NodeID       `json:"node_name,omitempty"`
	Related            *Related           `json:"related,omitempty"`
	Plugin             Plugin             `json:"plugin"`
	Operation          Call               `json:"operation"`
	HasFunctions       bool               `json:"has_intrinsic_functions"`
	HostID             *model.InstanceID  `json:"host_id"`
	Executor           model.Executor     `json:"executor"`
	ExecutionEnv       map[string]string  `json:"execution_env,omitempty"`
	Local              bool               `json:"local"`
	RestToken          string             `json:"rest_token,omitempty"`
	RestHost           []string           `json:"rest_host"`
	RestPort           int                `json:"rest_port"`
	RestSSLCert        string             `json:"rest_ssl_cert,omitempty"`
	BypassMaintenance  bool               `json:"bypass_maintenance"`
	WorkflowParameters model.Document     `json:"workflow_parameters"`
	ExecutionToken     string             `json:"execution_token,omitempty"`
	ExecutionCreator   model.UserName     `json:"execution_creator_username"`
	BlueprintID        model.BlueprintID  `json:"blueprint_id"`
	DeploymentID       model.DeploymentID `json:"deployment_id"`
	DeploymentDisplay  string             `json:"deployment_display_name"`
	DeploymentCreator  model.UserName     `json:"deployment_creator"`
	ResourceTags       json.RawMessage    `json:"deployment_resource_tags"`
	RuntimeOnly        bool               `json:"runtime_only_evaluation"`
	Resume             bool               `json:"resume,omitempty"`
	NoCtxKwarg         bool               `json:"no_ctx_kwarg,omitempty"`
	TenantName         model.TenantName   `json:"tenant_name,omitempty"`
}

// Tenant is the tenant of a task.
type Tenant struct {
	Name model.TenantName `json:"name"`
}

// Related is the other side of a relationship operation.
type Related struct {
	NodeID   model.InstanceID `json:"node_id"`
	NodeName model.NodeID     `json:"node_name"`
	// IsTarget is true when the related side is the target: the operation runs on the source.
	IsTarget bool `json:"is_target"`
}

// Plugin is the plugin of a task; the zero value is {} on the wire.
type Plugin struct {
	Name           string           `json:"name,omitempty"`
	PackageName    *string          `json:"package_name,omitempty"`
	PackageVersion *string          `json:"package_version,omitempty"`
	Visibility     model.Visibility `json:"visibility,omitempty"`
	TenantName     model.TenantName `json:"tenant_name,omitempty"`
	Source         *string          `json:"source,omitempty"`
	Properties     model.Document   `json:"properties,omitempty"`
	// InstallArguments are for the installer; the reference does not send them.
	InstallArguments *string `json:"install_arguments,omitempty"`
}

// Call is the interface operation that a task carries out.
type Call struct {
	Name         string `json:"name"`
	RetryNumber  int    `json:"retry_number"`
	MaxRetries   int    `json:"max_retries"`
	Relationship string `json:"relationship,omitempty"`
}

// Dispatch is everything a task message is made of. Task, Execution and Deployment are required; Task must be a remote
// task.
type Dispatch struct {
	Task       *model.Task
	Execution  *model.Execution
	Deployment *model.Deployment
	// Place is where the task goes (see Route).
	Place Place
	// Token is the execution token, in clear.
	Token string
	// RestHost and RestPort are where operations reach the manager; Place.RestHost wins over RestHost.
	RestHost []string
	RestPort int
	// Kwargs are the inputs with intrinsic functions evaluated; nil takes those of the task as they are and leaves the
	// evaluation to the executor.
	Kwargs model.Document
	// PluginProperties are the evaluated properties of the plugin; nil takes those of the plan.
	PluginProperties model.Document
	// ExecutionEnv are extra environment variables for operations of the central executor.
	ExecutionEnv map[string]string
	// Resume is set when the task was started before.
	Resume bool
	Bypass bool
}

// Build returns the message of a remote task. Nothing of the message is shared with the dispatch except the values
// inside documents, which nobody may change.
func Build(d Dispatch) (*Message, error) {
	if d.Task == nil || d.Execution == nil || d.Deployment == nil {
		return nil, errors.New("build task message: task, execution and deployment are needed")
	}
	call := d.Task.Parameters.Operation
	if call == nil {
		return nil, fmt.Errorf("build message of task %s: it has no operation", d.Task.ID)
	}
	kwargs, hasFunctions := maps.Clone(d.Kwargs), false
	if kwargs == nil {
		kwargs, hasFunctions = maps.Clone(call.Kwargs), call.Operation.HasIntrinsicFunctions
	}
	if kwargs == nil {
		kwargs = model.Document{}
	}
	m := &Message{ID: string(d.Task.ID), Context: buildContext(d, call), Kwargs: kwargs}
	m.Context.HasFunctions = hasFunctions
	return m, nil
}

func buildContext(d Dispatch, call *model.OperationCall) Context {
	p := d.Task.Parameters
	c := Context{
		Version:            formatVersion,
		Type:               TypeOperation,
		TaskID:             d.Task.ID,
		TaskName:           call.Operation.Function,
		TaskQueue:          d.Place.Queue,
		TaskTarget:         d.Place.Target,
		ExecutionID:        d.Execution.ID,
		WorkflowID:         d.Execution.Workflow,
		Tenant:             Tenant{d.Execution.Tenant},
		Timeout:            call.Operation.Timeout,
		TimeoutRecoverable: call.Operation.TimeoutRecoverable,
		NodeID:             call.Instance,
		NodeName:           call.Node,
		Plugin:             buildPlugin(d, call),
		Operation: Call{
			Name: call.Name, RetryNumber: p.CurrentRetries, MaxRetries: p.TotalRetries, Relationship: call.Side,
		},
		Executor:           d.Place.Executor,
		RestHost:           d.RestHost,
		RestPort:           d.RestPort,
		BypassMaintenance:  d.Bypass,
		WorkflowParameters: d.Execution.Parameters,
		ExecutionToken:     d.Token,
		ExecutionCreator:   d.Execution.CreatedBy,
		BlueprintID:        d.Deployment.Blueprint,
		DeploymentID:       d.Deployment.ID,
		DeploymentDisplay:  d.Deployment.DisplayName,
		DeploymentCreator:  d.Deployment.CreatedBy,
		ResourceTags:       d.Deployment.ResourceTags,
		RuntimeOnly:        d.Deployment.RuntimeOnlyEvaluation,
		Resume:             d.Resume,
	}
	if call.Side != "" {
		c.Related = &Related{NodeID: call.Related, NodeName: call.RelatedNode, IsTarget: call.Side == "source"}
	}
	if d.Place.HostID != "" {
		c.HostID = &d.Place.HostID
	}
	if len(d.Place.RestHost) > 0 {
		c.RestHost = d.Place.RestHost
	}
	if d.Place.Executor == model.ExecutorCentral {
		c.ExecutionEnv = d.ExecutionEnv
	}
	return c
}

func buildPlugin(d Dispatch, call *model.OperationCall) Plugin {
	p := Plugin{
		Name:           call.Plugin.Name,
		PackageName:    call.Plugin.PackageName,
		PackageVersion: call.Plugin.PackageVersion,
		Source:         call.Plugin.Source,
		Properties:     d.PluginProperties,

		InstallArguments: call.Plugin.InstallArguments,
	}
	if p.Properties == nil {
		p.Properties = call.Plugin.Properties
	}
	if p.Name != "" {
		p.Visibility, p.TenantName = d.Deployment.Visibility, d.Execution.Tenant
	}
	return p
}

type wireMessage struct {
	ID        string   `json:"id"`
	Task      wireTask `json:"cloudify_task"`
	Address   Address  `json:"address,omitempty"`
	ReportKey string   `json:"report_key,omitempty"`
}

type wireTask struct {
	Kwargs map[string]json.RawMessage `json:"kwargs"`
	Args   []any                      `json:"args,omitempty"`
}

// Encode returns the JSON of the message.
func (m *Message) Encode() ([]byte, error) {
	kwargs := make(map[string]json.RawMessage, len(m.Kwargs)+1)
	for k, v := range m.Kwargs {
		raw, err := model.EncodeJSON(v)
		if err != nil {
			return nil, fmt.Errorf("encode message of task %s: input %s: %w", m.ID, k, err)
		}
		kwargs[k] = raw
	}
	context, err := model.EncodeJSON(m.Context)
	if err != nil {
		return nil, fmt.Errorf("encode message of task %s: context: %w", m.ID, err)
	}
	kwargs[contextKey] = context
	data, err := model.EncodeJSON(wireMessage{
		ID: m.ID, Task: wireTask{Kwargs: kwargs, Args: m.Args}, Address: m.Address, ReportKey: m.ReportKey,
	})
	if err != nil {
		return nil, fmt.Errorf("encode message of task %s: %w", m.ID, err)
	}
	return data, nil
}

// DecodeMessage reads a message and refuses one without a context.
func DecodeMessage(data []byte) (*Message, error) {
	var w wireMessage
	if err := model.DecodeJSON(data, &w); err != nil {
		return nil, fmt.Errorf("decode task message: %w", err)
	}
	raw, ok := w.Task.Kwargs[contextKey]
	if !ok {
		return nil, fmt.Errorf("decode message of task %s: no %s", w.ID, contextKey)
	}
	m := &Message{ID: w.ID, Kwargs: model.Document{}, Args: w.Task.Args, Address: w.Address, ReportKey: w.ReportKey}
	if err := model.DecodeJSON(raw, &m.Context); err != nil {
		return nil, fmt.Errorf("decode message of task %s: context: %w", w.ID, err)
	}
	for k, raw := range w.Task.Kwargs {
		if k == contextKey {
			continue
		}
		var v any
		if err := model.DecodeJSON(raw, &v); err != nil {
			return nil, fmt.Errorf("decode message of task %s: input %s: %w", w.ID, k, err)
		}
		m.Kwargs[k] = v
	}
	return m, nil
}
