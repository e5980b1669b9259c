-- Which instance wrote a checkpoint, for people who look for one that misbehaves. Nullable and without default: a program that does not know
-- the column goes on writing.
ALTER TABLE tripline.checkpoint ADD COLUMN instance text;
COMMENT ON COLUMN tripline.checkpoint.instance IS 'The instance that wrote it; absent where its version did not say.';
