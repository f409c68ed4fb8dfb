// Package component is the built-in plugin of nested deployments: the operations of cloudify.nodes.Component,
// ServiceComponent, SharedResource, Blueprint and PasswordSecret (workflows, section 13).
//
// The operations run beside the manager and do what they do through its REST API, with the token of the execution they
// belong to: they may do what that execution may do, and nothing else. They keep what they made in the runtime properties
// of their instance, under the names that the original uses, and may be started again at any point: what is there is
// taken up, not made twice.
//
// What mostly waits for another execution holds no slot of the executor (agent.Function.Waits).
package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/agent"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/script"
)

// plugin is the module below which the built-in types look for their operations.
const plugin = "cloudify_types."

// Functions returns the operations by the names of their tasks; own returns the API of the manager for a task.
func Functions(own func(*operation.Message) *client.Client, c clock.Clock) map[string]agent.Function {
	out := map[string]agent.Function{}
	for name, do := range map[string]func(*run) error{
		"component.upload_blueprint": (*run).uploadBlueprint, "component.create": (*run).createDeployment,
		"component.execute_start": (*run).executeStart, "component.delete": (*run).deleteDeployment,
		"component.refresh": (*run).refresh, "component.check_drift": (*run).componentDrift,
		"component.heal": (*run).heal, "component.update": (*run).update, "component.check_status": (*run).componentStatus,
		"shared_resource.connect_deployment": (*run).connect, "shared_resource.disconnect_deployment": (*run).disconnect,
		"shared_resource.refresh": (*run).refresh, "shared_resource.check_drift": (*run).sharedDrift,
		"shared_resource.check_status": (*run).sharedStatus, "shared_resource.execute_workflow": (*run).executeShared,
		"blueprint.upload": (*run).uploadBlueprintAlone, "blueprint.delete": (*run).deleteBlueprintAlone,
		"password_secret.create": (*run).createPassword, "password_secret.delete": (*run).deletePassword,
		"password_secret.creation_validation": (*run).validatePassword,
	} {
		out[plugin+name] = agent.Function{Resumable: true, Waits: true, Run: func(ctx context.Context, op *agent.Operation) operation.Result {
			r := &run{ctx: ctx, op: op, own: own(op.Message), clock: c, name: name}
			return r.result(do)
		}}
	}
	return out
}

// run is one attempt of one operation.
type run struct {
	ctx   context.Context
	op    *agent.Operation
	own   *client.Client
	clock clock.Clock
	name  string

	// there is the manager that the nested deployment is on; isFar says that it is not this one, or another tenant of it.
	there *client.Client
	isFar bool

	node     *model.Node
	instance *model.NodeInstance
	value    any
}

// result runs the operation and turns its error into what the original raises: everything ends the operation, except that
// what a cancelling execution may not do is tried again (workflows, section 13.1).
func (r *run) result(do func(*run) error) operation.Result {
	err := r.open()
	if err == nil {
		err = do(r)
	}
	var known *operation.Error
	switch {
	case err == nil:
		value, err := json.Marshal(r.value)
		if err != nil {
			return operation.Fail(operation.NonRecoverable("%v", err))
		}
		return operation.Result{Value: value}
	case errors.As(err, &known):
		return operation.Fail(known.Task)
	case client.HasCode(err, fault.ForbiddenWhileCancelling):
		return operation.Fail(operation.Retry("the execution is being cancelled", nil))
	}
	r.logf("error", "%s failed: %v", r.name, err)
	return operation.Fail(operation.NonRecoverable("Error in %s: %v", function(r.name), err))
}

// function is the last part of a task's name.
func function(name string) string {
	for k := len(name) - 1; k >= 0; k-- {
		if name[k] == '.' {
			return name[k+1:]
		}
	}
	return name
}

func (r *run) context() *operation.Context { return &r.op.Message.Context }

// open reads the instance that the operation is about: of a relationship operation the target.
func (r *run) open() (err error) {
	c := r.context()
	if r.instance, err = r.op.Manager.NodeInstance(r.ctx, c.NodeID); err != nil {
		return err
	}
	if r.instance.RuntimeProperties == nil {
		r.instance.RuntimeProperties = model.Document{}
	}
	if r.node, err = r.op.Manager.Node(r.ctx, c.DeploymentID, c.NodeName, c.NodeID); err != nil {
		return err
	}
	return r.connectTo()
}

// properties are the runtime properties; save stores them.
func (r *run) properties() model.Document { return r.instance.RuntimeProperties }

func (r *run) save() error {
	i := r.instance
	if err := r.op.Manager.UpdateNodeInstance(r.ctx, i.ID, i.Version, i.RuntimeProperties, i.State); err != nil {
		return err
	}
	fresh, err := r.op.Manager.NodeInstance(r.ctx, i.ID)
	if err == nil {
		i.Version = fresh.Version
	}
	return err
}

func (r *run) set(key string, v any) error {
	r.properties()[key] = v
	return r.save()
}

// setting looks a value up: in the inputs of the operation, the runtime properties and the properties of the node.
func (r *run) setting(key string) any {
	for _, from := range []model.Document{r.op.Message.Kwargs, r.properties(), r.node.Properties} {
		if v, ok := from[key]; ok && !isEmpty(v) {
			return v
		}
	}
	return nil
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case model.Document:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// object reads a value as an object; anything else is an empty one.
func object(v any) model.Document {
	switch v := v.(type) {
	case map[string]any:
		return v
	case model.Document:
		return v
	}
	return model.Document{}
}

func text(v any) string { s, _ := v.(string); return s }

func truth(v any, otherwise bool) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v == "true" || v == "True"
	}
	return otherwise
}

// seconds reads a number of seconds.
func seconds(v any, otherwise time.Duration) time.Duration {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return time.Duration(f * float64(time.Second))
		}
	case float64:
		return time.Duration(v * float64(time.Second))
	}
	return otherwise
}

// config is a part of resource_config: blueprint or deployment.
func (r *run) config(part string) model.Document {
	return object(object(r.setting("resource_config"))[part])
}

// deployment is the id of the nested deployment.
func (r *run) deployment() model.DeploymentID {
	if id := text(object(r.properties()["deployment"])["id"]); id != "" {
		return model.DeploymentID(id)
	}
	return model.DeploymentID(text(r.config("deployment")["id"]))
}

// timestamp is how records of operations write an instant.
const timestamp = "2006-01-02T15:04:05.000Z"

func (r *run) logf(level, format string, args ...any) {
	c := r.context()
	r.op.Emit(script.Record{
		Context: script.ContextOf(c), Logger: "ctx." + string(c.TaskID), Level: level,
		Message: script.RecordMessage{Text: fmt.Sprintf(format, args...)}, Timestamp: r.clock.Now().UTC().Format(timestamp), Type: model.KindLog,
	})
}

// pollInterval is the pause between two looks at what is waited for.
const pollInterval = time.Second

// pause waits; the error is that of a killed attempt.
func (r *run) pause(d time.Duration) error {
	timer := r.clock.NewTimer(max(d, 10*time.Millisecond))
	defer timer.Stop()
	select {
	case <-r.ctx.Done():
		return r.ctx.Err()
	case <-timer.C():
		return nil
	}
}

// poll asks until done says so; a negative limit never ends. late is the error when it ends.
func (r *run) poll(limit, interval time.Duration, late error, done func() (bool, error)) error {
	deadline := r.clock.Now().Add(limit)
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if limit >= 0 && !r.clock.Now().Before(deadline) {
			return late
		}
		if err := r.pause(interval); err != nil {
			return err
		}
	}
}
