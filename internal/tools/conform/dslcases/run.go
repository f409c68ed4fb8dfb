package dslcases

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/constraint"
	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/fn"
	"github.com/reifyhq/reify/internal/dsl/iface"
	"github.com/reifyhq/reify/internal/dsl/imports"
	"github.com/reifyhq/reify/internal/dsl/plan"
	"github.com/reifyhq/reify/internal/dsl/value"
	"github.com/reifyhq/reify/internal/topology"
)

// Result is the verdict on one case.
type Result struct {
	OK     bool
	Short  string
	Detail string
	// MessageCompared tells that the error's text counts in the second level.
	MessageCompared, MessageEqual bool
	WantMessage, GotMessage       string
}

// recordedOn is the day of the recording, which times of day refer to.
var recordedOn = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// Run runs a case and compares the outcome.
func Run(ctx context.Context, c Case) Result {
	key, got, err := outcome(ctx, c)
	want := c.Out
	if e := mapOf(want.At("error")); e != nil {
		return compareError(c, e, got, err)
	}
	if err != nil {
		return Result{Short: "failed: " + describe(err), Detail: describe(err)}
	}
	a, b := canonical(decode(c.In), decode(want.At(key))), canonical(decode(c.In), got)
	if canonText(a) == canonText(b) {
		return Result{OK: true}
	}
	d := differences(a, b, "", nil)
	short := "different"
	if len(d) > 0 {
		short = d[0]
	}
	detail := ""
	for i, l := range d {
		if i == 40 {
			detail += "  …\n"
			break
		}
		detail += "  " + l + "\n"
	}
	return Result{Short: short, Detail: detail}
}

func describe(err error) string {
	var e *diag.Error
	if errors.As(err, &e) {
		code := ""
		if e.HasCode {
			code = " " + strconv.Itoa(e.Code)
		}
		return fmt.Sprintf("%s%s: %s", e.Class, code, e.Message)
	}
	return err.Error()
}

// runtimeClasses are classes whose messages are not compared.
var runtimeClasses = map[string]bool{"KeyError": true, "ValueError": true, "TypeError": true, "AttributeError": true, "IndexError": true,
	"RuntimeError": true, "ScannerError": true, "ComposerError": true, "ConstructorError": true}

func compareError(c Case, want *value.Map, got any, err error) Result {
	w := errorOf(want)
	if err == nil {
		return Result{Short: "accepted, but the reference says " + describe(w), Detail: canonText(got)}
	}
	var e *diag.Error
	if !errors.As(err, &e) {
		return Result{Short: "want " + describe(w) + ", got " + err.Error()}
	}
	if e.Class != w.Class || e.HasCode != w.HasCode || e.Code != w.Code {
		return Result{Short: fmt.Sprintf("want %s\n     got %s", describe(w), describe(e)), Detail: describe(w) + "\n" + describe(e)}
	}
	r := Result{OK: true, WantMessage: w.Message, GotMessage: e.Message}
	r.MessageCompared = c.MessageStable && !runtimeClasses[string(w.Class)]
	r.MessageEqual = r.WantMessage == r.GotMessage
	return r
}

// differences lists where two values differ.
func differences(a, b any, path string, out []string) []string {
	if len(out) > 60 || canonText(a) == canonText(b) {
		return out
	}
	switch x := a.(type) {
	case *value.Map:
		y, ok := b.(*value.Map)
		if !ok {
			break
		}
		for k, v := range x.All() {
			w, ok := y.Get(k)
			if !ok {
				out = append(out, fmt.Sprintf("%s.%s: missing, want %s", path, k, clip(value.Repr(v))))
				continue
			}
			out = differences(v, w, path+"."+k, out)
		}
		for k, w := range y.All() {
			if !x.Has(k) {
				out = append(out, fmt.Sprintf("%s.%s: unexpected %s", path, k, clip(value.Repr(w))))
			}
		}
		return out
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			break
		}
		for i := range x {
			out = differences(x[i], y[i], fmt.Sprintf("%s[%d]", path, i), out)
		}
		return out
	}
	return append(out, fmt.Sprintf("%s: want %s, got %s", path, clip(value.Repr(a)), clip(value.Repr(b))))
}

func clip(s string) string {
	if len(s) > 400 {
		return s[:400] + "…"
	}
	return s
}

// ids makes ids that begin with a name and never repeat.
func ids() func(string) string {
	n := 0
	return func(name string) string {
		n++
		return fmt.Sprintf("%s_%06s", name, strconv.FormatInt(int64(n), 36))
	}
}

// outcome runs the operation of a case. key is where its result is recorded.
func outcome(ctx context.Context, c Case) (key string, got any, err error) {
	in := c.In
	switch c.Op {
	case "parse":
		p, err := parse(ctx, in)
		return "plan", planValue(p), err
	case "prepare_deployment_plan":
		d, err := prepare(ctx, in)
		if err != nil {
			return "plan", nil, err
		}
		return "plan", d.Value(), nil
	case "create_deployment_plan":
		v, err := createPlan(ctx, in)
		return "plan", v, err
	case "modify_deployment":
		v, err := modify(in)
		return "value", v, err
	case "get_function":
		if name := fn.NameOf(decode(in.At("value"))); name != "" {
			return "value", name, nil
		}
		return "value", nil, nil
	case "constraint_predicate":
		ok, e := constraint.Constraint{Op: text(in.At("constraint")), Arg: decode(in.At("argument"))}.Predicate(decode(in.At("value")))
		if e != nil {
			return "value", nil, e
		}
		return "value", ok, nil
	case "constraint_argument_valid":
		return "value", constraint.ArgumentValid(text(in.At("kind")), decode(in.At("argument"))), nil
	case "merge_operation":
		v, err := mergeOperation(in)
		return "value", v, err
	case "merge_interfaces":
		v, err := mergeInterfaces(in)
		return "value", v, err
	case "resolver_resolve", "resolver_rules":
		v, err := resolve(c.Op, in)
		return "value", v, err
	}
	v, err := evaluate(ctx, c.Op, in)
	return "value", v, err
}

func planValue(p *dsl.Plan) any {
	if p == nil {
		return nil
	}
	return p.Value()
}

func parse(ctx context.Context, in *value.Map) (*dsl.Plan, error) {
	input := dsl.Input{
		Text: []byte(text(in.At("text"))), Location: text(in.At("location")), ResourcesBasePath: text(in.At("resources_base_path")),
		AdditionalResourceSources: value.Strings(in.At("additional_resource_sources")),
		NoVersionCheck:            in.At("validate_version") == false,
		NoFunctionValidation:      in.At("validate_intrinsic_function") == false,
		NoInputDefaultsCheck:      in.At("validate_input_defaults") == false,
		NoBuiltInTypes:            true, Now: recordedOn,
	}
	p, errs := dsl.Parse(ctx, input, newSource(in))
	if errs.HasErrors() {
		return nil, errs.First()
	}
	return p, nil
}

func planOf(ctx context.Context, v any) (*dsl.Plan, error) {
	m := mapOf(v)
	if l := m.At("literal"); l != nil {
		return plan.FromValue(decode(l))
	}
	p, err := parse(ctx, mapOf(m.At("parse")))
	if err != nil {
		return nil, err
	}
	// A plan lives in a data base between parsing and use.
	if holdsUnstorable(p.Value()) {
		return p, nil
	}
	data, err := p.MarshalJSON()
	if err != nil {
		return nil, err
	}
	q := &dsl.Plan{}
	return q, q.UnmarshalJSON(data)
}

// holdsUnstorable tells whether a value has parts without a JSON form.
func holdsUnstorable(v any) bool {
	switch t := v.(type) {
	case *value.Map:
		if t.HasRawKeys() {
			return true
		}
		for _, x := range t.All() {
			if holdsUnstorable(x) {
				return true
			}
		}
	case []any:
		for _, x := range t {
			if holdsUnstorable(x) {
				return true
			}
		}
	case value.Timestamp, value.Bytes, value.Set:
		return true
	case float64:
		return t-t != 0
	}
	return false
}

func existing(v any) map[string][]string {
	out := map[string][]string{}
	for k, x := range mapOf(decode(v)).All() {
		if s, ok := x.(value.Set); ok {
			x = []any(s)
		}
		out[k] = value.Strings(x)
	}
	return out
}

func prepare(ctx context.Context, in *value.Map) (*dsl.DeploymentPlan, error) {
	p, err := planOf(ctx, in.At("plan"))
	if err != nil {
		return nil, err
	}
	pi := dsl.PrepareInput{
		RuntimeOnlyEvaluation: in.At("runtime_only_evaluation") == true,
		AutoCorrectTypes:      in.At("auto_correct_types") == true,
		ExistingIDs:           existing(in.At("existing_ni_ids")), NewID: ids(),
	}
	pi.Inputs, _ = decode(in.At("inputs")).(*value.Map)
	if m := mapOf(in.At("secrets")); m != nil {
		pi.Secrets = secretGetter(m)
	}
	if m := mapOf(in.At("values_getter")); m != nil {
		pi.Values = &valuesGetter{m}
	}
	return dsl.Prepare(ctx, p, pi)
}

func secretGetter(m *value.Map) dsl.SecretGetter {
	return func(_ context.Context, name string) (string, error) {
		s := mapOf(m.At(name))
		e := mapOf(s.At("error"))
		switch {
		case e == nil:
			return "value", nil
		case value.Equal(s.At("status_code"), int64(404)):
			return "", fmt.Errorf("secret %s: %w", name, fn.ErrNotFound)
		}
		return "", errorOf(e)
	}
}

type valuesGetter struct{ m *value.Map }

func (g *valuesGetter) HasDeploymentID() bool { return g.m.At("has_deployment_id") == true }
func (g *valuesGetter) HasBlueprintID() bool  { return g.m.At("has_blueprint_id") == true }

func (g *valuesGetter) Get(_ context.Context, typ string, v any, params *value.Map) ([]any, error) {
	for _, x := range listOf(g.m.At("get")) {
		m := mapOf(x)
		p := mapOf(decode(m.At("params")))
		if text(m.At("type")) == typ && value.Equal(decode(m.At("value")), v) && canonText(p) == canonText(params) {
			l, _ := decode(m.At("result")).([]any)
			return l, nil
		}
	}
	return nil, fmt.Errorf("values of %s with %s were never asked for in the recording", typ, value.Repr(params))
}

func createPlan(ctx context.Context, in *value.Map) (any, error) {
	p, err := planOf(ctx, in.At("plan"))
	if err != nil {
		return nil, err
	}
	is, err := topology.CreateInstances(p, topology.IDs{New: ids(), Existing: existing(in.At("existing_ni_ids"))})
	if err != nil {
		return nil, err
	}
	v := p.Value()
	v.Set("node_instances", plan.InstancesValue(is))
	return v, nil
}

func modify(in *value.Map) (any, error) {
	nodes, err := plan.NodesFromValue(decode(in.At("nodes")))
	if err != nil {
		return nil, err
	}
	before, err := plan.NodesFromValue(decode(in.At("previous_nodes")))
	if err != nil {
		return nil, err
	}
	mi := topology.ModifyInput{Nodes: nodes, PreviousNodes: before, Instances: plan.InstancesFromValue(decode(in.At("previous_node_instances"))),
		ScalingGroups: plan.ScalingGroupsFromValue(decode(in.At("scaling_groups"))), Modified: &value.Ordered[topology.Change]{},
		IDs: topology.IDs{New: ids()}}
	for name, x := range mapOf(decode(in.At("modified_nodes"))).All() {
		m := mapOf(x)
		n, _ := m.At("instances").(int64)
		mi.Modified.Set(name, topology.Change{Instances: int(n), Include: stringsOf(m.At("removed_ids_include_hint")), Exclude: stringsOf(m.At("removed_ids_exclude_hint"))})
	}
	r, err := topology.Modify(mi)
	if err != nil {
		return nil, err
	}
	return value.MapOf("added_and_related", plan.InstancesValue(r.Added), "removed_and_related", plan.InstancesValue(r.Removed),
		"extended_and_related", plan.InstancesValue(r.Extended), "reduced_and_related", plan.InstancesValue(r.Reduced)), nil
}

func stringsOf(v any) []string {
	if s, ok := v.(value.Set); ok {
		v = []any(s)
	}
	return value.Strings(v)
}

func mergeOperation(in *value.Map) (any, error) {
	read := func(key string) *iface.Op {
		v := decode(in.At(key))
		if v == nil {
			return nil
		}
		o := iface.Read(v)
		return &o
	}
	over, under := read("overriding"), read("overridden")
	if over == nil && under == nil {
		return nil, nil
	}
	if text(in.At("kind")) == "type_over_type" {
		return iface.TypeOverType(over, under).Value(), nil
	}
	o, e := iface.TemplateOverType(over, under)
	if e != nil {
		return nil, e
	}
	return o.Value(), nil
}

func mergeInterfaces(in *value.Map) (any, error) {
	get := func(key string) *value.Map { return mapOf(decode(in.At(key))) }
	var out *value.Map
	var problems []iface.Problem
	var c iface.Cache
	switch text(in.At("function")) {
	case "merge_node_type_and_node_template_interfaces":
		out, problems = c.MergeTemplate(get("node_template_interfaces"), get("node_type_interfaces"))
	case "merge_relationship_type_and_instance_interfaces":
		out, problems = c.MergeTemplate(get("relationship_instance_interfaces"), get("relationship_type_interfaces"))
	default:
		out = iface.MergeTypes(get("overriding_interfaces"), get("overridden_interfaces"))
	}
	if len(problems) > 0 {
		return nil, problems[0].Err
	}
	return out, nil
}

func resolve(op string, in *value.Map) (any, error) {
	rules, e := imports.ParseRules(decode(in.At("rules")))
	if e != nil {
		return nil, e
	}
	if op == "resolver_rules" {
		return nil, nil
	}
	r := imports.Rules{Rules: rules, NoFallback: in.At("fallback") == false}
	return r.Resolve(text(in.At("url")), func(u string) (any, error) {
		for _, x := range listOf(in.At("reads")) {
			m := mapOf(x)
			if text(m.At("url")) != u {
				continue
			}
			if e := mapOf(m.At("error")); e != nil {
				return nil, errorOf(e)
			}
			return decode(m.At("text")), nil
		}
		return nil, fmt.Errorf("url was never read in the recording: %s", u)
	})
}
