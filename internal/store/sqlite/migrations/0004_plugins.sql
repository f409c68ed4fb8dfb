-- Uploaded plugins with where they are installed, and updates of blueprints to other versions of their plugins.

CREATE TABLE plugins (
  seq                  INTEGER PRIMARY KEY,
  tenant               TEXT NOT NULL,
  id                   TEXT NOT NULL,
  created_by           TEXT NOT NULL COLLATE NOCASE,
  created_at           INTEGER,
  visibility           TEXT NOT NULL,
  title                TEXT NOT NULL,
  package_name         TEXT NOT NULL,
  package_version      TEXT NOT NULL,
  package_source       TEXT NOT NULL,
  archive_name         TEXT NOT NULL,
  platform             TEXT NOT NULL,
  distribution         TEXT NOT NULL,
  distribution_version TEXT NOT NULL,
  distribution_release TEXT NOT NULL,
  pythons              TEXT,
  wheels               TEXT,
  excluded_wheels      TEXT,
  blueprint_labels     TEXT,
  labels               TEXT,
  resource_tags        TEXT,
  yamls                TEXT,
  installations        TEXT,
  UNIQUE (id, tenant),
  UNIQUE (package_name, archive_name, tenant),
  UNIQUE (package_name, package_version, tenant, distribution, distribution_version, distribution_release)
) STRICT;
CREATE INDEX plugins_tenant ON plugins (tenant, seq, visibility, created_by);
CREATE INDEX plugins_global ON plugins (visibility, seq, tenant) WHERE visibility = 'global';

CREATE TABLE plugins_updates (
  seq            INTEGER PRIMARY KEY,
  tenant         TEXT NOT NULL,
  id             TEXT NOT NULL,
  created_by     TEXT NOT NULL COLLATE NOCASE,
  created_at     INTEGER,
  visibility     TEXT NOT NULL,
  state          TEXT NOT NULL,
  blueprint      TEXT NOT NULL,
  temp_blueprint TEXT NOT NULL,
  execution      TEXT NOT NULL,
  deployments    TEXT,
  forced         INTEGER NOT NULL,
  plan           TEXT,
  UNIQUE (id, tenant)
) STRICT;
CREATE INDEX plugins_updates_tenant ON plugins_updates (tenant, created_at, seq, visibility, created_by);
CREATE INDEX plugins_updates_created ON plugins_updates (created_at);
CREATE INDEX plugins_updates_blueprint ON plugins_updates (blueprint, created_at);
CREATE INDEX plugins_updates_global ON plugins_updates (visibility, created_at, seq, tenant) WHERE visibility = 'global';
