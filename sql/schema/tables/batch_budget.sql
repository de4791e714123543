-- Its rows are locked for the time of one statement of a worker. Clients have no right to change one, so none of them can
-- hold a lock.
CREATE TABLE moed.batch_budget (
  batch_id  uuid PRIMARY KEY REFERENCES moed.batch ON DELETE CASCADE,
  money_max numeric NOT NULL CHECK (money_max > 0 AND money_max < 'Infinity'),
  spent     numeric NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
COMMENT ON TABLE moed.batch_budget IS 'Price ceilings of batches. A batch without a row has none.';
COMMENT ON COLUMN moed.batch_budget.batch_id IS 'moed.batch.id.';
COMMENT ON COLUMN moed.batch_budget.money_max IS 'Most that the batch''s requests to endpoints outside of the house may cost together. A request that could exceed it is not sent.';
COMMENT ON COLUMN moed.batch_budget.spent IS 'Money at endpoints, reserves of open requests included.';
