package dsl

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/iface"
	"github.com/reifyhq/reify/internal/dsl/value"
)

var operationKeys = []string{"implementation", "inputs", "executor", "max_retries", "retry_interval", "timeout", "timeout_recoverable"}

// parseInterfaces reads interfaces in the raw form with all seven fields of
// every operation. In a type the inputs are a schema.
func (p *parser) parseInterfaces(at place, inType bool) *value.Map {
	out := value.NewMap()
	for _, q := range backwards(pairsOf(p.dict(at))) {
		f := at.Entry(q)
		ops := value.NewMap()
		for _, r := range backwards(pairsOf(p.dict(f))) {
			ops.Set(r.Key.Text(), p.parseOperation(f.Entry(r), q.Key.Text()+"."+r.Key.Text(), inType).Value())
		}
		ops.Reverse()
		out.Set(q.Key.Text(), ops)
	}
	out.Reverse()
	return out
}

func (p *parser) parseOperation(at place, name string, inType bool) iface.Op {
	if s, ok := at.Value.Str(); ok {
		return iface.Op{Implementation: s, Inputs: value.NewMap()}
	}
	op := iface.Op{Inputs: value.NewMap()}
	n := p.dict(at)
	if n == nil {
		return op
	}
	p.known(at, operationKeys...)
	p.operationLimits(at, &op)
	p.operationExecutor(at, name, &op)
	if f := at.Key(n, "inputs"); p.dict(f) != nil {
		if inType {
			op.Inputs = schemaValue(p.parseSchema(f, "inputs", propertySchema))
		} else {
			op.Inputs = f.Value.Value().(*value.Map)
		}
	}
	if f := at.Key(n, "implementation"); p.typed(f, tString) {
		op.Implementation = f.Value.Text()
	}
	return op
}

// operationLimits reads the four fields of retries and time, section 9.1.
func (p *parser) operationLimits(at place, op *iface.Op) {
	n := at.Value
	if f := at.Key(n, "timeout_recoverable"); p.typed(f, tBool) {
		op.TimeoutRecoverable = f.Value.Value()
	}
	op.Timeout = p.nonNegative(at.Key(n, "timeout"), "timeout", 0)
	op.RetryInterval = p.nonNegative(at.Key(n, "retry_interval"), "retry_interval", 1)
	f := at.Key(n, "max_retries")
	if f.Value.IsNull() || !p.typed(f, tInt) {
		return
	}
	p.gate(f, "max_retries", 1)
	op.MaxRetries = f.Value.Value()
	if c, ok := value.Compare(op.MaxRetries, int64(-1)); ok && c < 0 {
		p.fail(f, diag.New(diag.ValueError, fmt.Sprintf("'max_retries' value must be either -1 or a non-negative number but got %s.", value.Text(op.MaxRetries))))
	}
}

func (p *parser) nonNegative(f place, name string, minor int) any {
	if f.Value.IsNull() {
		return nil
	}
	v := f.Value.Value()
	_, isBool := v.(bool)
	if !value.IsNumber(v) && !isBool {
		e := diag.New(diag.ValueError, "Unexpected type: <class 'numbers.Number'>")
		e.Diag = &diag.D{Code: "schema-type", Summary: "Value of a wrong type", Detail: fmt.Sprintf("%q must be a number.", name)}
		p.fail(f, e)
		return nil
	}
	if minor > 0 {
		p.gate(f, name, minor)
	}
	if c, ok := value.Compare(v, int64(0)); ok && c < 0 {
		e := diag.New(diag.ValueError, fmt.Sprintf("'%s' value must be a non-negative number but got %s.", name, value.Text(v)))
		e.Diag = &diag.D{Code: "invalid-value", Summary: "Negative number", Detail: fmt.Sprintf("%q must be zero or more, but is %s.", name, value.Text(v))}
		p.fail(f, e)
	}
	return v
}

func (p *parser) operationExecutor(at place, name string, op *iface.Op) {
	f := at.Key(at.Value, "executor")
	if f.Value.IsNull() || !p.typed(f, tString) {
		return
	}
	s := f.Value.Text()
	op.Executor = s
	if s != centralExecutor && s != hostExecutor {
		e := diag.Coded(diag.Logic, 28, fmt.Sprintf("Operation '%s' has an illegal executor value '%s'. valid values are [%s,%s]",
			name, s, centralExecutor, hostExecutor))
		e.Diag = &diag.D{Code: "operation-executor", Summary: "Unknown executor",
			Detail: fmt.Sprintf("The executor %q of operation %q is neither %s nor %s.", s, name, centralExecutor, hostExecutor),
			Fix:    diag.DidYouMean(s, []string{centralExecutor, hostExecutor})}
		p.fail(f, e)
	}
}
