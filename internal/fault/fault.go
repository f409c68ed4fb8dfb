// Package fault holds the one error type that travels to users through the API, and the closed list of its codes.
//
// A fault says what was attempted, on what, and what to do. Codes are the error_code strings of the original's REST API
// (rest-api, section 1.4) and never change meaning. The package never logs, never wraps an HTTP status (the transports
// have that table) and imports nothing but the standard library.
package fault

import (
	"errors"
	"fmt"
)

// Code is a stable, machine readable kind of fault.
type Code string

// The codes, with the strings of the original; too_many_requests_error is our own.
const (
	Conflict                   Code = "conflict_error"
	NotFound                   Code = "not_found_error"
	DependentExists            Code = "dependent_exists_error"
	ParentNotFound             Code = "deployment_parent_not_found_error"
	NonexistentWorkflow        Code = "nonexistent_workflow_error"
	UnavailableWorkflow        Code = "unavailable_workflow_error"
	Unauthorized               Code = "unauthorized_error"
	Forbidden                  Code = "forbidden_error"
	ForbiddenWhileCancelling   Code = "forbidden_while_cancelling"
	UnsupportedContentType     Code = "unsupported_content_type_error"
	BadParameters              Code = "bad_parameters_error"
	InvalidBlueprint           Code = "invalid_blueprint_error"
	InvalidPlugin              Code = "invalid_plugin_error"
	ExistingRunningExecution   Code = "existing_running_execution_error"
	InvalidExecutionUpdate     Code = "invalid_exception_status_update"
	IllegalAction              Code = "illegal_action_error"
	IllegalExecutionParameters Code = "illegal_execution_parameters_error"
	NoSuchIncludeField         Code = "no_such_include_field_error"
	DeploymentCreation         Code = "deployment_creation_error"
	EnvironmentInProgress      Code = "deployment_environment_creation_in_progress_error"
	EnvironmentPending         Code = "deployment_environment_creation_pending_error"
	MissingDeploymentInput     Code = "missing_required_deployment_input_error"
	UnknownDeploymentInput     Code = "unknown_deployment_input_error"
	DeploymentInputEvaluation  Code = "deployment_input_evaluation_error"
	Constraint                 Code = "constraint_error"
	UnknownDeploymentSecret    Code = "unknown_deployment_secret_error"
	UnsupportedGetSecret       Code = "unsupported_deployment_get_secret_error"
	OutputsEvaluation          Code = "deployment_outputs_evaluation_error"
	CapabilitiesEvaluation     Code = "deployment_capabilities_evaluation_error"
	FunctionsEvaluation        Code = "functions_evaluation_error"
	MethodNotAllowed           Code = "method_not_allowed_error"
	BlueprintInUse             Code = "blueprint_in_use"
	PluginInUse                Code = "plugin_in_use"
	PluginsUpdateFailed        Code = "plugins_update_failed"
	PluginNotFound             Code = "deployment_plugin_not_found"
	ImportedBlueprintNotFound  Code = "imported_blueprint_not_found"
	UploadMissingFile          Code = "upload_missing_file"
	InvalidFilterRule          Code = "invalid_filter_rule"
	UnknownAction              Code = "unknown_action"
	ExistingModification       Code = "existing_started_deployment_modification_error"
	ModificationEnded          Code = "deployment_modification_already_ended_error"
	AmbiguousName              Code = "ambiguous_name"
	OnlyDeploymentUpdate       Code = "only_deployment_update"
	MaintenanceActive          Code = "maintenance_mode_active"
	MaintenanceEntering        Code = "entering_maintenance_mode"
	MissingLicense             Code = "missing_cloudify_license"
	MissingPremium             Code = "missing_premium_package_error"
	SnapshotAction             Code = "snapshot_action_error"
	CommunityOnly              Code = "community_only_error"
	FailedDependency           Code = "failed_dependency"
	NotRunningLDAP             Code = "not_running_ldap_server"
	TooManyRequests            Code = "too_many_requests_error"
	Storage                    Code = "storage_error"
	Internal                   Code = "internal_server_error"
)

// Error is a fault: a code for machines and a message for people. Cause, when set, is what lies below it; it is for
// logs and never shown to users.
type Error struct {
	Code    Code
	Message string
	Cause   error
	// Fields are further keys of the answer.
	Fields map[string]any
}

// Error returns the message; the cause is reached through Unwrap.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New returns a fault with a formatted message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns a fault with a formatted message and a cause.
func Wrap(cause error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// Missing returns the not-found fault in the words of the original.
func Missing(model, id string) *Error {
	return New(NotFound, "Requested `%s` with ID `%s` was not found", model, id)
}

// CodeOf returns the code of the first fault in err's chain, and Internal for any other error.
func CodeOf(err error) Code {
	var f *Error
	if errors.As(err, &f) {
		return f.Code
	}
	return Internal
}

// Is reports whether err's chain holds a fault with the code.
func Is(err error, code Code) bool {
	var f *Error
	return errors.As(err, &f) && f.Code == code
}
