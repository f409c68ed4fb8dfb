-- Dependencies between deployments, and which deployments have which parents.

ALTER TABLE deployments ADD COLUMN sub_services_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN sub_environments_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN sub_services_status TEXT NOT NULL DEFAULT '';
ALTER TABLE deployments ADD COLUMN sub_environments_status TEXT NOT NULL DEFAULT '';

CREATE TABLE dependencies (
  seq             INTEGER PRIMARY KEY,
  tenant          TEXT NOT NULL,
  id              TEXT NOT NULL,
  created_by      TEXT NOT NULL COLLATE NOCASE,
  created_at      INTEGER,
  visibility      TEXT NOT NULL,
  creator         TEXT NOT NULL,
  -- The source is NULL when it is on another manager.
  source          TEXT,
  target          TEXT NOT NULL,
  target_func     TEXT,
  external_source TEXT,
  external_target TEXT,
  UNIQUE (id, tenant),
  FOREIGN KEY (source, tenant) REFERENCES deployments (id, tenant) ON DELETE CASCADE
) STRICT;
CREATE INDEX dependencies_tenant ON dependencies (tenant, created_at, seq, visibility, created_by);
CREATE INDEX dependencies_created ON dependencies (created_at);
CREATE INDEX dependencies_source ON dependencies (source, created_at);
CREATE INDEX dependencies_target ON dependencies (target, created_at);
CREATE INDEX dependencies_global ON dependencies (visibility, created_at, seq, tenant) WHERE visibility = 'global';

-- What depended on a deployment that is gone stays, with a target that is not known.
CREATE TRIGGER dependencies_target_gone AFTER DELETE ON deployments BEGIN
  UPDATE dependencies SET target = '' WHERE target = old.id AND tenant = old.tenant;
END;

-- The labels of deployments say who their parents are; this table is kept by the triggers below and by nothing else.
CREATE TABLE deployment_parents (
  tenant TEXT NOT NULL,
  parent TEXT NOT NULL,
  child  TEXT NOT NULL,
  PRIMARY KEY (tenant, parent, child),
  FOREIGN KEY (child, tenant) REFERENCES deployments (id, tenant) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX deployment_parents_child ON deployment_parents (child, tenant);

CREATE TRIGGER deployment_parents_insert AFTER INSERT ON deployments WHEN new.labels LIKE '%csys-obj-parent%' BEGIN
  INSERT OR IGNORE INTO deployment_parents (tenant, parent, child)
    SELECT new.tenant, j.value ->> 'value', new.id FROM json_each(new.labels) j WHERE j.value ->> 'key' = 'csys-obj-parent';
END;

CREATE TRIGGER deployment_parents_update AFTER UPDATE OF labels ON deployments
  WHEN new.labels IS NOT old.labels AND (new.labels LIKE '%csys-obj-parent%' OR old.labels LIKE '%csys-obj-parent%')
BEGIN
  DELETE FROM deployment_parents WHERE child = new.id AND tenant = new.tenant;
  INSERT OR IGNORE INTO deployment_parents (tenant, parent, child)
    SELECT new.tenant, j.value ->> 'value', new.id FROM json_each(new.labels) j WHERE j.value ->> 'key' = 'csys-obj-parent';
END;

INSERT OR IGNORE INTO deployment_parents (tenant, parent, child)
  SELECT d.tenant, j.value ->> 'value', d.id FROM deployments d, json_each(d.labels) j
  WHERE d.labels LIKE '%csys-obj-parent%' AND j.value ->> 'key' = 'csys-obj-parent';
