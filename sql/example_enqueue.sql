-- An application's statements. Run `moed migrate` first, then:  psql "$DATABASE" -f sql/example_enqueue.sql

-- One question, with thinking (Qwen3's default) and at most 512 generated tokens.
SELECT moed.enqueue(prompt => 'What is 27 + 58?', reasoning => 'thinking', max_tokens => 512) AS job_id;

-- A chat in OpenAI's shape, without thinking, at low temperature. The key keeps a second run from adding it again.
SELECT moed.enqueue(
  messages => '[{"role": "system", "content": "Answer with one word."},
                {"role": "user", "content": "How many r are in strawberry?"}]',
  reasoning => 'non_thinking', temperature => 0.2, seed => 7, max_tokens => 16,
  idempotency_key => 'example-strawberry') AS job_id;

-- Many at once, from a table of the application, in the application's own transaction.
BEGIN;
CREATE TEMPORARY TABLE question (id int PRIMARY KEY, body text NOT NULL, job_id bigint);
INSERT INTO question (id, body) SELECT i, format('What is %s + %s?', i, i * 7) FROM generate_series(1, 20) AS i;
INSERT INTO moed.jobs (prompt, reasoning, max_tokens, thinking_token_budget, priority)
SELECT body, 'thinking', 256, 128, -1 FROM question;
COMMIT;

-- Progress.
SELECT model, mode, state, sum(jobs) AS jobs, max(oldest_age) AS oldest FROM moed.queue_stats GROUP BY 1, 2, 3;

-- The answers.
SELECT id, state, prompt, content, reasoning, error, total_tokens, run_ms FROM moed.jobs ORDER BY id;

-- The token account.
SELECT * FROM moed.usage_daily ORDER BY day, tenant, model, mode;
