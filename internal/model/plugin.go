package model

import (
	"encoding/json"
	"time"
)

// PluginState is where the installation of a plugin on a manager or an agent stands (operations, section 6.4).
type PluginState string

// The states of an installation.
const (
	PluginPendingInstall   PluginState = "pending-install"
	PluginInstalling       PluginState = "installing"
	PluginInstalled        PluginState = "installed"
	PluginError            PluginState = "error"
	PluginPendingUninstall PluginState = "pending-uninstall"
	PluginUninstalling     PluginState = "uninstalling"
	PluginUninstalled      PluginState = "uninstalled"
)

// Valid reports whether s is one of the states.
func (s PluginState) Valid() bool {
	switch s {
	case PluginPendingInstall, PluginInstalling, PluginInstalled, PluginError, PluginPendingUninstall, PluginUninstalling, PluginUninstalled:
		return true
	}
	return false
}

// Plugin is an uploaded Python package that provides operations, with the files that describe it to blueprints.
type Plugin struct {
	Resource
	ID             PluginID
	Title          string
	PackageName    string
	PackageVersion string
	PackageSource  string
	// ArchiveName is the file name of the wagon.
	ArchiveName string
	// SupportedPlatform is any or a tag such as linux_x86_64; SupportedPythons are tags such as py311.
	SupportedPlatform string
	SupportedPythons  []string
	// The distribution on which the wagon was built; empty when it does not matter.
	Distribution        string
	DistributionVersion string
	DistributionRelease string
	Wheels              []string
	ExcludedWheels      []string
	// BlueprintLabels and Labels map keys to lists of values, ResourceTags to values; nil when the plugin declares none.
	BlueprintLabels Document
	Labels          Document
	ResourceTags    Document
	// YAMLs are the names of its description files, sorted.
	YAMLs []string
	// Installations say where it is installed, in the order in which they were asked for.
	Installations []PluginInstallation
}

// PluginInstallation is the state of a plugin on one manager or on one agent: exactly one of the two is named.
type PluginInstallation struct {
	Manager string      `json:"manager,omitempty"`
	Agent   string      `json:"agent,omitempty"`
	State   PluginState `json:"state"`
	Error   string      `json:"error,omitempty"`
}

// PluginsUpdateID is a UUID, unique in the installation.
type PluginsUpdateID string

// PluginsUpdateState is the state of an update of the plugins of a blueprint (rest-model, section 3.5).
type PluginsUpdateState string

// The states of a plugins update.
const (
	PluginsUpdating         PluginsUpdateState = "updating"
	PluginsUpdateExecuting  PluginsUpdateState = "executing_workflow"
	PluginsUpdateFinalizing PluginsUpdateState = "finalizing"
	PluginsUpdateSuccessful PluginsUpdateState = "successful"
	PluginsUpdateFailed     PluginsUpdateState = "failed"
	PluginsUpdateUnneeded   PluginsUpdateState = "no_changes_required"
)

// Ended reports whether the update will not change any more.
func (s PluginsUpdateState) Ended() bool {
	return s == PluginsUpdateSuccessful || s == PluginsUpdateFailed || s == PluginsUpdateUnneeded
}

// PluginsUpdate brings a blueprint and its deployments to other versions of the plugins that it imports.
type PluginsUpdate struct {
	Resource
	ID    PluginsUpdateID
	State PluginsUpdateState
	// Blueprint is whose plugins are updated, TempBlueprint the hidden one with the new plan while the update runs.
	Blueprint     BlueprintID
	TempBlueprint BlueprintID
	Execution     ExecutionID
	// Deployments are updated one after the other.
	Deployments []DeploymentID
	Forced      bool
	// Plan is the new plan that the blueprint gets at the end.
	Plan json.RawMessage
}

// DefaultPluginVersion is the version of a package that names none.
const DefaultPluginVersion = "0.0.0"

// UploadedAt is when the plugin was uploaded.
func (p *Plugin) UploadedAt() time.Time { return p.CreatedAt }
