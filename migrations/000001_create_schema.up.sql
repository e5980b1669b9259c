-- Tripline's schema: rule sets, their activations, checkpoints, the audit, and which migrations are applied.
--
-- Three roles, none of them a superuser. A database administrator makes them and gives the first its right on the database (here `tripline`):
--   CREATE ROLE tripline_migrate LOGIN;
--   CREATE ROLE tripline_service LOGIN;
--   CREATE ROLE tripline_read LOGIN;
--   GRANT CONNECT, CREATE ON DATABASE tripline TO tripline_migrate;
--   GRANT CONNECT ON DATABASE tripline TO tripline_service, tripline_read;
-- `tripline migrate up` runs as the first, which then owns the schema and gives the others theirs:
--   GRANT USAGE ON SCHEMA tripline TO tripline_service, tripline_read;
--   GRANT SELECT ON tripline.schema_migration TO tripline_service, tripline_read;
--   GRANT SELECT, INSERT ON tripline.rule_set TO tripline_service;
--   GRANT SELECT, INSERT ON tripline.rule_activation TO tripline_service;
--   GRANT SELECT, INSERT, UPDATE (complete), DELETE ON tripline.checkpoint TO tripline_service;
--   GRANT SELECT, INSERT ON tripline.checkpoint_chunk TO tripline_service;
--   GRANT INSERT ON tripline.audit TO tripline_service;
--   GRANT SELECT ON tripline.rule_set, tripline.rule_activation, tripline.checkpoint, tripline.audit TO tripline_read;
-- The service deletes a checkpoint's chunks through the checkpoint. The reader has no right on chunks: they hold account ids.

CREATE SCHEMA tripline;
COMMENT ON SCHEMA tripline IS 'Tripline: rule sets, checkpoints, audit. Changed by `tripline migrate up` only.';

CREATE TABLE tripline.schema_migration (
    version    integer     PRIMARY KEY CHECK (version > 0),
    name       text        NOT NULL,
    checksum   bytea       NOT NULL CHECK (octet_length(checksum) = 32),
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tripline.schema_migration IS 'The migrations that are applied.';
COMMENT ON COLUMN tripline.schema_migration.checksum IS 'SHA-256 of the file as it was applied: an applied file is never changed.';

CREATE TABLE tripline.rule_set (
    sha256     bytea       PRIMARY KEY,
    bundle     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT rule_set_is_named_by_its_content CHECK (sha256 = pg_catalog.sha256(bundle))
);
COMMENT ON TABLE tripline.rule_set IS 'Every rule set that was ever in force, by the hash of its content; a replay loads it again.';
COMMENT ON COLUMN tripline.rule_set.bundle IS 'The files in canonical form; what is hashed.';

CREATE TABLE tripline.rule_activation (
    seq     bigint      NOT NULL CHECK (seq > 0),
    "group" text        NOT NULL,
    sha256  bytea       NOT NULL REFERENCES tripline.rule_set,
    actor   text        NOT NULL,
    reason  text        NOT NULL DEFAULT '',
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY ("group", seq)
);
COMMENT ON TABLE tripline.rule_activation IS 'Which rule set a group was told to use, in order; nothing is ever changed or removed.';
COMMENT ON COLUMN tripline.rule_activation.seq IS 'One more than the group''s last: of two activations at once one fails.';

CREATE TABLE tripline.checkpoint (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "group"    text        NOT NULL,
    topic      text        NOT NULL,
    partition  integer     NOT NULL CHECK (partition >= 0),
    epoch      bigint      NOT NULL,
    "offset"   bigint      NOT NULL CHECK ("offset" >= 0),
    rules_seq  bigint      NOT NULL CHECK (rules_seq >= 0),
    fold       text        NOT NULL,
    digest     bytea       NOT NULL CHECK (octet_length(digest) = 8),
    metadata   text        NOT NULL,
    bytes      bigint      NOT NULL CHECK (bytes > 0),
    complete   boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE ("group", topic, partition, epoch, "offset", rules_seq)
);
COMMENT ON TABLE tripline.checkpoint IS 'Snapshots of a partition''s state at a committed offset; the last three of a partition are kept.';
COMMENT ON COLUMN tripline.checkpoint.epoch IS 'Lineage: Unix milliseconds at the partition''s birth or reset.';
COMMENT ON COLUMN tripline.checkpoint."offset" IS 'The state is the one after every record below this offset.';
COMMENT ON COLUMN tripline.checkpoint.rules_seq IS 'How far the rule-set history in it goes: rules may change at an offset where nothing was read.';
COMMENT ON COLUMN tripline.checkpoint.fold IS 'Hash of what the state''s meaning depends on: windows, mapping, version of the fold.';
COMMENT ON COLUMN tripline.checkpoint.digest IS 'Of the state, most significant byte first.';
COMMENT ON COLUMN tripline.checkpoint.metadata IS 'The checkpoint''s header, one name=value a line; for people: the chunks hold it too.';
COMMENT ON COLUMN tripline.checkpoint.bytes IS 'All chunks together.';
COMMENT ON COLUMN tripline.checkpoint.complete IS 'Set last, in the transaction of the chunks: what is not complete is never read.';

CREATE TABLE tripline.checkpoint_chunk (
    checkpoint_id bigint  NOT NULL REFERENCES tripline.checkpoint ON DELETE CASCADE,
    number        integer NOT NULL CHECK (number >= 0),
    data          bytea   NOT NULL CHECK (octet_length(data) BETWEEN 1 AND 1048576),
    PRIMARY KEY (checkpoint_id, number)
);
-- Compressed already (zstd).
ALTER TABLE tripline.checkpoint_chunk ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE tripline.checkpoint_chunk IS 'A checkpoint''s bytes in order, from number 0.';

CREATE TABLE tripline.audit (
    id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL DEFAULT now(),
    actor  text        NOT NULL,
    action text        NOT NULL,
    detail jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_at ON tripline.audit (at);
COMMENT ON TABLE tripline.audit IS 'What operators changed, and when; nothing is ever changed or removed.';
