-- Logins of the web app. A session ends at `expires_at`, and before that when whoever it was opened for may no longer
-- come in.
CREATE TABLE sessions (
    -- SHA-256 of the token in hexadecimal; the token itself is stored nowhere.
    token_hash TEXT   NOT NULL PRIMARY KEY,
    -- key, person or link
    holder     TEXT   NOT NULL,
    -- The id of the key or the person; empty for a link.
    holder_id  TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
