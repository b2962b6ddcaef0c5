-- The projection of the log, and the claims. Times are milliseconds since 1970; ids are their text form.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE principals (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind IN ('person', 'agent', 'pipeline')),
    name       TEXT NOT NULL UNIQUE,
    owner      TEXT REFERENCES principals (id),
    credential TEXT NOT NULL,
    added_at   INTEGER NOT NULL,
    revoked_at INTEGER,
    record     INTEGER NOT NULL
) STRICT;

CREATE TABLE memberships (
    grp       TEXT NOT NULL,
    principal TEXT NOT NULL REFERENCES principals (id),
    PRIMARY KEY (grp, principal)
) STRICT, WITHOUT ROWID;

CREATE TABLE reviews (
    id         TEXT PRIMARY KEY,
    digest     TEXT NOT NULL,
    actor      TEXT NOT NULL,
    target     TEXT NOT NULL,
    opened_at  INTEGER NOT NULL,
    due_at     INTEGER,              -- when time next ends it; absent once it is claimed or over
    version    INTEGER NOT NULL,     -- swapped by compare-and-swap
    case_json  TEXT NOT NULL,        -- what never changes
    state_json TEXT NOT NULL,        -- what does
    record     INTEGER NOT NULL
) STRICT;
CREATE INDEX reviews_open_by_digest ON reviews (digest) WHERE due_at IS NOT NULL;
CREATE INDEX reviews_open_by_actor ON reviews (actor) WHERE due_at IS NOT NULL;
CREATE INDEX reviews_due ON reviews (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX reviews_by_time ON reviews (opened_at, id);

CREATE TABLE verdicts (
    review   TEXT NOT NULL REFERENCES reviews (id),
    reviewer TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    PRIMARY KEY (review, reviewer, verdict)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id          TEXT PRIMARY KEY,
    review      TEXT NOT NULL UNIQUE,  -- a review is claimed for one run
    digest      TEXT NOT NULL,
    state       TEXT NOT NULL,
    released_at INTEGER NOT NULL,
    ended_at    INTEGER,
    detail      TEXT NOT NULL DEFAULT '',
    record      INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_unended ON runs (released_at) WHERE ended_at IS NULL;

CREATE TABLE proposals (
    id          TEXT PRIMARY KEY,
    actor       TEXT NOT NULL,
    target      TEXT NOT NULL,
    body        TEXT NOT NULL,         -- the proposal as it came in
    proposed_at INTEGER NOT NULL,
    review      TEXT,
    ended       TEXT                   -- how it ended, as JSON without rows; absent while it may go on
) STRICT;
CREATE INDEX proposals_by_actor ON proposals (actor, proposed_at);
