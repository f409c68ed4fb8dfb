package config

import "strings"

// key is one setting: its dotted name, what it means, and where it lives.
type key struct {
	name string
	doc  string
	// at returns a pointer to the setting: *string, *bool, *int, *time.Duration or *Size.
	at func(*Config) any
	// secret values are never shown.
	secret bool
}

// keys is the table of all settings, in the order in which they are documented.
var keys = []key{
	{name: "data_dir", doc: "Directory for everything the manager keeps; it is made when it does not exist.",
		at: func(c *Config) any { return &c.DataDir }},
	{name: "listen", doc: "Address of the REST API and the console, host:port.",
		at: func(c *Config) any { return &c.Listen }},
	{name: "plain_http", doc: "Allow HTTP without TLS on addresses beyond loopback, for a manager behind a TLS proxy.",
		at: func(c *Config) any { return &c.PlainHTTP }},
	{name: "store", doc: "Database, postgres://…; empty is the embedded one in data_dir.",
		at: func(c *Config) any { return &c.Store }},
	{name: "bus", doc: "Broker, nats://… or tls://…; empty is the embedded one.",
		at: func(c *Config) any { return &c.Bus }},
	{name: "blob", doc: "File store, s3://[KEY:SECRET@]HOST/BUCKET[/PREFIX][?region=R]; empty is data_dir.",
		at: func(c *Config) any { return &c.Blob }},
	{name: "tls.cert", doc: "File with the certificate chain of the REST API, PEM.",
		at: func(c *Config) any { return &c.TLS.Cert }},
	{name: "tls.key", doc: "File with the private key of the certificate, PEM.",
		at: func(c *Config) any { return &c.TLS.Key }},
	{name: "tls.hosts", doc: "More names and addresses of the manager, comma separated, for the certificate it makes when it " +
		"listens beyond loopback and tls.cert is empty.", at: func(c *Config) any { return &c.TLS.Hosts }},
	{name: "log.level", doc: "Least level that is logged: debug, info, warn or error.",
		at: func(c *Config) any { return &c.Log.Level }},
	{name: "log.format", doc: "Form of the log: text, json, or auto for text on a terminal and json elsewhere.",
		at: func(c *Config) any { return &c.Log.Format }},
	{name: "admin.username", doc: "Name of the administrator that the first start creates.",
		at: func(c *Config) any { return &c.Admin.Username }},
	{name: "admin.password", doc: "Password of the administrator that the first start creates; empty is a random one, " +
		"kept in data_dir.", at: func(c *Config) any { return &c.Admin.Password }, secret: true},
	{name: "workflow.task_retries", doc: "Repetitions of a failed operation after the first attempt; -1 is unlimited.",
		at: func(c *Config) any { return &c.Workflow.TaskRetries }},
	{name: "workflow.task_retry_interval", doc: "Pause before an operation is repeated.",
		at: func(c *Config) any { return &c.Workflow.TaskRetryInterval }},
	{name: "workflow.subgraph_retries", doc: "Repetitions of the whole life cycle of a node instance; -1 is unlimited.",
		at: func(c *Config) any { return &c.Workflow.SubgraphRetries }},
	{name: "workflow.wait_after_fail", doc: "How long independent parts of a workflow go on after the first failure.",
		at: func(c *Config) any { return &c.Workflow.WaitAfterFail }},
	{name: "executor.slots", doc: "Operations that the manager's own executor runs at the same time.",
		at: func(c *Config) any { return &c.Executor.Slots }},
	{name: "python.program", doc: "Interpreter that the environment of Python plugins is made with.",
		at: func(c *Config) any { return &c.Python.Program }},
	{name: "python.base", doc: "Directory of the environment that Python plugins build on; empty is python in data_dir. " +
		"Several managers may share it.", at: func(c *Config) any { return &c.Python.Base }},
	{name: "python.wheelhouse", doc: "Directory of wheels to install that environment from; empty is the package registry.",
		at: func(c *Config) any { return &c.Python.Wheelhouse }},
	{name: "python.setup_on_use", doc: "Make that environment when the first operation needs it.",
		at: func(c *Config) any { return &c.Python.SetupOnUse }},
	{name: "python.warm", doc: "Fork operations of Python plugins from processes that have everything loaded.",
		at: func(c *Config) any { return &c.Python.Warm }},
	{name: "executions.max_concurrent", doc: "Executions that run at the same time; more wait in the queue.",
		at: func(c *Config) any { return &c.Executions.MaxConcurrent }},
	{name: "agents.url", doc: "Address of the manager as hosts with agents know it, such as https://manager.example; empty is the " +
		"address of this machine that each host sees.", at: func(c *Config) any { return &c.Agents.URL }},
	{name: "agents.listen", doc: "Address, host:port, on which the broker listens for many agents; empty lets them in through " +
		"listen, as WebSockets. TLS follows tls.cert.", at: func(c *Config) any { return &c.Agents.Listen }},
	{name: "agents.ca", doc: "File with the authorities that agents trust for the manager's certificate, PEM; empty is tls.cert.",
		at: func(c *Config) any { return &c.Agents.CA }},
	{name: "agents.packages", doc: "Directory with packages of agents for hosts of other platforms; empty looks beside the program.",
		at: func(c *Config) any { return &c.Agents.Packages }},
	{name: "hooks.file", doc: "YAML file with the hooks on events of executions; empty is hooks.yaml in data_dir. It is read again " +
		"when it changes.", at: func(c *Config) any { return &c.Hooks.File }},
	{name: "limits.blueprint_archive_size", doc: "Greatest size of an uploaded blueprint archive.",
		at: func(c *Config) any { return &c.Limits.BlueprintArchiveSize }},
	{name: "limits.blueprint_size", doc: "Greatest size of the files of a blueprint together.",
		at: func(c *Config) any { return &c.Limits.BlueprintSize }},
	{name: "limits.blueprint_files", doc: "Greatest number of files and directories of a blueprint.",
		at: func(c *Config) any { return &c.Limits.BlueprintFiles }},
	{name: "limits.requests_per_second", doc: "Requests that one client may send in a second on average, ten times as many at " +
		"once; more are answered 429. 0 is no limit.", at: func(c *Config) any { return &c.Limits.RequestsPerSecond }},
	{name: "limits.request_size", doc: "Greatest size of the body of any request; 0 is no limit.",
		at: func(c *Config) any { return &c.Limits.RequestSize }},
	{name: "cors.origins", doc: "Origins whose pages may call the API in a browser, comma separated, such as " +
		"https://console.example; empty is none, * is all.", at: func(c *Config) any { return &c.CORS.Origins }},
	{name: "audit.retention", doc: "How long the audit log keeps its records; 0 is for ever.",
		at: func(c *Config) any { return &c.Audit.Retention }},
	{name: "secrets.keys", doc: "Keys under which values of secrets are sealed, 64 hexadecimal digits each, comma separated, the " +
		"active one first; empty is a key in data_dir.", at: func(c *Config) any { return &c.Secrets.Keys }, secret: true},
	{name: "oidc.issuer", doc: "OpenID Connect issuer whose users may sign in, such as https://login.example/realms/main; empty is none.",
		at: func(c *Config) any { return &c.OIDC.Issuer }},
	{name: "oidc.client_id", doc: "Client id of this manager at the issuer; ID tokens must be for it.",
		at: func(c *Config) any { return &c.OIDC.ClientID }},
	{name: "oidc.client_secret", doc: "Secret of the client; empty for a public client.",
		at: func(c *Config) any { return &c.OIDC.ClientSecret }, secret: true},
	{name: "oidc.redirect_url", doc: "Where the issuer sends browsers back to: the address of this manager with " +
		"/api/v3.1/sso/oidc/callback.", at: func(c *Config) any { return &c.OIDC.RedirectURL }},
	{name: "oidc.name_claim", doc: "Claim of ID tokens with the user's name.",
		at: func(c *Config) any { return &c.OIDC.NameClaim }},
	{name: "oidc.groups_claim", doc: "Claim of ID tokens with the user's groups; user groups name them as ldap_group_dn.",
		at: func(c *Config) any { return &c.OIDC.GroupsClaim }},
	{name: "oidc.scopes", doc: "Scopes that are asked for besides openid.",
		at: func(c *Config) any { return &c.OIDC.Scopes }},
	{name: "shutdown.grace", doc: "How long running requests and operations may take to end when the manager stops.",
		at: func(c *Config) any { return &c.Shutdown.Grace }},
}

// envPrefix begins the environment variable of every key.
const envPrefix = "REIFY_"

// configFile is the pseudo key that names the file; it exists as a flag and as a variable only.
const configFile = "config"

// env returns the environment variable of a key: REIFY_SECTION_KEY.
func env(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
}

func find(name string) (key, bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}

// section returns the part of a name before the dot, "" for a name at the top.
func section(name string) string {
	before, _, found := strings.Cut(name, ".")
	if !found {
		return ""
	}
	return before
}

// didYouMean returns a hint at the name nearest to an unknown one, or "" when none is near.
func didYouMean(unknown string, names []string) string {
	best, bestDistance := "", max(2, len(unknown)/4)+1
	for _, name := range names {
		if d := distance(unknown, name); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is the number of letters to insert, delete or replace to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
