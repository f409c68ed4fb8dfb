// Package recurrence says when schedules occur: it reads rules and times as users give them and computes occurrences.
//
// A rule is an iCalendar recurrence rule, or a span such as "2 weeks" with a greatest number and weekdays (rest-model,
// section 8). All instants are UTC; a rule counts from the start of its schedule. The package is pure: it is given the
// moment that counts as now, and the same arguments give the same answer. Errors are fault.BadParameters.
package recurrence

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/teambition/rrule-go"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// unit is what a span may be counted in; fixed is its length where every one is as long as any other.
type unit struct {
	freq  rrule.Frequency
	fixed time.Duration
}

var units = map[string]unit{
	"sec": {rrule.SECONDLY, time.Second}, "second": {rrule.SECONDLY, time.Second},
	"min": {rrule.MINUTELY, time.Minute}, "minute": {rrule.MINUTELY, time.Minute},
	"h": {rrule.HOURLY, time.Hour}, "hour": {rrule.HOURLY, time.Hour},
	"d": {rrule.DAILY, 24 * time.Hour}, "day": {rrule.DAILY, 24 * time.Hour},
	"w": {rrule.WEEKLY, 7 * 24 * time.Hour}, "week": {rrule.WEEKLY, 7 * 24 * time.Hour},
	"mo": {rrule.MONTHLY, 0}, "month": {rrule.MONTHLY, 0}, "y": {rrule.YEARLY, 0}, "year": {rrule.YEARLY, 0},
}

var (
	spanForm    = regexp.MustCompile(`^(\d{1,9}) ?(sec|second|min|minute|h|hour|d|day|w|week|mo|month|y|year)s?$`)
	weekdayForm = regexp.MustCompile(`^([1-4]|L-)?(MO|TU|WE|TH|FR|SA|SU)$`)
	weekdays    = map[string]rrule.Weekday{"MO": rrule.MO, "TU": rrule.TU, "WE": rrule.WE, "TH": rrule.TH, "FR": rrule.FR,
		"SA": rrule.SA, "SU": rrule.SU}
)

// parseSpan reads "2 weeks"; n is at least 1.
func parseSpan(text string) (n int, name string, ok bool) {
	m := spanForm.FindStringSubmatch(text)
	if m == nil {
		return 0, "", false
	}
	n, err := strconv.Atoi(m[1])
	return n, m[2], err == nil && n > 0
}

// Check refuses a rule that cannot be read or says nothing, and returns it with its weekdays in upper case.
func Check(r model.ScheduleRule) (model.ScheduleRule, error) {
	if r.RRule != "" {
		if r.Recurrence != "" || r.Count != nil || len(r.Weekdays) > 0 {
			return r, fault.New(fault.BadParameters, "`rrule` cannot be provided together with `recurrence`, `weekdays` or `count`.")
		}
		if _, err := parseRRule(r.RRule); err != nil {
			return r, fault.New(fault.BadParameters, "invalid RRULE string provided: %v", err)
		}
		return r, nil
	}
	name := ""
	if r.Recurrence != "" {
		var ok bool
		if _, name, ok = parseSpan(r.Recurrence); !ok {
			return r, fault.New(fault.BadParameters, "`%s` is not a legal recurrence expression. Supported format is: <number> "+
				"seconds|minutes|hours|days|weeks|months|years", r.Recurrence)
		}
	}
	if r.Count != nil && *r.Count < 1 {
		return r, fault.New(fault.BadParameters, "count must be 1 or more but is %d", *r.Count)
	}
	var days []string
	for _, d := range r.Weekdays {
		d = strings.ToUpper(d)
		m := weekdayForm.FindStringSubmatch(d)
		if m == nil {
			return r, fault.New(fault.BadParameters, "`%s` is not a valid weekday expression. Supported are MO, TU, WE, TH, FR, SA, SU, "+
				"with 1-4 or L- before it where the recurrence counts months or years", d)
		}
		if nth := units[name]; m[1] != "" && nth.freq != rrule.MONTHLY && !isYearly(name) {
			return r, fault.New(fault.BadParameters, "complex weekday expression %s can only be used with a months|years recurrence, "+
				"but got `%s`", d, r.Recurrence)
		}
		days = append(days, d)
	}
	r.Weekdays = days
	if r.Recurrence == "" && (r.Count == nil || *r.Count != 1) {
		return r, fault.New(fault.BadParameters, "recurrence must be specified for execution count larger than 1")
	}
	return r, nil
}

func isYearly(name string) bool { return name == "y" || name == "year" }

func parseRRule(text string) (*rrule.ROption, error) {
	option, err := rrule.StrToROption(text)
	if err != nil {
		return nil, err
	}
	option.Dtstart = time.Time{}
	_, err = rrule.NewRRule(*option)
	return option, err
}

// Next returns up to limit occurrences after a moment, in their order. A rule that Check refuses has none.
func Next(r model.ScheduleRule, since, until, after time.Time, limit int) []time.Time {
	since = since.UTC().Truncate(time.Second)
	if r.RRule == "" && r.Recurrence == "" {
		if r.Count != nil && *r.Count == 1 && since.After(after) && limit > 0 && (until.IsZero() || !since.After(until)) {
			return []time.Time{since}
		}
		return nil
	}
	option := option(r)
	if option == nil {
		return nil
	}
	option.Dtstart = forward(*option, since, after)
	if !until.IsZero() && (option.Until.IsZero() || until.Before(option.Until)) {
		option.Until = until.UTC()
	}
	rule, err := rrule.NewRRule(*option)
	if err != nil {
		return nil
	}
	var out []time.Time
	next := rule.Iterator()
	for range maxSteps {
		t, ok := next()
		if !ok || len(out) == limit {
			break
		}
		if t.After(after) {
			out = append(out, t)
		}
	}
	return out
}

// maxSteps bounds how many past occurrences are walked over, so that no rule keeps anybody busy for long.
const maxSteps = 1_000_000

func option(r model.ScheduleRule) *rrule.ROption {
	if r.RRule != "" {
		o, err := parseRRule(r.RRule)
		if err != nil {
			return nil
		}
		return o
	}
	n, name, ok := parseSpan(r.Recurrence)
	if !ok {
		return nil
	}
	o := &rrule.ROption{Freq: units[name].freq, Interval: n}
	if r.Count != nil {
		o.Count = *r.Count
	}
	for _, d := range r.Weekdays {
		m := weekdayForm.FindStringSubmatch(d)
		if m == nil {
			return nil
		}
		day := weekdays[m[2]]
		switch m[1] {
		case "":
		case "L-":
			day = day.Nth(-1)
		default:
			day = day.Nth(int(m[1][0] - '0'))
		}
		o.Byweekday = append(o.Byweekday, day)
	}
	return o
}

// forward moves the start of a rule without a count to shortly before a moment, by whole intervals, so that a rule of
// seconds that began years ago need not be walked through.
func forward(o rrule.ROption, since, after time.Time) time.Time {
	var step time.Duration
	for _, u := range units {
		if u.freq == o.Freq {
			step = u.fixed * time.Duration(max(o.Interval, 1))
		}
	}
	if step <= 0 || o.Count > 0 || !after.After(since) {
		return since
	}
	return since.Add(after.Sub(since) / step * step)
}

// layouts are the forms in which clients give the bounds of a schedule (rest-api, section 7).
var layouts = []string{"2006-01-02", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05Z07:00",
	"2006-01-02 15:04:05Z07:00", "200601021504Z0700"}

// ParseTime reads a bound of a schedule: an instant, UTC unless it names its zone, or spans from now such as "+4 hours" or
// "+1y+1d". The empty text is the zero time.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if rest, ok := strings.CutPrefix(text, "+"); ok {
		return addSpans(now.UTC().Truncate(time.Second), rest, text)
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fault.New(fault.BadParameters, "`%s` is not a legal time; use YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS, "+
		"\"YYYY-MM-DD HH:MM:SS\", or a time from now such as \"+4 hours\" or \"+1y+1d\"", text)
}

func addSpans(t time.Time, spans, text string) (time.Time, error) {
	for part := range strings.SplitSeq(spans, "+") {
		n, name, ok := parseSpan(strings.TrimSuffix(strings.TrimSpace(part), ","))
		u := units[name]
		switch {
		case !ok, n > 1_000_000:
			return t, fault.New(fault.BadParameters, "`%s` is not a legal time: %q is no span such as \"4 hours\"", text, strings.TrimSpace(part))
		case u.freq == rrule.MONTHLY:
			t = t.AddDate(0, n, 0)
		case isYearly(name):
			t = t.AddDate(n, 0, 0)
		default:
			t = t.Add(time.Duration(n) * u.fixed)
		}
	}
	return t, nil
}
