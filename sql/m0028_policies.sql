-- Policies: rules about texts of requests and answers, and what they said. Programs before this one work on, but ask no rule.

CREATE TABLE moed.policy (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name       text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 128),
  tenant     text CHECK (length(tenant) BETWEEN 1 AND 128),
  side       text NOT NULL DEFAULT 'both' CHECK (side IN ('input', 'output', 'both')),
  pattern    text NOT NULL CHECK (length(pattern) BETWEEN 1 AND 20000),
  action     text NOT NULL DEFAULT 'fail' CHECK (action IN ('fail', 'withhold')),
  on_fault   text NOT NULL DEFAULT 'act' CHECK (on_fault IN ('act', 'pass')),
  enabled    boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE moed.policy IS 'Rules about texts of requests and answers. Workers ask them before a job runs and before its answer is written.';
COMMENT ON COLUMN moed.policy.id IS 'Key, ascending.';
COMMENT ON COLUMN moed.policy.name IS 'Name in error messages and warnings, 1 to 128 characters.';
COMMENT ON COLUMN moed.policy.tenant IS 'moed.tenant.name of the tenant that it holds for; NULL is all.';
COMMENT ON COLUMN moed.policy.side IS 'input (messages, tools and template variables of a request), output (content, thinking and tool calls of an answer) or both.';
COMMENT ON COLUMN moed.policy.pattern IS 'Regular expression that is searched in each text: what RE2 and ECMAScript have in common, without word boundaries. (?i) in front ignores the case of ASCII letters.';
COMMENT ON COLUMN moed.policy.action IS 'fail: a hit ends the job as failed with content_policy. withhold: the job succeeds with an empty answer and the finish_reason content_filter.';
COMMENT ON COLUMN moed.policy.on_fault IS 'act: a rule that cannot be asked, for example because of an error in its pattern, counts as a hit. pass: it lets texts pass.';
COMMENT ON COLUMN moed.policy.enabled IS 'false: it is not asked.';
COMMENT ON COLUMN moed.policy.created_at IS 'When it was added.';

-- No foreign keys: a worker waits for no row that others may lock. Rows stay when jobs are pruned, as the token account does.
CREATE TABLE moed.policy_verdict (
  job_id      bigint NOT NULL,
  lease_token bigint NOT NULL,
  policy_id   bigint NOT NULL,
  side        text NOT NULL,
  action      text NOT NULL,
  fault       text,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
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

CREATE VIEW moed.policies WITH (security_invoker = true) AS
SELECT p.id, p.name, p.tenant, p.side, p.pattern, p.action, p.on_fault, p.enabled, p.created_at,
  v.hits, v.faults, v.last_hit_at
FROM moed.policy p
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE d.fault IS NULL) AS hits, count(*) FILTER (WHERE d.fault IS NOT NULL) AS faults,
    max(d.created_at) FILTER (WHERE d.fault IS NULL) AS last_hit_at
  FROM moed.policy_verdict d WHERE d.policy_id = p.id) v;
COMMENT ON VIEW moed.policies IS 'Rules with the number of their hits.';
COMMENT ON COLUMN moed.policies.id IS 'moed.policy.id.';
COMMENT ON COLUMN moed.policies.name IS 'moed.policy.name.';
COMMENT ON COLUMN moed.policies.tenant IS 'moed.policy.tenant.';
COMMENT ON COLUMN moed.policies.side IS 'moed.policy.side.';
COMMENT ON COLUMN moed.policies.pattern IS 'moed.policy.pattern.';
COMMENT ON COLUMN moed.policies.action IS 'moed.policy.action.';
COMMENT ON COLUMN moed.policies.on_fault IS 'moed.policy.on_fault.';
COMMENT ON COLUMN moed.policies.enabled IS 'moed.policy.enabled.';
COMMENT ON COLUMN moed.policies.created_at IS 'moed.policy.created_at.';
COMMENT ON COLUMN moed.policies.hits IS 'Hits so far, one per attempt and side.';
COMMENT ON COLUMN moed.policies.faults IS 'Attempts and sides for which the rule could not be asked; moed.policy_verdict.fault has the reasons.';
COMMENT ON COLUMN moed.policies.last_hit_at IS 'When the last hit was written.';

COMMENT ON COLUMN moed.job_result.finish_reason IS 'stop, tool_calls, length or content_filter; NULL for a failure.';
COMMENT ON COLUMN moed.jobs.finish_reason IS 'stop: came to its end. tool_calls: calls tools. length: cut at max_tokens or the end of the context. content_filter: withheld by a rule of moed.policy.';
