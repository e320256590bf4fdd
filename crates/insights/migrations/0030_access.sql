-- Whom a key belongs to: an application's events only, pages of these origins only, so many requests a minute.
ALTER TABLE keys ADD COLUMN application_id TEXT;
-- A JSON list of strings; none: from anywhere.
ALTER TABLE keys ADD COLUMN origins TEXT;
ALTER TABLE keys ADD COLUMN requests_per_minute BIGINT;
-- The key that this one takes over from.
ALTER TABLE keys ADD COLUMN rotated_from TEXT;

CREATE TABLE people (
    id            TEXT   NOT NULL PRIMARY KEY,
    email         TEXT   NOT NULL,
    -- In lower case: what makes it unique.
    email_folded  TEXT   NOT NULL UNIQUE,
    name          TEXT   NOT NULL,
    role          TEXT   NOT NULL,
    -- Argon2id in PHC form; the password itself is stored nowhere.
    password_hash TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    modified_at   BIGINT NOT NULL,
    last_login_at BIGINT
);

CREATE TABLE audit (
    id         TEXT   NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    -- key, person or process
    actor_kind TEXT   NOT NULL,
    actor_id   TEXT   NOT NULL,
    actor_name TEXT   NOT NULL,
    -- What was asked for, such as `PATCH /api/v2/product-analytics/segments/{id}`.
    action     TEXT   NOT NULL,
    -- The path as it was sent.
    path       TEXT   NOT NULL,
    -- The id of what was made or changed, as far as the answer said it.
    target     TEXT
);
