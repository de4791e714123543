CREATE TABLE moed.price (
  model      text NOT NULL REFERENCES moed.model (name),
  valid_from timestamptz NOT NULL DEFAULT '-infinity',
  prompt     numeric NOT NULL CHECK (prompt >= 0),
  cached     numeric NOT NULL CHECK (cached >= 0),
  completion numeric NOT NULL CHECK (completion >= 0),
  PRIMARY KEY (model, valid_from)
);
COMMENT ON TABLE moed.price IS 'Prices per million tokens, in a currency of your choice. A change is a new row with a later valid_from.';
COMMENT ON COLUMN moed.price.model IS 'moed.model.name of the model that runs, as workers serve it.';
COMMENT ON COLUMN moed.price.valid_from IS 'First instant it holds; until the next row''s.';
COMMENT ON COLUMN moed.price.prompt IS 'Per million prompt tokens that were computed.';
COMMENT ON COLUMN moed.price.cached IS 'Per million prompt tokens taken from a cached prefix.';
COMMENT ON COLUMN moed.price.completion IS 'Per million completion tokens: thinking, injected and answer.';
