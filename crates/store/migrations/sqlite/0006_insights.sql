-- What was found out about held actions for those who review them.
CREATE TABLE insights (
    review        TEXT PRIMARY KEY REFERENCES reviews (id),
    insights_json TEXT NOT NULL,
    record        INTEGER NOT NULL
) STRICT;
-- What each actor was let do, beside plain reads. It is kept for reviewers and is no projection of the log.
CREATE TABLE habits (
    actor    TEXT NOT NULL,
    target   TEXT NOT NULL,
    verb     TEXT NOT NULL,
    resource TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    PRIMARY KEY (actor, target, verb, resource)
) STRICT, WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('habits-since', 1000 * unixepoch());
