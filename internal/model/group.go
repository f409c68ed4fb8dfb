package model

import (
	"encoding/json"
	"time"
)

// GroupName names a user group; names are compared ignoring case.
type GroupName string

// Group is a user group: its members have its system role and its roles in tenants (rest-model, section 10).
type Group struct {
	Name        GroupName
	LDAP        string
	Role        string
	Users       []UserName
	TenantRoles map[TenantName]string
}

// SecretKey names a secret in its tenant.
type SecretKey string

// Secret is a named value that blueprints may use (rest-model, section 11). Value is encrypted; only the service reads it.
type Secret struct {
	Resource
	Key       SecretKey
	Value     string
	UpdatedAt time.Time
	IsHidden  bool
	// Schema, when set, is the JSON schema of the value, which is then stored as JSON.
	Schema          json.RawMessage
	Provider        string
	ProviderOptions json.RawMessage
}

// SiteName names a site in its tenant.
type SiteName string

// Site is a place where deployments are; Location is nil when it is not known.
type Site struct {
	Resource
	Name     SiteName
	Location *Location
}

// Location is a point on the earth in degrees.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// FilterID names a stored filter in its tenant.
type FilterID string

// Filter is a stored list of rules for lists of one kind of resource.
type Filter struct {
	Resource
	ID        FilterID
	UpdatedAt time.Time
	IsSystem  bool
	Rules     []FilterRule
}

// The types of filter rules.
const (
	RuleLabel     = "label"
	RuleAttribute = "attribute"
)

// FilterRule is one condition of a filter (rest-model, section 7).
type FilterRule struct {
	Key      string   `json:"key"`
	Values   []string `json:"values"`
	Operator string   `json:"operator"`
	Type     string   `json:"type"`
}

// ProviderName names a secrets provider in its tenant.
type ProviderName string

// SecretsProvider is an external store from which values of secrets are read (rest-model, section 11). Parameters are its
// connection parameters, encrypted; only the service reads them.
type SecretsProvider struct {
	Resource
	Name       ProviderName
	Type       string
	Parameters string
	UpdatedAt  time.Time
}
