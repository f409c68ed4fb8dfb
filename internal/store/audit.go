package store

import (
	"time"

	"github.com/reifyhq/reify/internal/model"
)

// AuditQuery selects audit records. The zero value selects those of all changes and shows none of them, as Limit is 0.
type AuditQuery struct {
	// User and Execution are equal to the record's, ignoring the case of user names; empty means any.
	User      model.UserName
	Execution model.ExecutionID
	// Since <= t < Before; a zero bound is open.
	Since, Before time.Time
	// After selects records with a greater id, in the order of ids whatever Sort says, for tailing; 0 is off.
	After int64
	// WithRefused includes requests that were refused.
	WithRefused bool
	// Sort knows id, ref_table, ref_id, operation, creator_name, execution_id and created_at; the id always comes last.
	Sort   []Order
	Offset int
	// Limit is the greatest number of items; negative means all.
	Limit int
}

// AuditReader reads the audit log.
type AuditReader interface {
	AuditRecords(q AuditQuery) (Page[*model.AuditRecord], error)
	// LastAuditRecord returns the greatest id, 0 when there is none.
	LastAuditRecord() (int64, error)
}

// AuditWriter writes the audit log.
type AuditWriter interface {
	// InsertAuditRecords appends records and sets their ids.
	InsertAuditRecords(records []*model.AuditRecord) error
	// DeleteAuditRecords removes what the query selects, refused requests included, and returns how many it removed. It
	// looks at User, Execution, Since and Before only.
	DeleteAuditRecords(q AuditQuery) (int, error)
}
