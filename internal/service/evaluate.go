package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/reifyhq/reify/internal/change"
	"github.com/reifyhq/reify/internal/dependency"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/engine"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Outputs returns the outputs of a deployment, evaluated now.
func (s *Service) Outputs(ctx context.Context, a *Actor, id model.DeploymentID) (map[string]any, error) {
	if err := a.RequireTenant("deployment_modification_outputs"); err != nil {
		return nil, err
	}
	return s.evaluateEntries(ctx, a, id, fault.OutputsEvaluation, func(d *model.Deployment) model.Document { return d.Outputs },
		fn.EvaluateOutputs)
}

// Capabilities returns the capabilities of a deployment, evaluated now.
func (s *Service) Capabilities(ctx context.Context, a *Actor, id model.DeploymentID) (map[string]any, error) {
	if err := a.RequireTenant("deployment_capabilities"); err != nil {
		return nil, err
	}
	return s.evaluateEntries(ctx, a, id, fault.CapabilitiesEvaluation, func(d *model.Deployment) model.Document { return d.Capabilities },
		fn.EvaluateCapabilities)
}

func (s *Service) evaluateEntries(ctx context.Context, a *Actor, id model.DeploymentID, code fault.Code,
	pick func(*model.Deployment) model.Document, evaluate func(context.Context, *value.Map, fn.Storage) (*value.Map, error),
) (out map[string]any, err error) {
	d, err := s.deployment(ctx, a, id)
	if err != nil {
		return nil, err
	}
	entries, err := change.ToValue(pick(d))
	if err != nil {
		return nil, err
	}
	values, err := evaluate(ctx, entries, s.runtime(d))
	if err != nil {
		return nil, evaluationFault(err, code)
	}
	return fromValue(values)
}

// EvaluateFunctions evaluates the intrinsic functions in a payload, as operations ask for it.
func (s *Service) EvaluateFunctions(ctx context.Context, a *Actor, id model.DeploymentID, payload model.Document,
	self, source, target string,
) (map[string]any, error) {
	if err := a.RequireTenant("functions_evaluate"); err != nil {
		return nil, err
	}
	d, err := s.deployment(ctx, a, id)
	if err != nil {
		return nil, err
	}
	out, err := evaluateDocument(ctx, payload, fn.Scope{Self: self, Source: source, Target: target, Path: "payload"}, s.runtime(d))
	if err != nil {
		return nil, evaluationFault(err, fault.FunctionsEvaluation)
	}
	return out, nil
}

// EvaluateNodes evaluates the properties of nodes as seen from the instance self, which may be empty.
func (s *Service) EvaluateNodes(ctx context.Context, nodes []*NodeView, self model.InstanceID) error {
	for _, n := range nodes {
		d, err := s.ownDeployment(ctx, n.Tenant, n.Deployment)
		if err != nil {
			return err
		}
		out, err := evaluateDocument(ctx, n.Properties, fn.Scope{Self: string(self), Path: "nodes." + string(n.ID)}, s.runtime(d))
		if err != nil {
			return evaluationFault(err, fault.FunctionsEvaluation)
		}
		n.Properties = out
	}
	return nil
}

// EvaluateInstance evaluates the runtime properties of an instance.
func (s *Service) EvaluateInstance(ctx context.Context, i *model.NodeInstance) error {
	d, err := s.ownDeployment(ctx, i.Tenant, i.Deployment)
	if err != nil {
		return err
	}
	out, err := evaluateDocument(ctx, i.RuntimeProperties, fn.Scope{Self: string(i.ID), Path: "node_instances." + string(i.ID)}, s.runtime(d))
	if err != nil {
		return evaluationFault(err, fault.FunctionsEvaluation)
	}
	i.RuntimeProperties = out
	return nil
}

func (s *Service) ownDeployment(ctx context.Context, t model.TenantName, id model.DeploymentID) (d *model.Deployment, err error) {
	err = s.Store.View(ctx, func(tx store.Reader) error {
		d, err = tx.Deployment(t, id)
		return err
	})
	return d, err
}

func evaluationFault(err error, code fault.Code) error {
	var e *diag.Error
	if errors.As(err, &e) {
		return fault.Wrap(err, code, "%s", e.Message)
	}
	return err
}

// evaluateDocument returns the document with its functions replaced. A document without any is returned as it is.
func evaluateDocument(ctx context.Context, d model.Document, scope fn.Scope, st fn.Storage) (model.Document, error) {
	if len(d) == 0 {
		return d, nil
	}
	v, err := change.ToValue(d)
	if err != nil {
		return nil, err
	}
	out, err := fn.Evaluate(ctx, v, scope, st)
	if err != nil {
		return nil, err
	}
	return fromValue(out)
}

// fromValue converts a value tree of the language to a document.
func fromValue(v any) (map[string]any, error) {
	data, err := dsl.EncodeJSON(v)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, model.DecodeJSON(data, &out)
}

// Evaluator returns the engine's view of evaluation.
func (s *Service) Evaluator() engine.Evaluator { return evaluator{s} }

type evaluator struct{ s *Service }

// Inputs evaluates the inputs of an operation; one without functions costs nothing.
func (e evaluator) Inputs(ctx context.Context, x *model.Execution, c *model.OperationCall) (model.Document, error) {
	if !c.Operation.HasIntrinsicFunctions {
		return c.Kwargs, nil
	}
	d, err := e.s.ownDeployment(ctx, x.Tenant, x.Deployment)
	if err != nil {
		return nil, err
	}
	scope := fn.Scope{Self: string(c.Instance), Path: fmt.Sprintf("nodes.%s.operations.%s", c.Node, c.Name)}
	switch c.Side {
	case "source":
		scope = fn.Scope{Source: string(c.Instance), Target: string(c.Related), Path: scope.Path}
	case "target":
		scope = fn.Scope{Source: string(c.Related), Target: string(c.Instance), Path: scope.Path}
	}
	return evaluateDocument(ctx, c.Kwargs, scope, e.s.runtime(d))
}

// Properties evaluates the properties of an instance's node.
func (e evaluator) Properties(ctx context.Context, t model.TenantName, i *model.NodeInstance) (model.Document, error) {
	d, err := e.s.ownDeployment(ctx, t, i.Deployment)
	if err != nil {
		return nil, err
	}
	rt := e.s.runtime(d)
	n, err := rt.node(ctx, string(i.Node))
	if err != nil {
		return nil, err
	}
	return evaluateDocument(ctx, n.Properties, fn.Scope{Self: string(i.ID), Path: "nodes." + string(i.Node)}, rt)
}

// Targets evaluates the functions that say which deployments the given one depends on, and returns what writes the
// targets that changed (workflows, section 8.9). A function whose value is not there yet leaves its dependency open.
func (s *Service) Targets(ctx context.Context, t model.TenantName, id model.DeploymentID) (func(store.Tx) error, error) {
	var d *model.Deployment
	var list []*model.Dependency
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		if list, err = dependency.Of(tx, t, id); err != nil || len(list) == 0 {
			return err
		}
		d, err = tx.Deployment(t, id)
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	found := map[model.DependencyID]model.DeploymentID{}
	for _, o := range list {
		if d == nil || o.TargetFunction == nil || o.ExternalTarget != nil {
			continue
		}
		if target, ok := s.target(ctx, d, o); ok && target != o.Target {
			found[o.ID] = target
		}
	}
	return func(tx store.Tx) error {
		for key, target := range found {
			o, err := tx.Dependency(t, key)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if _, err := dependency.Retarget(tx, s.dependencyEnv(), o, target); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// target evaluates the function of one dependency; ok is false when it has no value (yet).
func (s *Service) target(ctx context.Context, d *model.Deployment, o *model.Dependency) (id model.DeploymentID, ok bool) {
	if text, isText := o.TargetFunction["function"].(string); isText {
		return model.DeploymentID(text), true
	}
	at, _ := o.TargetFunction["context"].(map[string]any)
	text := func(key string) string { v, _ := at[key].(string); return v }
	out, err := evaluateDocument(ctx, model.Document{"target": o.TargetFunction["function"]},
		fn.Scope{Self: text("self"), Source: text("source"), Target: text("target"), Path: o.Creator}, s.runtime(d))
	if err != nil {
		return "", false
	}
	name, isText := out["target"].(string)
	return model.DeploymentID(name), isText && name != ""
}
