-- Saved charts: the web app's own state is opaque; what matters here is which segments a chart rests on.
CREATE TABLE charts (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL,
    -- The name in lower case: what makes it unique.
    name_folded TEXT   NOT NULL UNIQUE,
    description TEXT   NOT NULL,
    -- Name and description in lower case: what a search looks in.
    search_text TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    -- JSON
    state       TEXT   NOT NULL,
    -- JSON, if there is one.
    query       TEXT,
    -- A JSON list of ids, in the order given.
    segment_ids TEXT   NOT NULL,
    version     BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

CREATE TABLE chart_references (
    chart_id      TEXT NOT NULL REFERENCES charts (id) ON DELETE CASCADE,
    referenced_id TEXT NOT NULL REFERENCES segments (id),
    PRIMARY KEY (chart_id, referenced_id)
);

CREATE INDEX chart_references_back ON chart_references (referenced_id, chart_id);
