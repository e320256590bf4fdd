CREATE TABLE keys (
    id           TEXT   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL,
    scope        TEXT   NOT NULL,
    -- The first characters of the secret, for display and lookup.
    prefix       TEXT   NOT NULL,
    -- SHA-256 of the secret in hexadecimal; the secret itself is stored nowhere.
    secret_hash  TEXT   NOT NULL UNIQUE,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at   BIGINT,
    expires_at   BIGINT
);

CREATE INDEX keys_prefix ON keys (prefix);
