CREATE TABLE record (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT,
    parent TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE UNIQUE INDEX record_name ON record (owner, kind, name);
CREATE INDEX record_list ON record (owner, kind, created_at, id);
CREATE INDEX record_parent ON record (owner, kind, parent, created_at, id) WHERE parent IS NOT NULL;
CREATE INDEX record_expiry ON record (expires_at) WHERE expires_at IS NOT NULL;
