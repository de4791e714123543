CREATE SEQUENCE moed.lease_token_seq;
COMMENT ON SEQUENCE moed.lease_token_seq IS 'Fencing tokens: every claim takes a new one; never reused, never lowered.';
