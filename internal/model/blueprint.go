package model

import (
	"encoding/json"
	"time"
)

// BlueprintState is the progress of an upload (rest-model, section 3.1).
type BlueprintState string

// The states of a blueprint.
const (
	BlueprintPending          BlueprintState = "pending"
	BlueprintUploading        BlueprintState = "uploading"
	BlueprintExtracting       BlueprintState = "extracting"
	BlueprintParsing          BlueprintState = "parsing"
	BlueprintUploaded         BlueprintState = "uploaded"
	BlueprintValidating       BlueprintState = "validating"
	BlueprintFailedUploading  BlueprintState = "failed_uploading"
	BlueprintFailedExtracting BlueprintState = "failed_extracting"
	BlueprintFailedParsing    BlueprintState = "failed_parsing"
	BlueprintInvalid          BlueprintState = "invalid"
)

// Failed reports whether the upload ended without a usable blueprint.
func (s BlueprintState) Failed() bool {
	switch s {
	case BlueprintFailedUploading, BlueprintFailedExtracting, BlueprintFailedParsing, BlueprintInvalid:
		return true
	}
	return false
}

// Ended reports whether the upload will not change state by itself any more.
func (s BlueprintState) Ended() bool { return s == BlueprintUploaded || s.Failed() }

// Blueprint is an uploaded application model with its parsed plan.
type Blueprint struct {
	Resource
	ID             BlueprintID
	UpdatedAt      time.Time
	MainFile       string
	Description    string
	State          BlueprintState
	Error          string
	ErrorTraceback string
	// Plan is the plan document (dsl, section 11); empty until the state is uploaded.
	Plan json.RawMessage
	// Requirements is the plan's requirements document.
	Requirements json.RawMessage
	Labels       []Label
	Hidden       bool
	// UploadExecution is the upload_blueprint execution.
	UploadExecution ExecutionID
	// Archive is the blob key of the archive as it was uploaded, with its extension.
	Archive string
}
