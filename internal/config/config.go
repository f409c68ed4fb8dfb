// Package config holds every setting of a manager: one struct, one table of keys, one way to load them.
//
// The table in keys.go gives each key its name, meaning and place in the struct; the flags, the environment variables,
// the configuration file, the help text, "reify config show" and docs/configuration.md all come from it. A later source
// overrides an earlier one: default, file, environment, flag. A key that does not exist is an error that names the
// nearest one, with file and line; durations and sizes have units.
//
// The package reads no file and no environment by itself: Load is given both. It never logs and never acts on a setting.
package config

import (
	"time"
)

// Config is the configuration of a manager. Default returns the one that needs no setting at all.
type Config struct {
	// DataDir holds everything that the manager keeps.
	DataDir string
	// Listen is the address of the REST API, host:port.
	Listen string
	// PlainHTTP allows HTTP without TLS on addresses beyond loopback.
	PlainHTTP bool
	TLS       TLS
	// Store, Bus and Blob are the URLs of external services; empty means the embedded ones.
	Store string
	Bus   string
	Blob  string
	Log   Log
	Admin Admin

	Workflow   Workflow
	Executor   Executor
	Executions Executions
	Agents     Agents
	Limits     Limits
	Shutdown   Shutdown
}

// TLS names the certificate of the REST API. Both files or none.
type TLS struct {
	Cert string
	Key  string
}

// Log says what is logged and how.
type Log struct {
	// Level is debug, info, warn or error.
	Level string
	// Format is text, json, or auto: text on a terminal, else json.
	Format string
}

// Admin is the administrator that the first start creates.
type Admin struct {
	Username string
	// Password is the first password; empty means a random one.
	Password string
}

// Workflow holds what workflows do when a task fails, where a blueprint does not say otherwise.
type Workflow struct {
	// TaskRetries is the number of repetitions after the first attempt; -1 is unlimited.
	TaskRetries       int
	TaskRetryInterval time.Duration
	// SubgraphRetries is the number of repetitions of a whole life cycle of an instance; -1 is unlimited.
	SubgraphRetries int
	// WaitAfterFail bounds how long independent branches go on after the first failure.
	WaitAfterFail time.Duration
}

// Executor is the agent beside the manager, which runs central operations.
type Executor struct {
	// Slots is the number of operations that run at the same time.
	Slots int
}

// Executions bounds the work of a manager.
type Executions struct {
	// MaxConcurrent is the number of executions that run at the same time; others are queued.
	MaxConcurrent int
}

// Agents says how the agents of hosts reach the manager.
type Agents struct {
	// URL is the address of the manager as hosts know it; empty is found out for each host.
	URL string
	// Listen is an address, host:port, on which the broker listens for agents; empty lets them in through Listen of the
	// manager only.
	Listen string
	// CA is a file with the authorities of the manager's certificate; empty is the certificate itself.
	CA string
	// Packages is a directory with packages of agents.
	Packages string
}

// Limits bound what users upload.
type Limits struct {
	BlueprintArchiveSize Size
	BlueprintSize        Size
	BlueprintFiles       int
}

// Shutdown says how a manager stops.
type Shutdown struct {
	// Grace is how long requests and operations may take to end by themselves.
	Grace time.Duration
}

// Default returns the configuration of a manager for which nothing was set.
func Default() Config {
	return Config{
		DataDir:    "reify-data",
		Listen:     "127.0.0.1:53333",
		Log:        Log{Level: "info", Format: "auto"},
		Admin:      Admin{Username: "admin"},
		Workflow:   Workflow{TaskRetries: 60, TaskRetryInterval: 15 * time.Second, WaitAfterFail: 10 * time.Minute},
		Executor:   Executor{Slots: 20},
		Executions: Executions{MaxConcurrent: 20},
		Limits:     Limits{BlueprintArchiveSize: 50 << 20, BlueprintSize: 1 << 30, BlueprintFiles: 10_000},
		Shutdown:   Shutdown{Grace: 30 * time.Second},
	}
}
