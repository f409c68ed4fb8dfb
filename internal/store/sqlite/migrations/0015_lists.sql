-- What makes long lists cheap: how many rows a tenant has, and labels that can be looked up. Both are kept by the triggers
-- below and by nothing else.

-- created_by tells only private rows apart: they are the only ones that not everybody in the tenant sees.
CREATE TABLE row_counts (
  noun       TEXT NOT NULL,
  tenant     TEXT NOT NULL,
  visibility TEXT NOT NULL,
  created_by TEXT NOT NULL COLLATE NOCASE,
  rows       INTEGER NOT NULL,
  PRIMARY KEY (noun, tenant, visibility, created_by)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER deployments_count_insert AFTER INSERT ON deployments BEGIN
  INSERT INTO row_counts VALUES ('deployments', new.tenant, new.visibility, iif(new.visibility = 'private', new.created_by, ''), 1)
    ON CONFLICT DO UPDATE SET rows = rows + 1;
END;
CREATE TRIGGER deployments_count_delete AFTER DELETE ON deployments BEGIN
  UPDATE row_counts SET rows = rows - 1 WHERE noun = 'deployments' AND tenant = old.tenant AND visibility = old.visibility
    AND created_by = iif(old.visibility = 'private', old.created_by, '');
END;
CREATE TRIGGER deployments_count_update AFTER UPDATE OF tenant, visibility, created_by ON deployments
  WHEN old.tenant <> new.tenant OR old.visibility <> new.visibility OR old.created_by <> new.created_by BEGIN
  UPDATE row_counts SET rows = rows - 1 WHERE noun = 'deployments' AND tenant = old.tenant AND visibility = old.visibility
    AND created_by = iif(old.visibility = 'private', old.created_by, '');
  INSERT INTO row_counts VALUES ('deployments', new.tenant, new.visibility, iif(new.visibility = 'private', new.created_by, ''), 1)
    ON CONFLICT DO UPDATE SET rows = rows + 1;
END;

CREATE TRIGGER instances_count_insert AFTER INSERT ON instances BEGIN
  INSERT INTO row_counts VALUES ('instances', new.tenant, new.visibility, iif(new.visibility = 'private', new.created_by, ''), 1)
    ON CONFLICT DO UPDATE SET rows = rows + 1;
END;
CREATE TRIGGER instances_count_delete AFTER DELETE ON instances BEGIN
  UPDATE row_counts SET rows = rows - 1 WHERE noun = 'instances' AND tenant = old.tenant AND visibility = old.visibility
    AND created_by = iif(old.visibility = 'private', old.created_by, '');
END;
CREATE TRIGGER instances_count_update AFTER UPDATE OF tenant, visibility, created_by ON instances
  WHEN old.tenant <> new.tenant OR old.visibility <> new.visibility OR old.created_by <> new.created_by BEGIN
  UPDATE row_counts SET rows = rows - 1 WHERE noun = 'instances' AND tenant = old.tenant AND visibility = old.visibility
    AND created_by = iif(old.visibility = 'private', old.created_by, '');
  INSERT INTO row_counts VALUES ('instances', new.tenant, new.visibility, iif(new.visibility = 'private', new.created_by, ''), 1)
    ON CONFLICT DO UPDATE SET rows = rows + 1;
END;

CREATE TRIGGER executions_count_insert AFTER INSERT ON executions BEGIN
  INSERT INTO row_counts VALUES ('executions', new.tenant, new.visibility, iif(new.visibility = 'private', new.created_by, ''), 1)
    ON CONFLICT DO UPDATE SET rows = rows + 1;
END;
CREATE TRIGGER executions_count_delete AFTER DELETE ON executions BEGIN
  UPDATE row_counts SET rows = rows - 1 WHERE noun = 'executions' AND tenant = old.tenant AND visibility = old.visibility
    AND created_by = iif(old.visibility = 'private', old.created_by, '');
END;
CREATE TRIGGER executions_count_update AFTER UPDATE OF tenant, visibility, created_by ON executions
  WHEN old.tenant <> new.tenant OR old.visibility <> new.visibility OR old.created_by <> new.created_by BEGIN
  UPDATE row_counts SET rows = rows - 1 WHERE noun = 'executions' AND tenant = old.tenant AND visibility = old.visibility
    AND created_by = iif(old.visibility = 'private', old.created_by, '');
  INSERT INTO row_counts VALUES ('executions', new.tenant, new.visibility, iif(new.visibility = 'private', new.created_by, ''), 1)
    ON CONFLICT DO UPDATE SET rows = rows + 1;
END;

INSERT INTO row_counts SELECT 'deployments', tenant, visibility, iif(visibility = 'private', created_by, '') AS c, count(*)
  FROM deployments GROUP BY tenant, visibility, c COLLATE NOCASE;
INSERT INTO row_counts SELECT 'instances', tenant, visibility, iif(visibility = 'private', created_by, '') AS c, count(*)
  FROM instances GROUP BY tenant, visibility, c COLLATE NOCASE;
INSERT INTO row_counts SELECT 'executions', tenant, visibility, iif(visibility = 'private', created_by, '') AS c, count(*)
  FROM executions GROUP BY tenant, visibility, c COLLATE NOCASE;

-- The labels of deployments and blueprints as rows: owner is the seq of the deployment or blueprint.
CREATE TABLE deployments_labels (
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  owner INTEGER NOT NULL,
  PRIMARY KEY (key, value, owner)
) STRICT, WITHOUT ROWID;
CREATE INDEX deployments_labels_owner ON deployments_labels (owner, key, value);

CREATE TRIGGER deployments_labels_insert AFTER INSERT ON deployments WHEN new.labels IS NOT NULL BEGIN
  INSERT OR IGNORE INTO deployments_labels SELECT j.value ->> 'key', j.value ->> 'value', new.seq FROM json_each(new.labels) j;
END;
CREATE TRIGGER deployments_labels_update AFTER UPDATE OF labels ON deployments WHEN old.labels IS NOT new.labels BEGIN
  DELETE FROM deployments_labels WHERE owner = old.seq;
  INSERT OR IGNORE INTO deployments_labels SELECT j.value ->> 'key', j.value ->> 'value', new.seq FROM json_each(new.labels) j;
END;
CREATE TRIGGER deployments_labels_delete AFTER DELETE ON deployments WHEN old.labels IS NOT NULL BEGIN
  DELETE FROM deployments_labels WHERE owner = old.seq;
END;
INSERT OR IGNORE INTO deployments_labels SELECT j.value ->> 'key', j.value ->> 'value', d.seq FROM deployments d, json_each(d.labels) j;

CREATE TABLE blueprints_labels (
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  owner INTEGER NOT NULL,
  PRIMARY KEY (key, value, owner)
) STRICT, WITHOUT ROWID;
CREATE INDEX blueprints_labels_owner ON blueprints_labels (owner, key, value);

CREATE TRIGGER blueprints_labels_insert AFTER INSERT ON blueprints WHEN new.labels IS NOT NULL BEGIN
  INSERT OR IGNORE INTO blueprints_labels SELECT j.value ->> 'key', j.value ->> 'value', new.seq FROM json_each(new.labels) j;
END;
CREATE TRIGGER blueprints_labels_update AFTER UPDATE OF labels ON blueprints WHEN old.labels IS NOT new.labels BEGIN
  DELETE FROM blueprints_labels WHERE owner = old.seq;
  INSERT OR IGNORE INTO blueprints_labels SELECT j.value ->> 'key', j.value ->> 'value', new.seq FROM json_each(new.labels) j;
END;
CREATE TRIGGER blueprints_labels_delete AFTER DELETE ON blueprints WHEN old.labels IS NOT NULL BEGIN
  DELETE FROM blueprints_labels WHERE owner = old.seq;
END;
INSERT OR IGNORE INTO blueprints_labels SELECT j.value ->> 'key', j.value ->> 'value', b.seq FROM blueprints b, json_each(b.labels) j;
