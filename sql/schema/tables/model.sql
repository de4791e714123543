CREATE TABLE moed.model (
  id            int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name          text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 256),
  registered_at timestamptz,
  paused_at     timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE moed.model IS 'Names of models. Row 1, "default", stands for jobs that name none: every worker serves it unless its model.serve_default is false.';
COMMENT ON COLUMN moed.model.id IS 'Key; 1 is the model "default".';
COMMENT ON COLUMN moed.model.name IS 'Name given at enqueue, 1 to 256 characters.';
COMMENT ON COLUMN moed.model.registered_at IS 'When a worker or moed.register_model() announced it; NULL: jobs that name it fail with model_not_found.';
COMMENT ON COLUMN moed.model.paused_at IS 'When not NULL, jobs of this model are not started.';
COMMENT ON COLUMN moed.model.created_at IS 'When the row was added.';

INSERT INTO moed.model (name, registered_at) VALUES ('default', now());
