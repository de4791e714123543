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
