ALTER TABLE tripline.checkpoint DROP COLUMN instance;
DELETE FROM tripline.schema_migration WHERE version = 2;
