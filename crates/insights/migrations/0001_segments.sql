-- The statements here and in every query run unchanged on SQLite and on PostgreSQL.
-- Instants are microseconds since 1970 (UTC); ids are version 7 UUIDs in text.

CREATE TABLE segments (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL,
    -- The name in lower case: what makes it unique.
    name_folded TEXT   NOT NULL,
    description TEXT   NOT NULL,
    -- A JSON list of strings.
    tags        TEXT   NOT NULL,
    -- Name, description and tags in lower case: what a search looks in.
    search_text TEXT   NOT NULL,
    entity      TEXT   NOT NULL,
    definition  TEXT   NOT NULL,
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    deleted_at  BIGINT
);

CREATE UNIQUE INDEX segments_live_name ON segments (name_folded) WHERE deleted_at IS NULL;

CREATE TABLE segment_versions (
    segment_id TEXT   NOT NULL REFERENCES segments (id),
    version    BIGINT NOT NULL,
    name       TEXT   NOT NULL,
    entity     TEXT   NOT NULL,
    definition TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (segment_id, version)
);

-- Which segments the current definition of a segment names. Kept for deleted segments too, so that restoring one can
-- never close a cycle.
CREATE TABLE segment_references (
    segment_id    TEXT NOT NULL REFERENCES segments (id),
    referenced_id TEXT NOT NULL REFERENCES segments (id),
    PRIMARY KEY (segment_id, referenced_id)
);

CREATE INDEX segment_references_back ON segment_references (referenced_id, segment_id);
