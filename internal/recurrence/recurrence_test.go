package recurrence

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

const layout = "2006-01-02 15:04:05"

func at(text string) time.Time {
	t, err := time.Parse(layout, text)
	if err != nil {
		panic(err)
	}
	return t
}

func count(n int) *int { return &n }

func TestNext(t *testing.T) {
	t.Parallel()
	const since = "2030-01-01 10:00:00" // a Tuesday
	for _, f := range []struct {
		name         string
		rule         model.ScheduleRule
		until, after string
		limit        int
		want         string
	}{
		{"once", model.ScheduleRule{Count: count(1)}, "", "2029-01-01 00:00:00", 9, "2030-01-01 10:00:00"},
		{"once, past", model.ScheduleRule{Count: count(1)}, "", since, 9, ""},
		{"once, beyond the end", model.ScheduleRule{Count: count(1)}, "2029-12-31 00:00:00", "2029-01-01 00:00:00", 9, ""},
		{"days", model.ScheduleRule{Recurrence: "1 day", Count: count(3)}, "", "2029-01-01 00:00:00", 9,
			"2030-01-01 10:00:00, 2030-01-02 10:00:00, 2030-01-03 10:00:00"},
		{"days, from the middle", model.ScheduleRule{Recurrence: "2d", Count: count(3)}, "", "2030-01-03 10:00:00", 9, "2030-01-05 10:00:00"},
		{"weeks, until", model.ScheduleRule{Recurrence: "2 weeks"}, "2030-01-20 00:00:00", "2029-01-01 00:00:00", 9,
			"2030-01-01 10:00:00, 2030-01-15 10:00:00"},
		{"seconds since long ago", model.ScheduleRule{Recurrence: "7 sec"}, "", "2069-01-01 00:00:00", 2,
			"2069-01-01 00:00:06, 2069-01-01 00:00:13"},
		{"weekdays of days", model.ScheduleRule{Recurrence: "1 day", Weekdays: []string{"MO", "TH"}, Count: count(3)}, "", "2029-01-01 00:00:00", 9,
			"2030-01-03 10:00:00, 2030-01-07 10:00:00, 2030-01-10 10:00:00"},
		{"first and last Friday", model.ScheduleRule{Recurrence: "1 month", Weekdays: []string{"1FR", "L-FR"}}, "", "2030-01-01 00:00:00", 3,
			"2030-01-04 10:00:00, 2030-01-25 10:00:00, 2030-02-01 10:00:00"},
		{"rrule", model.ScheduleRule{RRule: "RRULE:FREQ=DAILY;INTERVAL=3;COUNT=2"}, "", "2029-01-01 00:00:00", 9,
			"2030-01-01 10:00:00, 2030-01-04 10:00:00"},
		{"rrule without prefix", model.ScheduleRule{RRule: "FREQ=MONTHLY"}, "", "2030-05-01 00:00:00", 1, "2030-05-01 10:00:00"},
		{"nonsense", model.ScheduleRule{RRule: "FREQ=NEVER"}, "", "2029-01-01 00:00:00", 9, ""},
	} {
		until := time.Time{}
		if f.until != "" {
			until = at(f.until)
		}
		var got []string
		for _, o := range Next(f.rule, at(since), until, at(f.after), f.limit) {
			got = append(got, o.Format(layout))
		}
		if text := strings.Join(got, ", "); text != f.want {
			t.Errorf("%s: %s, want %s", f.name, text, f.want)
		}
	}
}

// TestForward checks that moving the start does not change what occurs.
func TestForward(t *testing.T) {
	t.Parallel()
	since := at("2030-01-01 10:00:00")
	rapid.Check(t, func(t *rapid.T) {
		rule := model.ScheduleRule{Recurrence: rapid.SampledFrom([]string{"7 hours", "3 days", "2 weeks", "90 min"}).Draw(t, "span"),
			Weekdays: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"MO", "TU", "SA"}), 0, 3, rapid.ID).Draw(t, "days")}
		after := since.Add(time.Duration(rapid.IntRange(0, 100*24*60).Draw(t, "minutes")) * time.Minute)
		all := Next(rule, since, after.AddDate(0, 2, 0), since.Add(-time.Second), 10_000)
		late := Next(rule, since, after.AddDate(0, 2, 0), after, 10_000)
		var want []time.Time
		for _, o := range all {
			if o.After(after) {
				want = append(want, o)
			}
		}
		if len(want) != len(late) {
			t.Fatalf("%d occurrences, want %d", len(late), len(want))
		}
		for i := range want {
			if !want[i].Equal(late[i]) {
				t.Fatalf("occurrence %d is %v, want %v", i, late[i], want[i])
			}
		}
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		rule model.ScheduleRule
		want string
	}{
		{model.ScheduleRule{RRule: "FREQ=DAILY"}, ""},
		{model.ScheduleRule{RRule: "FREQ=DAILY", Count: count(1)}, "cannot be provided together"},
		{model.ScheduleRule{RRule: "every day"}, "invalid RRULE"},
		{model.ScheduleRule{Recurrence: "1 day", Weekdays: []string{"mo"}}, ""},
		{model.ScheduleRule{Recurrence: "sometimes"}, "`sometimes` is not a legal recurrence expression. Supported format is: <number> " +
			"seconds|minutes|hours|days|weeks|months|years"},
		{model.ScheduleRule{Recurrence: "0 days"}, "not a legal recurrence"},
		{model.ScheduleRule{Recurrence: "1 day", Weekdays: []string{"1MO"}}, "only be used with a months|years recurrence"},
		{model.ScheduleRule{Recurrence: "1 year", Weekdays: []string{"L-su"}}, ""},
		{model.ScheduleRule{Recurrence: "1 day", Weekdays: []string{"funday"}}, "not a valid weekday"},
		{model.ScheduleRule{Count: count(2)}, "recurrence must be specified"},
		{model.ScheduleRule{}, "recurrence must be specified"},
		{model.ScheduleRule{Count: count(0)}, "1 or more"},
		{model.ScheduleRule{Count: count(1)}, ""},
	} {
		got, err := Check(f.rule)
		switch {
		case f.want == "" && err != nil:
			t.Errorf("%+v: %v", f.rule, err)
		case f.want != "" && (!fault.Is(err, fault.BadParameters) || !strings.Contains(err.Error(), f.want)):
			t.Errorf("%+v: %v, want %q", f.rule, err, f.want)
		}
		for _, d := range got.Weekdays {
			if err == nil && d != strings.ToUpper(d) {
				t.Errorf("weekday %q is not in upper case", d)
			}
		}
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	now := at("2030-01-31 10:00:00")
	for text, want := range map[string]string{
		"2030-02-01": "2030-02-01 00:00:00", "2030-02-01T11:12:13": "2030-02-01 11:12:13", "2030-02-01 11:12:13.5": "2030-02-01 11:12:13",
		"2030-02-01T11:12:13.25Z": "2030-02-01 11:12:13", "203002011430+0200": "2030-02-01 12:30:00",
		"+4 hours": "2030-01-31 14:00:00", "+1y+1d": "2031-02-01 10:00:00", "+1 week, +2min": "2030-02-07 10:02:00",
	} {
		if got, err := ParseTime(text, now); err != nil || got.Format(layout) != want {
			t.Errorf("%q is %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"soon", "+", "+4 fortnights", "2030-13-01"} {
		if got, err := ParseTime(text, now); !fault.Is(err, fault.BadParameters) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func FuzzNext(f *testing.F) {
	f.Add("FREQ=DAILY", "1 day", "MO")
	f.Add("RRULE:FREQ=YEARLY;BYDAY=1MO", "", "")
	f.Fuzz(func(t *testing.T, rule, span, day string) {
		for _, r := range []model.ScheduleRule{{RRule: rule}, {Recurrence: span, Weekdays: []string{day}}} {
			checked, err := Check(r)
			if err != nil {
				continue
			}
			since := at("2030-01-01 10:00:00")
			for _, o := range Next(checked, since, since.AddDate(1, 0, 0), since, 5) {
				if !o.After(since) {
					t.Fatalf("%+v occurs at %v", r, o)
				}
			}
		}
	})
}
