CREATE TYPE moed.job_state AS ENUM ('scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled');
COMMENT ON TYPE moed.job_state IS 'scheduled: waits for run_at. queued: may be claimed. running: leased by a worker. The others are final.';
