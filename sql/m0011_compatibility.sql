-- Which programs a migration leaves working: a daemon of the version before may run on, or be started, beside newer ones.

ALTER TABLE moed.migration ADD COLUMN works_since int;
COMMENT ON COLUMN moed.migration.works_since IS 'Programs that know migrations up to this number at least work with the schema as it is after this one; NULL: only those that know it.';
