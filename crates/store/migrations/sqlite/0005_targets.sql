-- The targets, as the log last made them active. One that is no longer configured stays, for reviews name it.
CREATE TABLE targets (
    name        TEXT PRIMARY KEY,
    version     TEXT NOT NULL,
    target_json TEXT NOT NULL,
    since       INTEGER NOT NULL,  -- when it became as it is
    removed_at  INTEGER,
    record      INTEGER NOT NULL
) STRICT;
