-- User groups with their members, secrets, sites and stored filters.

CREATE TABLE groups (
  seq          INTEGER PRIMARY KEY,
  folded       TEXT NOT NULL UNIQUE,
  name         TEXT NOT NULL,
  ldap         TEXT NOT NULL,
  role         TEXT NOT NULL,
  tenant_roles TEXT
) STRICT;

CREATE TABLE group_users (
  user_folded TEXT NOT NULL,
  grp         INTEGER NOT NULL REFERENCES groups (seq) ON DELETE CASCADE,
  user        TEXT NOT NULL,
  PRIMARY KEY (user_folded, grp)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_users_group ON group_users (grp);

CREATE TABLE secrets (
  seq              INTEGER PRIMARY KEY,
  tenant           TEXT NOT NULL,
  id               TEXT NOT NULL,
  created_by       TEXT NOT NULL COLLATE NOCASE,
  created_at       INTEGER,
  visibility       TEXT NOT NULL,
  updated_at       INTEGER,
  hidden           INTEGER NOT NULL,
  provider         TEXT NOT NULL,
  value            TEXT NOT NULL,
  schema           TEXT,
  provider_options TEXT,
  UNIQUE (id, tenant)
) STRICT;
CREATE INDEX secrets_tenant ON secrets (tenant, created_at, seq, visibility, created_by);
CREATE INDEX secrets_created ON secrets (created_at);
CREATE INDEX secrets_global ON secrets (visibility, created_at, seq, tenant) WHERE visibility = 'global';

CREATE TABLE sites (
  seq        INTEGER PRIMARY KEY,
  tenant     TEXT NOT NULL,
  id         TEXT NOT NULL,
  created_by TEXT NOT NULL COLLATE NOCASE,
  created_at INTEGER,
  visibility TEXT NOT NULL,
  location   TEXT,
  UNIQUE (id, tenant)
) STRICT;
CREATE INDEX sites_tenant ON sites (tenant, created_at, seq, visibility, created_by);
CREATE INDEX sites_created ON sites (created_at);
CREATE INDEX sites_global ON sites (visibility, created_at, seq, tenant) WHERE visibility = 'global';
CREATE INDEX deployments_site ON deployments (site_name) WHERE site_name <> '';

CREATE TABLE blueprints_filters (
  seq        INTEGER PRIMARY KEY,
  tenant     TEXT NOT NULL,
  id         TEXT NOT NULL,
  created_by TEXT NOT NULL COLLATE NOCASE,
  created_at INTEGER,
  visibility TEXT NOT NULL,
  updated_at INTEGER,
  is_system  INTEGER NOT NULL,
  rules      TEXT,
  UNIQUE (id, tenant)
) STRICT;
CREATE INDEX blueprints_filters_tenant ON blueprints_filters (tenant, created_at, seq, visibility, created_by);
CREATE INDEX blueprints_filters_created ON blueprints_filters (created_at);
CREATE INDEX blueprints_filters_global ON blueprints_filters (visibility, created_at, seq, tenant) WHERE visibility = 'global';

CREATE TABLE deployments_filters (
  seq        INTEGER PRIMARY KEY,
  tenant     TEXT NOT NULL,
  id         TEXT NOT NULL,
  created_by TEXT NOT NULL COLLATE NOCASE,
  created_at INTEGER,
  visibility TEXT NOT NULL,
  updated_at INTEGER,
  is_system  INTEGER NOT NULL,
  rules      TEXT,
  UNIQUE (id, tenant)
) STRICT;
CREATE INDEX deployments_filters_tenant ON deployments_filters (tenant, created_at, seq, visibility, created_by);
CREATE INDEX deployments_filters_created ON deployments_filters (created_at);
CREATE INDEX deployments_filters_global ON deployments_filters (visibility, created_at, seq, tenant) WHERE visibility = 'global';
