-- No foreign keys: a worker waits for no row that others may lock. Rows stay when jobs are pruned, as the token account does.
CREATE TABLE moed.policy_verdict (
  job_id      bigint NOT NULL,
  lease_token bigint NOT NULL,
  policy_id   bigint NOT NULL,
  side        text NOT NULL,
  action      text NOT NULL,
  fault       text,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  categories  text[],
  PRIMARY KEY (policy_id, job_id, lease_token, side)
);
COMMENT ON TABLE moed.policy_verdict IS 'Hits of rules, one row per rule and side of an attempt. The text is not stored.';
COMMENT ON COLUMN moed.policy_verdict.job_id IS 'moed.job.id.';
COMMENT ON COLUMN moed.policy_verdict.lease_token IS 'Token of the attempt''s claim.';
COMMENT ON COLUMN moed.policy_verdict.policy_id IS 'moed.policy.id.';
COMMENT ON COLUMN moed.policy_verdict.side IS 'input or output.';
COMMENT ON COLUMN moed.policy_verdict.action IS 'moed.policy.action at that time.';
COMMENT ON COLUMN moed.policy_verdict.fault IS 'Reason why the rule could not be asked; NULL for a hit.';
COMMENT ON COLUMN moed.policy_verdict.created_at IS 'When it was written.';
COMMENT ON COLUMN moed.policy_verdict.categories IS 'Categories that the moderation endpoint found; NULL for patterns and faults.';
