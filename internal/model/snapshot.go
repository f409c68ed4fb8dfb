package model

// SnapshotID is chosen by the user, unique in its tenant.
type SnapshotID string

// SnapshotStatus is the status of a snapshot (rest-model, section 3.5).
type SnapshotStatus string

// The statuses of a snapshot.
const (
	SnapshotCreating SnapshotStatus = "creating"
	SnapshotCreated  SnapshotStatus = "created"
	SnapshotFailed   SnapshotStatus = "failed"
	SnapshotUploaded SnapshotStatus = "uploaded"
)

// Valid reports whether the status is a known one.
func (s SnapshotStatus) Valid() bool {
	return s == SnapshotCreating || s == SnapshotCreated || s == SnapshotFailed || s == SnapshotUploaded
}

// Snapshot is a stored copy of the state of an installation; its archive is a blob.
type Snapshot struct {
	Resource
	ID     SnapshotID
	Status SnapshotStatus
	Error  string
}
