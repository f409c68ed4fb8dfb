-- Changes of a deployment's model: modifications of its scale, and updates. The columns of executions keep what a change
-- gave back, why it was refused, and which executions a phase waits for.

ALTER TABLE executions ADD COLUMN result TEXT;
ALTER TABLE executions ADD COLUMN failure TEXT;
ALTER TABLE executions ADD COLUMN awaits TEXT;

CREATE TABLE modifications (
  seq        INTEGER PRIMARY KEY,
  tenant     TEXT NOT NULL,
  id         TEXT NOT NULL,
  created_by TEXT NOT NULL COLLATE NOCASE,
  created_at INTEGER,
  visibility TEXT NOT NULL,
  deployment TEXT NOT NULL,
  status     TEXT NOT NULL,
  ended_at   INTEGER,
  context    TEXT,
  nodes      TEXT,
  instances  TEXT,
  UNIQUE (id, tenant),
  FOREIGN KEY (deployment, tenant) REFERENCES deployments (id, tenant) ON DELETE CASCADE
) STRICT;
CREATE INDEX modifications_tenant ON modifications (tenant, created_at, seq, visibility, created_by);
CREATE INDEX modifications_created ON modifications (created_at);
CREATE INDEX modifications_deployment ON modifications (deployment, created_at);
CREATE INDEX modifications_global ON modifications (visibility, created_at, seq, tenant) WHERE visibility = 'global';

CREATE TABLE deployment_updates (
  seq                     INTEGER PRIMARY KEY,
  tenant                  TEXT NOT NULL,
  id                      TEXT NOT NULL,
  created_by              TEXT NOT NULL COLLATE NOCASE,
  created_at              INTEGER,
  visibility              TEXT NOT NULL,
  deployment              TEXT NOT NULL,
  execution               TEXT NOT NULL,
  old_blueprint           TEXT NOT NULL,
  new_blueprint           TEXT NOT NULL,
  state                   TEXT NOT NULL,
  runtime_only_evaluation INTEGER NOT NULL,
  old_inputs              TEXT,
  new_inputs              TEXT,
  steps                   TEXT,
  nodes                   TEXT,
  instances               TEXT,
  modified_entities       TEXT,
  plugins_to_install      TEXT,
  plugins_to_uninstall    TEXT,
  labels                  TEXT,
  plan                    TEXT,
  UNIQUE (id, tenant),
  FOREIGN KEY (deployment, tenant) REFERENCES deployments (id, tenant) ON DELETE CASCADE
) STRICT;
CREATE INDEX deployment_updates_tenant ON deployment_updates (tenant, created_at, seq, visibility, created_by);
CREATE INDEX deployment_updates_created ON deployment_updates (created_at);
CREATE INDEX deployment_updates_deployment ON deployment_updates (deployment, created_at);
CREATE INDEX deployment_updates_global ON deployment_updates (visibility, created_at, seq, tenant)
  WHERE visibility = 'global';
