-- Who added a principal, and saw its token: part of the lineage of an agent or pipeline.
ALTER TABLE principals ADD COLUMN added_by TEXT;
