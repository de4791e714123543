CREATE TABLE moed.policy (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name       text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 128),
  tenant     text CHECK (length(tenant) BETWEEN 1 AND 128),
  side       text NOT NULL DEFAULT 'both' CHECK (side IN ('input', 'output', 'both')),
  pattern    text CHECK (length(pattern) BETWEEN 1 AND 20000),
  action     text NOT NULL DEFAULT 'fail' CHECK (action IN ('fail', 'withhold')),
  on_fault   text NOT NULL DEFAULT 'act' CHECK (on_fault IN ('act', 'pass')),
  enabled    boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  kind       text NOT NULL DEFAULT 'pattern' CHECK (kind IN ('pattern', 'moderation')),
  model      text CHECK (length(model) BETWEEN 1 AND 256),
  categories text[] CHECK (cardinality(categories) BETWEEN 1 AND 64 AND array_position(categories, NULL) IS NULL),
  threshold  double precision CHECK (threshold > 0 AND threshold <= 1),
  CONSTRAINT policy_condition_check CHECK (CASE kind
    WHEN 'pattern' THEN pattern IS NOT NULL AND num_nonnulls(model, categories, threshold) = 0
    ELSE pattern IS NULL END)
);
COMMENT ON TABLE moed.policy IS 'Rules about texts of requests and answers. Workers ask them before a job runs and before its answer is written.';
COMMENT ON COLUMN moed.policy.id IS 'Key, ascending.';
COMMENT ON COLUMN moed.policy.name IS 'Name in error messages and warnings, 1 to 128 characters.';
COMMENT ON COLUMN moed.policy.tenant IS 'moed.tenant.name of the tenant that it holds for; NULL is all.';
COMMENT ON COLUMN moed.policy.side IS 'input (messages, tools and template variables of a request), output (content, thinking and tool calls of an answer) or both.';
COMMENT ON COLUMN moed.policy.pattern IS 'Regular expression that is searched in each text: what RE2 and ECMAScript have in common. (?i) in front ignores the case of ASCII letters. NULL for other kinds.';
COMMENT ON COLUMN moed.policy.action IS 'fail: a hit ends the job as failed with content_policy. withhold: the job succeeds with an empty answer and the finish_reason content_filter.';
COMMENT ON COLUMN moed.policy.on_fault IS 'act: a rule that cannot be asked counts as a hit: its pattern has an error, or the endpoint does not answer in time. pass: it lets texts pass.';
COMMENT ON COLUMN moed.policy.enabled IS 'false: it is not asked.';
COMMENT ON COLUMN moed.policy.created_at IS 'When it was added.';
COMMENT ON COLUMN moed.policy.kind IS 'pattern: the regular expression in pattern. moderation: the moderation endpoint of the worker''s configuration.';
COMMENT ON COLUMN moed.policy.model IS 'Name of the model at the moderation endpoint; NULL takes moderation.model of the configuration.';
COMMENT ON COLUMN moed.policy.categories IS 'Categories of the moderation endpoint that count as a hit; NULL is all.';
COMMENT ON COLUMN moed.policy.threshold IS 'Score from which a category counts as a hit, above 0 up to 1; NULL leaves that to the endpoint.';
