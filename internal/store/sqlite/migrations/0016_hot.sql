-- What the engine writes most often, with fewer indices: each of these two is the beginning of another one.
DROP INDEX events_execution;
DROP INDEX events_deployment;

-- Whose turn it is: of the queued executions of a deployment, in one execution group or in none, only the oldest is a head
-- of the queue; without a deployment every one is. The triggers keep the marks, nothing else does. However many wait
-- behind one deployment, the heads of the others are found without looking at them.
ALTER TABLE executions ADD COLUMN queue_head INTEGER NOT NULL DEFAULT 0;
DROP INDEX executions_waiting;
CREATE INDEX executions_heads ON executions (execution_group, created_at) WHERE queue_head = 1;
CREATE INDEX executions_queued ON executions (deployment, tenant, execution_group, created_at) WHERE status = 'queued';

UPDATE executions SET queue_head = 1 WHERE status = 'queued' AND deployment IS NULL;
UPDATE executions SET queue_head = 1 WHERE seq IN (SELECT first_value(seq) OVER (PARTITION BY deployment, tenant, execution_group
  ORDER BY created_at, seq) FROM executions WHERE status = 'queued' AND deployment IS NOT NULL);

CREATE TRIGGER executions_queue_insert AFTER INSERT ON executions WHEN new.status = 'queued' BEGIN
  UPDATE executions SET queue_head = 0 WHERE queue_head = 1 AND seq = (SELECT seq FROM executions WHERE status = 'queued' AND deployment = new.deployment
    AND tenant = new.tenant AND execution_group = new.execution_group ORDER BY created_at, seq LIMIT 1 OFFSET 1);
  UPDATE executions SET queue_head = 1 WHERE queue_head = 0 AND seq = iif(new.deployment IS NULL, new.seq, (SELECT seq FROM executions WHERE status = 'queued' AND deployment = new.deployment
    AND tenant = new.tenant AND execution_group = new.execution_group ORDER BY created_at, seq LIMIT 1));
END;
CREATE TRIGGER executions_queue_delete AFTER DELETE ON executions WHEN old.queue_head = 1 BEGIN
  UPDATE executions SET queue_head = 1 WHERE queue_head = 0 AND seq = (SELECT seq FROM executions WHERE status = 'queued' AND deployment = old.deployment
    AND tenant = old.tenant AND execution_group = old.execution_group ORDER BY created_at, seq LIMIT 1);
END;
CREATE TRIGGER executions_queue_update AFTER UPDATE OF status, deployment, tenant, execution_group, created_at ON executions
  WHEN (old.status = 'queued' OR new.status = 'queued') AND (old.status <> new.status OR old.deployment IS NOT new.deployment
    OR old.tenant <> new.tenant OR old.execution_group <> new.execution_group OR old.created_at IS NOT new.created_at)
BEGIN
  UPDATE executions SET queue_head = 0 WHERE queue_head = 1 AND seq = new.seq;
  UPDATE executions SET queue_head = 1 WHERE queue_head = 0 AND seq = (SELECT seq FROM executions WHERE status = 'queued' AND deployment = old.deployment
    AND tenant = old.tenant AND execution_group = old.execution_group ORDER BY created_at, seq LIMIT 1);
  UPDATE executions SET queue_head = 0 WHERE queue_head = 1 AND seq = (SELECT seq FROM executions WHERE status = 'queued' AND deployment = new.deployment
    AND tenant = new.tenant AND execution_group = new.execution_group ORDER BY created_at, seq LIMIT 1 OFFSET 1);
  UPDATE executions SET queue_head = 1 WHERE queue_head = 0 AND seq = iif(new.deployment IS NULL AND new.status = 'queued', new.seq, (SELECT seq FROM executions WHERE status = 'queued' AND deployment = new.deployment
    AND tenant = new.tenant AND execution_group = new.execution_group ORDER BY created_at, seq LIMIT 1));
END;

-- The tasks of a large graph are stored in several commits; until the last of them the graph is incomplete.
ALTER TABLE graphs ADD COLUMN incomplete INTEGER NOT NULL DEFAULT 0;
