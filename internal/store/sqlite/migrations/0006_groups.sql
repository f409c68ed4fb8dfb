-- Groups of deployments and of executions, execution schedules, agents, snapshots and hooks that wait to run.

CREATE TABLE deployment_groups (
  seq         INTEGER PRIMARY KEY,
  tenant      TEXT NOT NULL,
  id          TEXT NOT NULL,
  created_by  TEXT NOT NULL COLLATE NOCASE,
  created_at  INTEGER,
  visibility  TEXT NOT NULL,
  description TEXT NOT NULL,
  blueprint   TEXT NOT NULL,
  counter     INTEGER NOT NULL,
  inputs      TEXT,
  labels      TEXT,
  UNIQUE (id, tenant)
) STRICT;
CREATE INDEX deployment_groups_tenant ON deployment_groups (tenant, created_at, seq, visibility, created_by);
CREATE INDEX deployment_groups_created ON deployment_groups (created_at);
CREATE INDEX deployment_groups_blueprint ON deployment_groups (blueprint, created_at);
CREATE INDEX deployment_groups_global ON deployment_groups (visibility, created_at, seq, tenant) WHERE visibility = 'global';

CREATE TABLE deployment_group_members (
  grp        INTEGER NOT NULL REFERENCES deployment_groups (seq) ON DELETE CASCADE,
  deployment INTEGER NOT NULL REFERENCES deployments (seq) ON DELETE CASCADE,
  PRIMARY KEY (grp, deployment)
) STRICT, WITHOUT ROWID;
CREATE INDEX deployment_group_members_deployment ON deployment_group_members (deployment);

CREATE TABLE execution_groups (
  seq              INTEGER PRIMARY KEY,
  tenant           TEXT NOT NULL,
  id               TEXT NOT NULL,
  created_by       TEXT NOT NULL COLLATE NOCASE,
  created_at       INTEGER,
  visibility       TEXT NOT NULL,
  workflow         TEXT NOT NULL,
  deployment_group TEXT NOT NULL,
  concurrency      INTEGER NOT NULL,
  success_group    TEXT NOT NULL,
  failed_group     TEXT NOT NULL,
  UNIQUE (id)
) STRICT;
CREATE INDEX execution_groups_tenant ON execution_groups (tenant, created_at, seq, visibility, created_by);
CREATE INDEX execution_groups_created ON execution_groups (created_at);
CREATE INDEX execution_groups_deployments ON execution_groups (deployment_group, created_at);
CREATE INDEX execution_groups_global ON execution_groups (visibility, created_at, seq, tenant) WHERE visibility = 'global';

-- The group of an execution. The index answers how many members have a status, and which wait longest.
ALTER TABLE executions ADD COLUMN execution_group TEXT NOT NULL DEFAULT '';
CREATE INDEX executions_group ON executions (execution_group, status, created_at) WHERE execution_group <> '';
CREATE INDEX executions_waiting ON executions (execution_group, created_at) WHERE status = 'queued';

ALTER TABLE events ADD COLUMN execution_group TEXT;
CREATE INDEX events_group ON events (execution_group, timestamp) WHERE execution_group IS NOT NULL;

CREATE TABLE schedules (
  seq          INTEGER PRIMARY KEY,
  tenant       TEXT NOT NULL,
  id           TEXT NOT NULL,
  created_by   TEXT NOT NULL COLLATE NOCASE,
  created_at   INTEGER,
  visibility   TEXT NOT NULL,
  deployment   TEXT NOT NULL,
  workflow     TEXT NOT NULL,
  since        INTEGER,
  until        INTEGER,
  next_at      INTEGER,
  slip         INTEGER NOT NULL,
  stop_on_fail INTEGER NOT NULL,
  enabled      INTEGER NOT NULL,
  latest       TEXT NOT NULL,
  rule         TEXT,
  parameters   TEXT,
  arguments    TEXT,
  UNIQUE (deployment, id, tenant),
  FOREIGN KEY (deployment, tenant) REFERENCES deployments (id, tenant) ON DELETE CASCADE
) STRICT;
CREATE INDEX schedules_tenant ON schedules (tenant, created_at, seq, visibility, created_by);
CREATE INDEX schedules_created ON schedules (created_at);
CREATE INDEX schedules_id ON schedules (id, created_at);
CREATE INDEX schedules_due ON schedules (next_at) WHERE enabled = 1;
CREATE INDEX schedules_global ON schedules (visibility, created_at, seq, tenant) WHERE visibility = 'global';

CREATE TABLE agents (
  seq            INTEGER PRIMARY KEY,
  tenant         TEXT NOT NULL,
  id             TEXT NOT NULL,
  created_by     TEXT NOT NULL COLLATE NOCASE,
  created_at     INTEGER,
  visibility     TEXT NOT NULL,
  instance       TEXT NOT NULL,
  ip             TEXT NOT NULL,
  install_method TEXT NOT NULL,
  system         TEXT NOT NULL,
  version        TEXT NOT NULL,
  state          TEXT NOT NULL,
  updated_at     INTEGER,
  username       TEXT NOT NULL,
  password       TEXT NOT NULL,
  exchange       TEXT NOT NULL,
  UNIQUE (id, tenant),
  FOREIGN KEY (instance, tenant) REFERENCES instances (id, tenant) ON DELETE CASCADE
) STRICT;
CREATE INDEX agents_tenant ON agents (tenant, created_at, seq, visibility, created_by);
CREATE INDEX agents_created ON agents (created_at);
CREATE INDEX agents_instance ON agents (instance, created_at);
CREATE INDEX agents_global ON agents (visibility, created_at, seq, tenant) WHERE visibility = 'global';

CREATE TABLE snapshots (
  seq        INTEGER PRIMARY KEY,
  tenant     TEXT NOT NULL,
  id         TEXT NOT NULL,
  created_by TEXT NOT NULL COLLATE NOCASE,
  created_at INTEGER,
  visibility TEXT NOT NULL,
  status     TEXT NOT NULL,
  error      TEXT NOT NULL,
  UNIQUE (id, tenant)
) STRICT;
CREATE INDEX snapshots_tenant ON snapshots (tenant, created_at, seq, visibility, created_by);
CREATE INDEX snapshots_created ON snapshots (created_at);
CREATE INDEX snapshots_global ON snapshots (visibility, created_at, seq, tenant) WHERE visibility = 'global';

-- Changes of executions whose hooks have not run yet, in the order in which they happened.
CREATE TABLE hooks (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  event_type TEXT NOT NULL,
  at         INTEGER,
  message    TEXT NOT NULL,
  tenant     TEXT NOT NULL,
  user       TEXT NOT NULL,
  execution  TEXT NOT NULL,
  context    TEXT
) STRICT;
