CREATE TYPE moed.reasoning_mode AS ENUM ('thinking', 'non_thinking');
COMMENT ON TYPE moed.reasoning_mode IS 'thinking: the model reasons before it answers. non_thinking: it answers at once.';
