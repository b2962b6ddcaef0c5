-- What the approvals of a review allow beside its one run. No uses: it was ended.
CREATE TABLE grants (
    review TEXT PRIMARY KEY REFERENCES reviews (id),
    digest TEXT NOT NULL,
    uses   INTEGER NOT NULL,
    until  INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_by_digest ON grants (digest);
CREATE INDEX grants_by_end ON grants (until);
-- A review that is a use of a grant.
ALTER TABLE reviews ADD COLUMN granted_by TEXT;
CREATE INDEX reviews_by_grant ON reviews (granted_by) WHERE granted_by IS NOT NULL;
