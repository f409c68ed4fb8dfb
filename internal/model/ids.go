package model

// Ids are distinct types so that a signature says what it takes. All are opaque text.
type (
	// TenantName names a tenant; tenants isolate every resource below.
	TenantName string
	// UserName names a user. User names compare case-insensitively.
	UserName string
	// BlueprintID is chosen by the user at upload, unique in its tenant.
	BlueprintID string
	// DeploymentID is chosen by the user at creation, unique in its tenant.
	DeploymentID string
	// NodeID is the name of a node template in its blueprint, unique in its deployment.
	NodeID string
	// InstanceID is "<node>_<6 of [a-z0-9]>", unique in its tenant.
	InstanceID string
	// ExecutionID is a UUID, unique in the installation.
	ExecutionID string
	// GraphID is a UUID, unique in the installation.
	GraphID string
	// TaskID is a UUID, unique in the installation.
	TaskID string
	// ModificationID is a UUID, unique in the installation.
	ModificationID string
	// UpdateID is "<deployment>-<UUID>", unique in the installation.
	UpdateID string
	// DependencyID is a UUID, unique in the installation.
	DependencyID string
	// PluginID is a UUID, unique in the installation.
	PluginID string
	// TokenID is the public, ten character part of an API token.
	TokenID string
)

// DefaultTenant is the tenant that exists from the first start on.
const DefaultTenant TenantName = "default_tenant"

// MaxIDLength is the greatest length of an id or name in bytes.
const MaxIDLength = 256

// ValidID reports whether s may be an id in a path: 1 to MaxIDLength characters of A-Z a-z 0-9 _ . - ~ and, unless
// anyFirst is set, a letter first (rest-api, section 1.6; deployments may start with any allowed character).
func ValidID(s string, anyFirst bool) bool {
	if s == "" || len(s) > MaxIDLength {
		return false
	}
	for i := range len(s) {
		c := s[i]
		isLetter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		isOther := c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' || c == '~'
		if !isLetter && !isOther || i == 0 && !isLetter && !anyFirst {
			return false
		}
	}
	return true
}
