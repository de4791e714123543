CREATE TABLE moed.api_file_part (
  file_id uuid NOT NULL REFERENCES moed.api_file ON DELETE CASCADE,
  part    int NOT NULL CHECK (part >= 0),
  content text NOT NULL,
  PRIMARY KEY (file_id, part)
);
COMMENT ON TABLE moed.api_file_part IS 'Contents of uploaded files, cut after ends of lines.';
COMMENT ON COLUMN moed.api_file_part.file_id IS 'moed.api_file.id.';
COMMENT ON COLUMN moed.api_file_part.part IS 'Place in the file, from 0.';
COMMENT ON COLUMN moed.api_file_part.content IS 'Text of this part: whole lines.';
