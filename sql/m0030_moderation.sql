-- Rules that ask a moderation endpoint. Programs before this one start no job while such a rule is enabled.

ALTER TABLE moed.policy
  ALTER COLUMN pattern DROP NOT NULL,
  ADD COLUMN kind text NOT NULL DEFAULT 'pattern' CONSTRAINT policy_kind_check CHECK (kind IN ('pattern', 'moderation')),
  ADD COLUMN model text CONSTRAINT policy_model_check CHECK (length(model) BETWEEN 1 AND 256),
  ADD COLUMN categories text[] CONSTRAINT policy_categories_check
    CHECK (cardinality(categories) BETWEEN 1 AND 64 AND array_position(categories, NULL) IS NULL),
  ADD COLUMN threshold double precision CONSTRAINT policy_threshold_check CHECK (threshold > 0 AND threshold <= 1),
  ADD CONSTRAINT policy_condition_check CHECK (CASE kind
    WHEN 'pattern' THEN pattern IS NOT NULL AND num_nonnulls(model, categories, threshold) = 0
    ELSE pattern IS NULL END);
COMMENT ON COLUMN moed.policy.kind IS 'pattern: the regular expression in pattern. moderation: the moderation endpoint of the worker''s configuration.';
COMMENT ON COLUMN moed.policy.pattern IS 'Regular expression that is searched in each text: what RE2 and ECMAScript have in common. (?i) in front ignores the case of ASCII letters. NULL for other kinds.';
COMMENT ON COLUMN moed.policy.model IS 'Name of the model at the moderation endpoint; NULL takes moderation.model of the configuration.';
COMMENT ON COLUMN moed.policy.categories IS 'Categories of the moderation endpoint that count as a hit; NULL is all.';
COMMENT ON COLUMN moed.policy.threshold IS 'Score from which a category counts as a hit, above 0 up to 1; NULL leaves that to the endpoint.';
COMMENT ON COLUMN moed.policy.on_fault IS 'act: a rule that cannot be asked counts as a hit: its pattern has an error, or the endpoint does not answer in time. pass: it lets texts pass.';

ALTER TABLE moed.policy_verdict ADD COLUMN categories text[];
COMMENT ON COLUMN moed.policy_verdict.categories IS 'Categories that the moderation endpoint found; NULL for patterns and faults.';

CREATE OR REPLACE VIEW moed.policies WITH (security_invoker = true) AS
SELECT p.id, p.name, p.tenant, p.side, p.pattern, p.action, p.on_fault, p.enabled, p.created_at,
  v.hits, v.faults, v.last_hit_at, p.kind, p.model, p.categories, p.threshold
FROM moed.policy p
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE d.fault IS NULL) AS hits, count(*) FILTER (WHERE d.fault IS NOT NULL) AS faults,
    max(d.created_at) FILTER (WHERE d.fault IS NULL) AS last_hit_at
  FROM moed.policy_verdict d WHERE d.policy_id = p.id) v;
COMMENT ON COLUMN moed.policies.kind IS 'moed.policy.kind.';
COMMENT ON COLUMN moed.policies.model IS 'moed.policy.model.';
COMMENT ON COLUMN moed.policies.categories IS 'moed.policy.categories.';
COMMENT ON COLUMN moed.policies.threshold IS 'moed.policy.threshold.';
