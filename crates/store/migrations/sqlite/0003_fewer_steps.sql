-- Every standing asks for the groups of a principal.
CREATE INDEX memberships_by_principal ON memberships (principal);
-- Nobody read it: verdicts stand in the state of their review.
DROP TABLE verdicts;
