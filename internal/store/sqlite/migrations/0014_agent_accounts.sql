-- Accounts with which host agents connect to the broker; they end with their node instance.

CREATE TABLE agent_accounts (
  tenant      TEXT NOT NULL,
  name        TEXT NOT NULL,
  instance    TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (tenant, name),
  FOREIGN KEY (instance, tenant) REFERENCES instances (id, tenant) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_accounts_instance ON agent_accounts (instance, tenant);
