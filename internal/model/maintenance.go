package model

import (
	"fmt"
	"time"
)

// MaintenanceState says whether the manager is in maintenance mode.
type MaintenanceState string

// The states: deactivated → activating, while executions are active → activated → deactivated (rest-model, section 3).
const (
	MaintenanceDeactivated MaintenanceState = "deactivated"
	MaintenanceActivating  MaintenanceState = "activating"
	MaintenanceActivated   MaintenanceState = "activated"
)

// MaintenanceValue is the name of the installation's value that holds the maintenance mode.
const MaintenanceValue = "maintenance"

// Maintenance is the maintenance mode of an installation; the zero value is deactivated.
type Maintenance struct {
	State       MaintenanceState `json:"state"`
	RequestedBy UserName         `json:"requested_by"`
	RequestedAt time.Time        `json:"requested_at"`
	ActivatedAt time.Time        `json:"activated_at"`
}

// ParseMaintenance reads the installation's value; empty text is the zero value.
func ParseMaintenance(text string) (m Maintenance, err error) {
	if text == "" {
		return m, nil
	}
	if err := DecodeJSON([]byte(text), &m); err != nil {
		return m, fmt.Errorf("read the maintenance mode: %w", err)
	}
	return m, nil
}

// IsOn reports whether maintenance mode is active or being activated.
func (m Maintenance) IsOn() bool {
	return m.State == MaintenanceActivating || m.State == MaintenanceActivated
}
