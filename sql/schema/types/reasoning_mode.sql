CREATE TYPE moed.reasoning_mode AS ENUM ('thinking', 'non_thinking');
COMMENT ON TYPE moed.reasoning_mode IS 'Whether the model reasons before it answers.';
