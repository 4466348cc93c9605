/** Of vault.db. Everything but keys and values is in the clear, and bound to them by their envelopes. */
export const vaultTables = `
  CREATE TABLE root_keys (
    ring TEXT PRIMARY KEY,
    method TEXT NOT NULL,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT;
  CREATE TABLE data_keys (
    ring TEXT NOT NULL,
    number INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (ring, number)
  ) STRICT;
  CREATE TABLE secrets (
    path TEXT NOT NULL,
    version INTEGER NOT NULL,
    services TEXT NOT NULL,
    bindings TEXT NOT NULL,
    set_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    data_key INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (path, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE retired (
    path TEXT NOT NULL,
    version INTEGER NOT NULL,
    set_ms INTEGER NOT NULL,
    retired_ms INTEGER NOT NULL,
    PRIMARY KEY (path, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE internals (
    name TEXT PRIMARY KEY,
    data_key INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE generation (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL) STRICT;
  CREATE TABLE pending (
    generation INTEGER PRIMARY KEY,
    base INTEGER NOT NULL,
    event TEXT NOT NULL,
    mac BLOB NOT NULL
  ) STRICT;
  CREATE TABLE anchor (only INTEGER PRIMARY KEY CHECK (only = 1), note TEXT NOT NULL) STRICT;
  INSERT INTO generation (only, number) VALUES (1, 0);
`;

export const vaultSchemaVersion = 2;
