// Package config is provisional.
package config

import "time"

// Config holds the settings.
type Config struct {
	DataDir    string
	Listen     string
	PlainHTTP  bool
	Admin      struct{ Username, Password string }
	Workflow   struct {
		TaskRetries       int
		TaskRetryInterval time.Duration
		SubgraphRetries   int
		WaitAfterFail     time.Duration
	}
	Executor   struct{ Slots int }
	Executions struct{ MaxConcurrent int }
	Shutdown   struct{ Grace time.Duration }
	Limits     struct {
		BlueprintArchiveSize int64
		BlueprintFiles       int
	}
}
