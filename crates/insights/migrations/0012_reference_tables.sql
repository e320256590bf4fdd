CREATE TABLE reference_tables (
    id            TEXT   NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL UNIQUE,
    source        TEXT   NOT NULL,
    description   TEXT   NOT NULL,
    -- JSON: the fields with their types, and the primary key.
    fields        TEXT   NOT NULL,
    primary_key   TEXT   NOT NULL,
    -- A JSON list of strings.
    tags          TEXT   NOT NULL,
    -- JSON, where the rows came from a file.
    file_metadata TEXT   NOT NULL,
    -- The rows that count have the same: a new file comes in beside the old one and takes over at once.
    generation    BIGINT NOT NULL,
    row_count     BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

CREATE TABLE reference_rows (
    table_id   TEXT   NOT NULL,
    generation BIGINT NOT NULL,
    id         TEXT   NOT NULL,
    -- A JSON object: column to text or number.
    cells      TEXT   NOT NULL,
    PRIMARY KEY (table_id, generation, id)
);

CREATE TABLE reference_uploads (
    id         TEXT   NOT NULL PRIMARY KEY,
    table_name TEXT   NOT NULL,
    -- A JSON list of strings.
    headers    TEXT   NOT NULL,
    part_count BIGINT NOT NULL,
    -- What a part's address has to hold.
    token      TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE connections (
    entity     TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    table_id   TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    -- JSON: what is joined by what, and which fields come of it.
    definition TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (entity, id)
);
