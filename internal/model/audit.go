package model

import "time"

// AuditOperation is what an audited request did.
type AuditOperation string

// The operations (rest-api, section 14).
const (
	AuditCreate AuditOperation = "create"
	AuditUpdate AuditOperation = "update"
	AuditDelete AuditOperation = "delete"
)

// Valid reports whether the operation is one of the constants.
func (o AuditOperation) Valid() bool { return o == AuditCreate || o == AuditUpdate || o == AuditDelete }

// AuditRecord says who changed what (rest-model, section 13), and by which request. It never holds a body or a query.
type AuditRecord struct {
	// ID grows with every record; the store sets it.
	ID        int64
	CreatedAt time.Time
	User      UserName
	// Execution is the one whose token the request had.
	Execution ExecutionID
	// Noun is the kind of what was changed, by the original's name of its table.
	Noun string
	// Row is the original's internal key, in records that were brought along; 0 is unknown.
	Row int64
	// Identifier names what was changed: id, name, username, tenant_name and the like.
	Identifier Document
	Operation  AuditOperation
	// IsRefused says that the request failed and changed nothing.
	IsRefused bool
	// Method, Path and Status are those of the request; AuthMethod is how the user was authenticated, Tenant what it was
	// for, Client its address and Request its id in the access log.
	Method, Path string
	Status       int
	AuthMethod   string
	Tenant       TenantName
	Client       string
	Request      string
}
