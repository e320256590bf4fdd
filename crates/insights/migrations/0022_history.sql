-- How large each dynamic segment was at the instants at which it was refreshed.
CREATE TABLE segment_points (
    segment_id TEXT   NOT NULL REFERENCES segments (id),
    at         BIGINT NOT NULL,
    -- The definition's version, and how far into the log of acknowledged events was looked.
    version    BIGINT NOT NULL,
    watermark  BIGINT NOT NULL,
    size       BIGINT NOT NULL,
    -- Since the point before; none at the first of a version.
    joined     BIGINT,
    departed   BIGINT,
    -- Whether it is a midnight of the workspace.
    daily      BOOLEAN NOT NULL,
    -- Hashes of the members' ids, eight bytes each, sorted; kept at the latest point and at midnights.
    members    BYTEA,
    PRIMARY KEY (segment_id, at)
);

-- Segments whose last refresh failed: the last good point stays.
CREATE TABLE segment_failures (
    segment_id TEXT   NOT NULL PRIMARY KEY REFERENCES segments (id),
    since      BIGINT NOT NULL,
    reason     TEXT   NOT NULL
);
