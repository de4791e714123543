-- Workers add rows when they register. No client may write here.
CREATE TABLE moed.origin (
  id         int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest     text NOT NULL,
  model      text NOT NULL,
  formats    text NOT NULL,
  details    json NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (digest, model)
);
COMMENT ON TABLE moed.origin IS 'Models as loaded, one row each, that computed answers. Equal digests give equal tokens to equal requests.';
COMMENT ON COLUMN moed.origin.id IS 'Key; origin_id of moed.job_result and moed.token_ledger points here.';
COMMENT ON COLUMN moed.origin.digest IS 'Digest of weights, formats, tokenizer, template, format of keys and values, and defaults of requests. Names and places do not count.';
COMMENT ON COLUMN moed.origin.model IS 'Name under which the worker served it.';
COMMENT ON COLUMN moed.origin.formats IS 'Formats of experts, of other weights, and of keys and values.';
COMMENT ON COLUMN moed.origin.details IS 'Parts of the digest: digests of the weights and of each small file, formats, defaults of requests.';
COMMENT ON COLUMN moed.origin.first_seen IS 'When the first worker with it registered.';
