-- Removes the schema with all that is in it: checkpoints, rule sets, the audit. Groups then replay what their topic still holds, or are refused.
DROP TABLE tripline.audit;
DROP TABLE tripline.checkpoint_chunk;
DROP TABLE tripline.checkpoint;
DROP TABLE tripline.rule_activation;
DROP TABLE tripline.rule_set;
DROP TABLE tripline.schema_migration;
DROP SCHEMA tripline;
