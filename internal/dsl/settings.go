package dsl

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // zones must be known on every machine alike

	"github.com/reifyhq/reify/internal/dsl/diag"
	"github.com/reifyhq/reify/internal/dsl/value"
)

var (
	settingKeys  = []string{"id_template", "display_name", "default_schedules", "default_groups"}
	scheduleKeys = []string{"workflow", "execution_arguments", "workflow_parameters", "since", "until", "recurrence", "timezone",
		"weekdays", "count", "default_enabled", "stop_after_fail", "slip"}
	argumentKeys = []string{"allow_custom_parameters", "force", "is_dry_run", "wait_after_fail"}
	weekdays     = []string{"su", "mo", "tu", "we", "th", "fr", "sa"}

	deltaForm    = regexp.MustCompile(`^\d+ ?(?:min(?:ute)?|h(?:our)?|d(?:ay)?|w(?:eek)?|mo(?:nth)?|y(?:ear)?)s?$`)
	clockLayouts = []string{"15:04", "15:04:05"}
	timeLayouts  = []string{"2006-1-2 15:4", "2006-1-2 15:4:5", "2006-1-2"}
)

// parseSettings reads the settings that deployments start with, section 8.14.
func (p *parser) parseSettings() *value.Map {
	out := value.NewMap()
	at := p.section("deployment_settings")
	n := p.dict(at)
	if n == nil {
		return out
	}
	p.known(at, settingKeys...)
	groups := at.Key(n, "default_groups")
	for i, x := range backwards(p.list(groups)) {
		p.typed(groups.Index(i, x), tString)
	}
	schedules := at.Key(n, "default_schedules")
	parsed := value.NewMap()
	for _, q := range backwards(pairsOf(p.dict(schedules))) {
		parsed.Set(q.Key.Text(), p.parseSchedule(schedules.Entry(q)))
	}
	parsed.Reverse()
	p.typed(at.Key(n, "display_name"), tString|tDict)
	p.typed(at.Key(n, "id_template"), tString)
	for _, q := range n.Pairs {
		if q.Value.IsNull() {
			continue
		}
		out.Set(q.Key.Text(), q.Value.Value())
	}
	out.Set("default_schedules", parsed)
	return out
}

func (p *parser) parseSchedule(at place) *value.Map {
	out := value.NewMap()
	n := p.dict(at)
	if n == nil {
		return out
	}
	p.known(at, scheduleKeys...)
	zone := p.zone(at.Key(n, "timezone"))
	for _, key := range backwards(scheduleKeys) {
		f := at.Key(n, key)
		if f.At == nil {
			f.Path = at.Path + "." + key
		}
		if (key == "workflow" || key == "since") && !p.required(f, key) || f.Value.IsNull() {
			continue
		}
		p.scheduleField(f, key, zone, out)
	}
	out.Reverse()
	return out
}

func (p *parser) scheduleField(f place, key string, zone *time.Location, out *value.Map) {
	types := map[string]leafType{"workflow": tString, "workflow_parameters": tDict, "since": tString, "until": tString,
		"recurrence": tString, "timezone": tString, "weekdays": tList, "count": tInt, "slip": tInt, "default_enabled": tBool,
		"stop_after_fail": tBool, "execution_arguments": tDict}
	if !p.typed(f, types[key]) {
		return
	}
	v := f.Value.Value()
	switch key {
	case "timezone":
		return
	case "since", "until":
		v = p.scheduleTime(f, zone)
	case "recurrence":
		if !deltaForm.MatchString(f.Value.Text()) {
			p.fail(f, notRecoverable("%s is not a legal time delta", f.Value.Text()))
		}
	case "weekdays":
		p.scheduleDays(f)
	case "execution_arguments":
		p.known(f, argumentKeys...)
		for _, k := range argumentKeys {
			p.typed(f.Key(f.Value, k), tBool|tInt)
		}
	case "workflow_parameters":
		p.scheduleParameters(f)
	}
	out.Set(key, v)
}

func notRecoverable(format string, args ...any) *diag.Error {
	return diag.New(diag.NonRecoverable, fmt.Sprintf(format, args...))
}

func (p *parser) zone(f place) *time.Location {
	s := f.Value.Text()
	if s == "" {
		return time.UTC
	}
	l, err := time.LoadLocation(s)
	if err != nil || s == "Local" {
		p.fail(f, notRecoverable("%s is not a recognized timezone", s))
		return time.UTC
	}
	return l
}

// scheduleTime gives a time as naive UTC; relative ones are kept.
func (p *parser) scheduleTime(f place, zone *time.Location) any {
	s := f.Value.Text()
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		for _, part := range strings.Split(rest, "+") {
			if !deltaForm.MatchString(strings.TrimSuffix(strings.TrimSpace(part), ",")) {
				p.fail(f, notRecoverable("%s is not a legal time delta", strings.TrimSpace(part)))
				break
			}
		}
		return s
	}
	for _, l := range timeLayouts {
		if t, err := time.ParseInLocation(l, s, zone); err == nil {
			return t.UTC().Format("2006-01-02 15:04:05")
		}
	}
	for _, l := range clockLayouts {
		if t, err := time.Parse(l, s); err == nil {
			now := p.in.Now.In(zone)
			d := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
			return d.UTC().Format("2006-01-02 15:04:05")
		}
	}
	p.fail(f, notRecoverable("%s is not a legal time format. accepted formats are YYYY-MM-DD HH:MM | HH:MM", s))
	return s
}

func (p *parser) scheduleDays(f place) {
	for i, x := range backwards(p.list(f)) {
		item := f.Index(i, x)
		s := strings.ToLower(x.Text())
		if len(s) >= 2 && contains(weekdays, s[len(s)-2:]) {
			continue
		}
		e := diag.Coded(diag.Base, 1, fmt.Sprintf("%s is not a valid weekday value. Accepted values: %s", value.Text(x.Value()), value.QuoteList(weekdays)))
		e.Diag = &diag.D{Summary: "Unknown weekday", Detail: fmt.Sprintf("%q names no weekday; use su, mo, tu, we, th, fr, sa.", value.Text(x.Value()))}
		p.fail(item, e)
	}
}

func (p *parser) scheduleParameters(f place) {
	for _, q := range f.Value.Pairs {
		m, ok := q.Value.Value().(*value.Map)
		if !ok {
			continue
		}
		bad := m.Has("get_attribute")
		for _, v := range m.All() {
			inner, _ := v.(*value.Map)
			bad = bad || inner.Has("get_attribute")
		}
		if bad {
			e := diag.Coded(diag.Base, 1, fmt.Sprintf("`workflow_parameters` cannot contain a runtime property. Please remove the `get_attribute` function from the value of %s", q.Key.Text()))
			e.Diag = &diag.D{Summary: "Runtime property in a schedule", Detail: fmt.Sprintf("Parameter %q is set before there are runtime properties.", q.Key.Text())}
			p.fail(f, e)
		}
	}
}
