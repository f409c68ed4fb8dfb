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
	Python     Python
	Executions Executions
	Agents     Agents
	Hooks      Hooks
	Limits     Limits
	CORS       CORS
	Audit      Audit
	Secrets    Secrets
	OIDC       OIDC
	Shutdown   Shutdown
}

// TLS names the certificate of the REST API. Both files or none.
type TLS struct {
	Cert string
	Key  string
	// Hosts are more names and addresses of the manager for its own certificate, comma separated.
	Hosts string
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

// Python says where the plugins of the manager's own executor, which are Python packages, run.
type Python struct {
	// Program is the interpreter that the environment is made with.
	Program string
	// Base is the directory of the environment; empty is python in the data directory. Managers may share it.
	Base string
	// Wheelhouse is a directory of wheels to install from instead of the package registry.
	Wheelhouse string
	// SetupOnUse makes the environment when the first operation needs it.
	SetupOnUse bool
	// Warm forks operations from processes that have everything loaded.
	Warm bool
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

// Hooks are operations that run when executions change.
type Hooks struct {
	// File is the YAML file that lists them; empty is hooks.yaml in the data directory.
	File string
}

// Limits bound what users upload.
type Limits struct {
	BlueprintArchiveSize Size
	BlueprintSize        Size
	BlueprintFiles       int
	// RequestsPerSecond is how many requests one client may send in a second; 0 is no limit.
	RequestsPerSecond int
	// RequestSize is the greatest size of the body of any request; 0 is no limit.
	RequestSize Size
}

// CORS says whose pages may call the API in a browser.
type CORS struct {
	// Origins are comma separated; empty is nobody.
	Origins string
}

// Audit is the log of who changed what.
type Audit struct {
	// Retention is how long records are kept; 0 is for ever.
	Retention time.Duration
}

// Secrets says under which key values of secrets are sealed.
type Secrets struct {
	// Keys are given keys in hexadecimal digits, comma separated, the active one first; empty is a key in the data directory.
	Keys string
}

// OIDC is a trusted OpenID Connect issuer.
type OIDC struct {
	// Issuer is its identifier; empty is none.
	Issuer                 string
	ClientID, ClientSecret string
	RedirectURL            string
	// NameClaim and GroupsClaim are the claims of ID tokens that hold the user's name and groups.
	NameClaim, GroupsClaim string
	// Scopes are asked for besides openid, separated by spaces or commas.
	Scopes string
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
		Python:     Python{Program: "python3", SetupOnUse: true, Warm: true},
		Executions: Executions{MaxConcurrent: 20},
		Limits:     Limits{BlueprintArchiveSize: 50 << 20, BlueprintSize: 1 << 30, BlueprintFiles: 10_000, RequestsPerSecond: 1000, RequestSize: 4 << 30},
		Audit:      Audit{Retention: 365 * 24 * time.Hour},
		OIDC:       OIDC{NameClaim: "preferred_username", GroupsClaim: "groups", Scopes: "profile email"},
		Shutdown:   Shutdown{Grace: 30 * time.Second},
	}
}
