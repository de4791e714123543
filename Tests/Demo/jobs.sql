-- The demo's jobs: what an application would enqueue, in its own transaction.
\set QUIET on
BEGIN;

-- One at a time, by name.
SELECT moed.enqueue(prompt => 'How many times does the letter r appear in strawberry?', reasoning => 'thinking',
                    temperature => 0);
SELECT moed.enqueue(prompt => 'How many times does the letter r appear in strawberry?', reasoning => 'non_thinking',
                    temperature => 0);

-- The same sum with growing thinking budgets: with 8 or 24 tokens the model must guess, with 80 it gets there.
SELECT moed.enqueue(prompt => 'What is 4785 + 396?', reasoning => 'thinking', temperature => 0,
                    thinking_token_budget => budget)
  FROM unnest(ARRAY[8, 24, 80]) AS budget;

-- In OpenAI's chat shape, with a system prompt and a seed.
SELECT moed.enqueue(messages => '[{"role": "system", "content": "You are a helpful assistant."},
                                  {"role": "user", "content": "Sort 42, 7, 19 in ascending order."}]',
                    reasoning => 'thinking', seed => 1);

-- In bulk, from a table of the application's own. Its last column is for the demo's table: what is right.
CREATE TABLE question (id int GENERATED ALWAYS AS IDENTITY, text text NOT NULL, answer text NOT NULL);
INSERT INTO question (text, answer) VALUES
  ('What is 27 + 58?', '27 + 58 = 85.'),
  ('What is 1234 + 4321?', '1234 + 4321 = 5555.'),
  ('What is 999 + 1?', '999 + 1 = 1000.'),
  ('What is 70 + 8999?', '70 + 8999 = 9069.'),
  ('Spell strawberry backwards.', 'The word strawberry spelled backwards is yrrebwarts.'),
  ('Spell garden backwards.', 'The word garden spelled backwards is nedrag.'),
  ('Spell mountain backwards.', 'The word mountain spelled backwards is niatnuom.'),
  ('Which is larger, 9.11 or 9.9?', '9.9 is larger than 9.11.'),
  ('Which is larger, 3.14 or 3.2?', '3.2 is larger than 3.14.'),
  ('Which is larger, 0.7 or 0.65?', '0.7 is larger than 0.65.'),
  ('Sort 9, 3, 27, 81 in ascending order.', 'In ascending order: 3, 9, 27, 81.'),
  ('Sort 42, 7, 19 in ascending order.', 'In ascending order: 7, 19, 42.'),
  ('Sort 5, 4, 3, 2, 1, 0 in ascending order.', 'In ascending order: 0, 1, 2, 3, 4, 5.'),
  ('How many times does the letter e appear in nevertheless?', 'The letter e appears 4 times in nevertheless.'),
  ('How many times does the letter s appear in mississippi?', 'The letter s appears 4 times in mississippi.'),
  ('How many times does the letter a appear in banana?', 'The letter a appears 3 times in banana.');
INSERT INTO moed.jobs (prompt, reasoning, max_tokens, seed)
  SELECT text, mode, 400, id FROM question CROSS JOIN unnest(ARRAY['thinking', 'non_thinking']) AS mode ORDER BY id;

-- The right answers to the questions asked by name.
INSERT INTO question (text, answer) VALUES
  ('How many times does the letter r appear in strawberry?', 'The letter r appears 3 times in strawberry.'),
  ('What is 4785 + 396?', '4785 + 396 = 5181.');

-- And some that cannot be run: each ends 'failed' and says why, the others never notice.
SELECT moed.enqueue(prompt => 'What is 1 + 1?', max_tokens => -5);
SELECT moed.enqueue(prompt => 'What is 2 + 2?', temperature => 99);
SELECT moed.enqueue(prompt => 'What is 3 + 3?', model => 'qwen4-colossal');
SELECT moed.enqueue(prompt => repeat('What is 4 + 4? ', 2000));
SELECT moed.enqueue(messages => '{"role": "user"}');
SELECT moed.enqueue(prompt => 'What is 5 + 5?', reasoning => 'sometimes');
COMMIT;
