-- Work that goes on after its request has been answered.
CREATE TABLE jobs (
    id          TEXT   NOT NULL PRIMARY KEY,
    kind        TEXT   NOT NULL,
    -- queued, running, done, failed or cancelled.
    state       TEXT   NOT NULL,
    segment_id  TEXT,
    -- JSON, once it is done.
    report      TEXT,
    error       TEXT,
    created_at  BIGINT NOT NULL,
    finished_at BIGINT
);
