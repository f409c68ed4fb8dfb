-- The audit log, and the external stores that secrets may be read from.

CREATE TABLE audit_records (
  seq         INTEGER PRIMARY KEY,
  created_at  INTEGER NOT NULL,
  user        TEXT NOT NULL COLLATE NOCASE,
  execution   TEXT NOT NULL,
  noun        TEXT NOT NULL,
  row         INTEGER NOT NULL,
  identifier  TEXT,
  operation   TEXT NOT NULL,
  refused     INTEGER NOT NULL,
  method      TEXT NOT NULL,
  path        TEXT NOT NULL,
  status      INTEGER NOT NULL,
  auth_method TEXT NOT NULL,
  tenant      TEXT NOT NULL,
  client      TEXT NOT NULL,
  request     TEXT NOT NULL
) STRICT;
CREATE INDEX audit_records_created ON audit_records (created_at, seq, refused);
CREATE INDEX audit_records_user ON audit_records (user, created_at);
CREATE INDEX audit_records_execution ON audit_records (execution, created_at) WHERE execution <> '';

CREATE TABLE secrets_providers (
  seq        INTEGER PRIMARY KEY,
  tenant     TEXT NOT NULL,
  id         TEXT NOT NULL,
  created_by TEXT NOT NULL COLLATE NOCASE,
  created_at INTEGER,
  visibility TEXT NOT NULL,
  updated_at INTEGER,
  type       TEXT NOT NULL,
  parameters TEXT NOT NULL,
  UNIQUE (id, tenant)
) STRICT;
CREATE INDEX secrets_providers_tenant ON secrets_providers (tenant, created_at, seq, visibility, created_by);
CREATE INDEX secrets_providers_created ON secrets_providers (created_at);
CREATE INDEX secrets_providers_global ON secrets_providers (visibility, created_at, seq, tenant) WHERE visibility = 'global';
CREATE INDEX secrets_provider ON secrets (provider) WHERE provider <> '';
