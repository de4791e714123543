-- No foreign key to moed.job: checking it row by row takes a fifth of a claim. Trigger job_forget deletes this row
-- together with its job.
CREATE TABLE moed.job_checkpoint (
  job_id      bigint NOT NULL,
  choice      smallint NOT NULL CHECK (choice >= 0),
  first_token int NOT NULL CHECK (first_token >= 0),
  token_ids   int[] NOT NULL CHECK (cardinality(token_ids) > 0),
  computed_by text NOT NULL,
  lease_token bigint NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  mode        moed.reasoning_mode,
  PRIMARY KEY (job_id, choice, first_token)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
COMMENT ON TABLE moed.job_checkpoint IS 'Output tokens of unfinished jobs, in pieces. A job''s rows go when it ends.';
COMMENT ON COLUMN moed.job_checkpoint.job_id IS 'moed.job.id.';
COMMENT ON COLUMN moed.job_checkpoint.choice IS 'Which of the job''s choices, from 0.';
COMMENT ON COLUMN moed.job_checkpoint.first_token IS 'How many output tokens come before this piece.';
COMMENT ON COLUMN moed.job_checkpoint.token_ids IS 'Token ids, not text: a token may end in the middle of a character.';
COMMENT ON COLUMN moed.job_checkpoint.computed_by IS 'moed.origin.digest of the worker: only an equal one goes on from here, any other begins anew.';
COMMENT ON COLUMN moed.job_checkpoint.lease_token IS 'Token of the claim that wrote it.';
COMMENT ON COLUMN moed.job_checkpoint.created_at IS 'When it was written.';
COMMENT ON COLUMN moed.job_checkpoint.mode IS 'Mode in which the job ran; NULL: of a daemon before migration 17.';
