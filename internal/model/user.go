package model

import "time"

// User is somebody who may call the API.
type User struct {
	Name         UserName
	PasswordHash string
	// Role is the system role: sys_admin or default.
	Role               string
	Active             bool
	CreatedAt          time.Time
	FirstLoginAt       time.Time
	LastLoginAt        time.Time
	FailedLogins       int
	LastFailedAt       time.Time
	TenantRoles        map[TenantName]string
	IsBootstrap        bool
	ShowGettingStarted bool
	// Groups are the groups that the user belongs to. They are stored by themselves and read with the user.
	Groups []*Group
	// IsLocked says that the account is locked now. It is computed, not stored.
	IsLocked bool
}

// Token is an API token of a user. Only the hash of its secret is stored.
type Token struct {
	ID          TokenID
	User        UserName
	SecretHash  string
	Description string
	CreatedAt   time.Time
	LastUsedAt  time.Time
	ExpiresAt   time.Time
}

// Expired reports whether the token is past its expiry at now; a token without expiry never is.
func (t *Token) Expired(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }
