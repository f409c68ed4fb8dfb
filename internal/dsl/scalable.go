package dsl

import (
	"fmt"

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

var scalableKeys = []string{"default_instances", "min_instances", "max_instances"}

// scalable gives the properties of something that scales, all at default.
func scalable(def, min, max any) *value.Map {
	return value.MapOf("min_instances", min, "max_instances", max, "default_instances", def,
		"current_instances", def, "planned_instances", def)
}

// nodeInstances reads instances and capabilities of a node, section 8.8.
func (p *parser) nodeInstances(at place, nt *nodeTemplate) {
	n := at.Value
	props := p.nodeScalable(at)
	f := at.Key(n, "instances")
	if in := p.dict(f); in != nil {
		p.known(f, "deploy")
		d := f.Key(in, "deploy")
		if d.At == nil {
			d.Path = f.Path + ".deploy"
		}
		if p.required(d, "deploy") && p.typed(d, tInt) {
			deploy := d.Value.Value()
			if c, ok := value.Compare(deploy, int64(0)); ok && c < 0 {
				p.fail(d, diag.Coded(diag.Format, 1, "deploy instances must be a positive number"))
			}
			nt.plan.Instances.Set("deploy", deploy)
			props = scalable(deploy, int64(0), int64(-1))
		}
		if !n.Get("capabilities").IsNull() {
			p.fail(at, diag.Coded(diag.Logic, 209, fmt.Sprintf("Node '%s' defines both instances.deploy and capabilities.scalable (Note: instances.deploy is deprecated)", nt.plan.Name)))
		}
	}
	nt.plan.Capabilities = value.MapOf("scalable", value.MapOf("properties", props))
}

func (p *parser) nodeScalable(at place) *value.Map {
	f := at.Key(at.Value, "capabilities")
	none := scalable(int64(1), int64(0), int64(-1))
	n := p.dict(f)
	if n == nil {
		return none
	}
	p.known(f, "scalable")
	s := f.Key(n, "scalable")
	sn := p.dict(s)
	props := none
	if sn != nil {
		p.known(s, "properties")
		props = p.scalableProperties(s.Key(sn, "properties"))
	}
	p.gate(f, "capabilities", 3)
	return props
}

// scalableProperties reads how many instances something has, section 8.8.
func (p *parser) scalableProperties(at place) *value.Map {
	n := p.dict(at)
	mark := len(p.errs)
	if n != nil {
		p.known(at, scalableKeys...)
	}
	max := p.instanceCount(at, "max_instances", int64(-1), 1)
	min := p.instanceCount(at, "min_instances", int64(0), 0)
	def := p.instanceCount(at, "default_instances", int64(1), 0)
	if !p.failed(mark) {
		p.instanceOrder(at, def, min, max)
	}
	return scalable(def, min, max)
}

func (p *parser) instanceCount(at place, name string, absent int64, least int64) any {
	f := at.Key(at.Value, name)
	if f.Value.IsNull() {
		return absent
	}
	if !p.typed(f, tInt|tString|tDict) {
		return absent
	}
	v := f.Value.Value()
	switch t := v.(type) {
	case *value.Map:
		if !functionOf(t) {
			p.fail(f, diag.Coded(diag.Logic, 210, name+" should be a valid intrinsic function or a value."))
		}
		return v
	case string:
		if name == "max_instances" && t == "UNBOUNDED" {
			return int64(-1)
		}
		msg := fmt.Sprintf("The only valid string for %s is UNBOUNDED.", name)
		if name != "max_instances" {
			msg = fmt.Sprintf("%s should be an int.", name)
		}
		p.fail(f, diag.Coded(diag.Logic, 208, msg))
		return absent
	}
	if name == "max_instances" && value.Equal(v, int64(-1)) {
		return v
	}
	if c, ok := value.Compare(v, least); ok && c < 0 {
		kind := "non negative"
		if least > 0 {
			kind = "positive"
		}
		msg := fmt.Sprintf("%s should be a %s value.", name, kind)
		if least > 0 {
			msg = fmt.Sprintf("%s value should be a positive number or -1/UNBOUNDED.", name)
		}
		e := diag.Coded(diag.Logic, 207, msg)
		e.Diag = &diag.D{Summary: "Wrong number of instances", Detail: fmt.Sprintf("%s must be a %s number, but is %s.", name, kind, value.Text(v))}
		p.fail(f, e)
	}
	return v
}

func (p *parser) instanceOrder(at place, def, min, max any) {
	unbounded := value.Equal(max, int64(-1))
	less := func(a, b any) bool {
		if functionOf(a) || functionOf(b) {
			return false
		}
		c, ok := value.Compare(a, b)
		return ok && c < 0
	}
	fail := func(format string, args ...any) {
		e := diag.Coded(diag.Logic, 207, fmt.Sprintf(format, args...))
		e.Diag = &diag.D{Summary: "Contradictory numbers of instances", Detail: fmt.Sprintf(format, args...) + "."}
		p.fail(at, e)
	}
	switch {
	case less(def, min):
		fail("default_instances (%s) cannot be smaller than min_instances (%s)", value.Text(def), value.Text(min))
	case !unbounded && less(max, def):
		fail("default_instances (%s) cannot be greater than max_instances (%s)", value.Text(def), value.Text(max))
	case !unbounded && less(max, min):
		fail("min_instances (%s) cannot be greater than max_instances (%s)", value.Text(min), value.Text(max))
	}
}
