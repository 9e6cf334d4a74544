CREATE TABLE conversation (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    title TEXT,
    title_locked BIGINT NOT NULL,
    metadata TEXT NOT NULL,
    referrer TEXT,
    project_id TEXT,
    active_branch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX conversation_list ON conversation (owner, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX conversation_project ON conversation (owner, project_id, updated_at, id)
    WHERE deleted_at IS NULL AND project_id IS NOT NULL;
CREATE INDEX conversation_referrer ON conversation (owner, referrer, updated_at, id)
    WHERE deleted_at IS NULL AND referrer IS NOT NULL;
CREATE INDEX conversation_deleted ON conversation (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE branch (
    conversation TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    parent BIGINT,
    fork BIGINT NOT NULL,
    fork_item TEXT,
    last BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    PRIMARY KEY (conversation, number)
);
CREATE UNIQUE INDEX branch_name ON branch (conversation, name) WHERE deleted_at IS NULL;

CREATE TABLE item (
    id TEXT NOT NULL PRIMARY KEY,
    conversation TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    branch BIGINT NOT NULL,
    place BIGINT NOT NULL,
    call_id TEXT,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX item_place ON item (conversation, branch, place);
CREATE INDEX item_call ON item (conversation, call_id) WHERE call_id IS NOT NULL;
CREATE INDEX item_deleted ON item (deleted_at) WHERE deleted_at IS NOT NULL;
