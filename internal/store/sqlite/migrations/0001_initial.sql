-- Instants are microseconds since 1970 UTC; NULL is "never". Documents are JSON text; NULL is "not given".
-- seq is the order of insertion. Tables that grow by the million refer to their parents by seq.
-- An index named <table>_tenant covers the default order of a tenant's list together with the visibility check and the
-- conditions that come with most lists; <table>_global holds the few rows that every tenant sees.

CREATE TABLE installation_values (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenants (
  seq  INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE users (
  seq                  INTEGER PRIMARY KEY,
  folded               TEXT NOT NULL UNIQUE,
  name                 TEXT NOT NULL,
  password_hash        TEXT NOT NULL,
  role                 TEXT NOT NULL,
  active               INTEGER NOT NULL,
  created_at           INTEGER,
  first_login_at       INTEGER,
  last_login_at        INTEGER,
  failed_logins        INTEGER NOT NULL,
  last_failed_at       INTEGER,
  tenant_roles         TEXT,
  is_bootstrap         INTEGER NOT NULL,
  show_getting_started INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
  seq          INTEGER PRIMARY KEY,
  id           TEXT NOT NULL UNIQUE,
  user_folded  TEXT NOT NULL,
  user         TEXT NOT NULL,
  secret_hash  TEXT NOT NULL,
  description  TEXT NOT NULL,
  created_at   INTEGER,
  last_used_at INTEGER,
  expires_at   INTEGER
) STRICT;
CREATE INDEX tokens_user ON tokens (user_folded, created_at);
CREATE INDEX tokens_created ON tokens (created_at);

CREATE TABLE blueprints (
  seq              INTEGER PRIMARY KEY,
  tenant           TEXT NOT NULL,
  id               TEXT NOT NULL,
  created_by       TEXT NOT NULL COLLATE NOCASE,
  created_at       INTEGER,
  visibility       TEXT NOT NULL,
  updated_at       INTEGER,
  main_file        TEXT NOT NULL,
  description      TEXT NOT NULL,
  state            TEXT NOT NULL,
  error            TEXT NOT NULL,
  error_traceback  TEXT NOT NULL,
  labels           TEXT,
  hidden           INTEGER NOT NULL,
  upload_execution TEXT NOT NULL,
  archive          TEXT NOT NULL,
  requirements     TEXT,
  plan             TEXT,
  UNIQUE (id, tenant)
) STRICT;
CREATE INDEX blueprints_tenant ON blueprints (tenant, created_at, seq, visibility, created_by, hidden);
CREATE INDEX blueprints_created ON blueprints (created_at);
CREATE INDEX blueprints_global ON blueprints (visibility, created_at, seq, tenant) WHERE visibility = 'global';

CREATE TABLE deployments (
  seq                     INTEGER PRIMARY KEY,
  tenant                  TEXT NOT NULL,
  id                      TEXT NOT NULL,
  created_by              TEXT NOT NULL COLLATE NOCASE,
  created_at              INTEGER,
  visibility              TEXT NOT NULL,
  blueprint               TEXT NOT NULL,
  display_name            TEXT NOT NULL,
  description             TEXT NOT NULL,
  updated_at              INTEGER,
  runtime_only_evaluation INTEGER NOT NULL,
  installation_status     TEXT NOT NULL,
  status                  TEXT NOT NULL,
  create_execution        TEXT NOT NULL,
  latest_execution        TEXT NOT NULL,
  site_name               TEXT NOT NULL,
  labels                  TEXT,
  inputs                  TEXT,
  groups                  TEXT,
  policy_types            TEXT,
  policy_triggers         TEXT,
  outputs                 TEXT,
  capabilities            TEXT,
  scaling_groups          TEXT,
  workflows               TEXT,
  resource_tags           TEXT,
  UNIQUE (id, tenant)
) STRICT;
CREATE INDEX deployments_tenant ON deployments (tenant, created_at, seq, visibility, created_by);
CREATE INDEX deployments_name ON deployments (tenant, display_name, created_at);
CREATE INDEX deployments_created ON deployments (created_at);
CREATE INDEX deployments_blueprint ON deployments (blueprint, created_at);
CREATE INDEX deployments_global ON deployments (visibility, created_at, seq, tenant) WHERE visibility = 'global';

CREATE TABLE nodes (
  seq                INTEGER PRIMARY KEY,
  tenant             TEXT NOT NULL,
  deployment         TEXT NOT NULL,
  id                 TEXT NOT NULL,
  created_by         TEXT NOT NULL COLLATE NOCASE,
  created_at         INTEGER,
  visibility         TEXT NOT NULL,
  type               TEXT NOT NULL,
  host_id            TEXT NOT NULL,
  number             INTEGER NOT NULL,
  planned            INTEGER NOT NULL,
  deploy             INTEGER NOT NULL,
  min                INTEGER NOT NULL,
  max                INTEGER NOT NULL,
  type_hierarchy     TEXT,
  properties         TEXT,
  operations         TEXT,
  relationships      TEXT,
  plugins            TEXT,
  plugins_to_install TEXT,
  UNIQUE (deployment, id, tenant),
  FOREIGN KEY (deployment, tenant) REFERENCES deployments (id, tenant) ON DELETE CASCADE
) STRICT;
CREATE INDEX nodes_deployment ON nodes (deployment);
CREATE INDEX nodes_id ON nodes (id);
CREATE INDEX nodes_tenant ON nodes (tenant, seq, visibility, created_by);
CREATE INDEX nodes_global ON nodes (visibility, seq, tenant) WHERE visibility = 'global';

CREATE TABLE instances (
  seq                INTEGER PRIMARY KEY,
  tenant             TEXT NOT NULL,
  id                 TEXT NOT NULL,
  created_by         TEXT NOT NULL COLLATE NOCASE,
  created_at         INTEGER,
  visibility         TEXT NOT NULL,
  node               TEXT NOT NULL,
  deployment         TEXT NOT NULL,
  host_id            TEXT NOT NULL,
  number             INTEGER NOT NULL,
  state              TEXT NOT NULL,
  version            INTEGER NOT NULL,
  relationships      TEXT,
  scaling_groups     TEXT,
  system_properties  TEXT,
  runtime_properties TEXT,
  UNIQUE (id, tenant),
  FOREIGN KEY (deployment, node, tenant) REFERENCES nodes (deployment, id, tenant) ON DELETE CASCADE
) STRICT;
CREATE INDEX instances_deployment ON instances (deployment);
CREATE INDEX instances_node ON instances (node, deployment);
CREATE INDEX instances_tenant ON instances (tenant, seq, visibility, created_by);
CREATE INDEX instances_global ON instances (visibility, seq, tenant) WHERE visibility = 'global';

CREATE TABLE executions (
  seq                     INTEGER PRIMARY KEY,
  id                      TEXT NOT NULL UNIQUE,
  tenant                  TEXT NOT NULL,
  created_by              TEXT NOT NULL COLLATE NOCASE,
  created_at              INTEGER,
  visibility              TEXT NOT NULL,
  workflow                TEXT NOT NULL,
  deployment              TEXT,
  blueprint               TEXT NOT NULL,
  status                  TEXT NOT NULL,
  error                   TEXT NOT NULL,
  started_at              INTEGER,
  ended_at                INTEGER,
  scheduled_at            INTEGER,
  is_system               INTEGER NOT NULL,
  is_dry_run              INTEGER NOT NULL,
  resume                  INTEGER NOT NULL,
  allow_custom_parameters INTEGER NOT NULL,
  force                   INTEGER NOT NULL,
  wait_after_fail         INTEGER NOT NULL,
  total_operations        INTEGER NOT NULL,
  finished_operations     INTEGER NOT NULL,
  token_hash              TEXT NOT NULL,
  token_serial            INTEGER NOT NULL,
  lease_owner             TEXT NOT NULL,
  lease_epoch             INTEGER NOT NULL,
  lease_until             INTEGER,
  step                    INTEGER NOT NULL,
  graph                   TEXT NOT NULL,
  cursor                  TEXT,
  parameters              TEXT,
  FOREIGN KEY (deployment, tenant) REFERENCES deployments (id, tenant) ON DELETE CASCADE
) STRICT;
CREATE INDEX executions_tenant ON executions (tenant, created_at, seq, visibility, created_by, is_system);
CREATE INDEX executions_created ON executions (created_at);
CREATE INDEX executions_deployment ON executions (deployment, created_at);
CREATE INDEX executions_blueprint ON executions (blueprint, created_at);
CREATE INDEX executions_status ON executions (status, created_at);
CREATE INDEX executions_token ON executions (token_hash) WHERE token_hash <> '';
CREATE INDEX executions_lease ON executions (lease_owner) WHERE lease_owner <> '';
CREATE INDEX executions_active ON executions (created_at)
  WHERE status IN ('pending', 'started', 'cancelling', 'force_cancelling', 'kill_cancelling');
CREATE INDEX executions_global ON executions (visibility, created_at, seq, tenant) WHERE visibility = 'global';

CREATE TABLE graphs (
  seq        INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  execution  INTEGER NOT NULL REFERENCES executions (seq) ON DELETE CASCADE,
  name       TEXT NOT NULL,
  created_at INTEGER
) STRICT;
CREATE INDEX graphs_execution ON graphs (execution);

CREATE TABLE tasks (
  seq          INTEGER PRIMARY KEY,
  id           TEXT NOT NULL UNIQUE,
  graph        INTEGER NOT NULL REFERENCES graphs (seq) ON DELETE CASCADE,
  name         TEXT NOT NULL,
  type         TEXT NOT NULL,
  state        TEXT NOT NULL,
  agent_name   TEXT NOT NULL,
  manager_name TEXT NOT NULL,
  created_at   INTEGER
) STRICT;
CREATE INDEX tasks_graph ON tasks (graph);

-- The documents of a task are apart, so that a change of its state does not write them again.
CREATE TABLE task_documents (
  task         INTEGER PRIMARY KEY REFERENCES tasks (seq) ON DELETE CASCADE,
  dependencies TEXT,
  parameters   TEXT
) STRICT;

CREATE TABLE events (
  seq          INTEGER PRIMARY KEY AUTOINCREMENT,
  execution    INTEGER NOT NULL REFERENCES executions (seq) ON DELETE CASCADE,
  deployment   INTEGER,
  tenant       TEXT NOT NULL,
  created_by   TEXT NOT NULL COLLATE NOCASE,
  visibility   TEXT NOT NULL,
  is_log       INTEGER NOT NULL,
  timestamp    INTEGER,
  reported     INTEGER,
  event_type   TEXT NOT NULL,
  level        TEXT NOT NULL,
  logger       TEXT NOT NULL,
  operation    TEXT NOT NULL,
  instance     TEXT NOT NULL,
  source       TEXT NOT NULL,
  target       TEXT NOT NULL,
  manager_name TEXT NOT NULL,
  agent_name   TEXT NOT NULL,
  message      TEXT NOT NULL,
  error_causes TEXT
) STRICT;
CREATE INDEX events_execution_time ON events (execution, timestamp);
CREATE INDEX events_execution ON events (execution);
CREATE INDEX events_deployment_time ON events (deployment, timestamp) WHERE deployment IS NOT NULL;
CREATE INDEX events_deployment ON events (deployment) WHERE deployment IS NOT NULL;
CREATE INDEX events_tenant ON events (tenant, timestamp, seq, visibility, created_by, is_log);
CREATE INDEX events_time ON events (timestamp);
CREATE INDEX events_instance ON events (instance, timestamp) WHERE instance <> '';
CREATE INDEX events_global ON events (visibility, timestamp, seq, tenant) WHERE visibility = 'global';
