package model

import "time"

// ScheduleID is chosen by the user, unique among the schedules of a deployment.
type ScheduleID string

// Schedule starts a workflow on a deployment again and again (rest-model, section 8).
type Schedule struct {
	Resource
	ID         ScheduleID
	Deployment DeploymentID
	Workflow   string
	Parameters Document
	Arguments  Document
	// Since is the first moment at which it may start, Until the last; a zero Until is open.
	Since, Until time.Time
	Rule         ScheduleRule
	// Slip is how many minutes late an execution may start.
	Slip       int
	StopOnFail bool
	Enabled    bool
	// NextAt is the next occurrence, zero when there is none any more.
	NextAt time.Time
	// Latest is the execution that was started last, empty before the first.
	Latest ExecutionID
}

// ScheduleRule says when a schedule occurs: either RRule, an iCalendar recurrence rule, or the other three.
type ScheduleRule struct {
	RRule string `json:"rrule,omitempty"`
	// Recurrence is a span such as "2 weeks"; empty for a single occurrence.
	Recurrence string   `json:"recurrence,omitempty"`
	Count      *int     `json:"count,omitempty"`
	Weekdays   []string `json:"weekdays,omitempty"`
}
