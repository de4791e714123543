CREATE VIEW moed.policies WITH (security_invoker = true) AS
SELECT p.id, p.name, p.tenant, p.side, p.pattern, p.action, p.on_fault, p.enabled, p.created_at,
  v.hits, v.faults, v.last_hit_at, p.kind, p.model, p.categories, p.threshold
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
COMMENT ON COLUMN moed.policies.kind IS 'moed.policy.kind.';
COMMENT ON COLUMN moed.policies.model IS 'moed.policy.model.';
COMMENT ON COLUMN moed.policies.categories IS 'moed.policy.categories.';
COMMENT ON COLUMN moed.policies.threshold IS 'moed.policy.threshold.';
