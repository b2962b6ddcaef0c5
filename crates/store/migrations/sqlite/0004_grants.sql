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
-- Grants with their reviews. The review's own run is a use, and so is each review that was opened under it.
CREATE VIEW granted AS
SELECT g.digest, g.uses, g.until, 1 + (SELECT count(*) FROM reviews u WHERE u.granted_by = g.review) AS used,
       v.case_json, v.state_json, v.id AS review, r.id AS run, r.state, r.detail
FROM grants g JOIN reviews v ON v.id = g.review LEFT JOIN runs r ON r.review = v.id;
