package model

import "time"

// Visibility says who may see a resource (rest-api, section 1.6).
type Visibility string

// The visibilities, from narrow to wide.
const (
	VisibilityPrivate Visibility = "private"
	VisibilityTenant  Visibility = "tenant"
	VisibilityGlobal  Visibility = "global"
)

// Valid reports whether v is one of the three visibilities.
func (v Visibility) Valid() bool {
	return v == VisibilityPrivate || v == VisibilityTenant || v == VisibilityGlobal
}

// Wider reports whether v shows a resource to more people than o.
func (v Visibility) Wider(o Visibility) bool { return visibilityRank(v) > visibilityRank(o) }

func visibilityRank(v Visibility) int {
	switch v {
	case VisibilityGlobal:
		return 2
	case VisibilityTenant:
		return 1
	default:
		return 0
	}
}

// Resource is what every tenant-scoped entity carries.
type Resource struct {
	Tenant     TenantName
	CreatedBy  UserName
	CreatedAt  time.Time
	Visibility Visibility
}

// Label is one (key, value) pair on a blueprint or deployment. A key may have several values.
type Label struct {
	Key       string
	Value     string
	CreatedAt time.Time
	CreatedBy UserName
}
