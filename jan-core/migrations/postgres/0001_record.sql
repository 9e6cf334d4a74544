CREATE TABLE record (
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C",
    parent TEXT COLLATE "C",
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
