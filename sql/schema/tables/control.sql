-- One row. A pause of everything is not a pause of each model, because models may be added meanwhile.
CREATE TABLE moed.control (
  id        boolean PRIMARY KEY DEFAULT true CHECK (id),
  paused_at timestamptz
);
COMMENT ON TABLE moed.control IS 'State of the whole queue; one row.';
COMMENT ON COLUMN moed.control.id IS 'Always true.';
COMMENT ON COLUMN moed.control.paused_at IS 'When moed.pause(''all'') was called; NULL: it is not paused.';

INSERT INTO moed.control DEFAULT VALUES;
