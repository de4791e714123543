#!/usr/bin/env bash
# The whole way of a job in one minute: a private PostgreSQL, jobs enqueued by SQL, the daemon, answers and accounts.
# Leaves nothing behind: neither files nor processes.
set -euo pipefail
cd "$(dirname "$0")/../.."

moed=${MOED_BINARY:-.build/release/moed}
model=Tests/Fixtures/sample-model
title() { printf '\n\033[1m%s\033[0m\n' "$*"; }

title "1. A private PostgreSQL"
source Tests/server.sh
database="host=$home user=moed dbname=postgres"
sql() { psql -X -q -v ON_ERROR_STOP=1 "$database" "$@"; }
echo "running in $home"

title "2. moed migrate"
"$moed" migrate --database "$database"

title "3. Jobs, enqueued by SQL (Tests/Demo/jobs.sql)"
sql -f Tests/Demo/jobs.sql -o /dev/null
sql -At -c "SELECT count(*) || ' jobs are queued' FROM moed.jobs WHERE state = 'queued'"

title "4. moed run --drain"
"$moed" run --database "$database" --model "$model" --set log.level=warning --drain

title "5. Answers"
sql -P pager=off -P null= -c "
  SELECT id, mode, left(prompt, 56) AS question,
         coalesce(left(content, 60), state || ': ' || left(error, 90)) AS answer,
         thinking_tokens AS think, injected_tokens AS inj, answer_tokens AS ans, total_tokens AS total,
         run_ms AS ms
    FROM moed.jobs ORDER BY id"
sql -P pager=off -x -c "
  SELECT prompt AS question, reasoning AS thinking, content AS answer
    FROM moed.jobs WHERE mode = 'thinking' AND state = 'succeeded' ORDER BY id LIMIT 1"

title "6. The token account (moed.usage_daily)"
sql -P pager=off -c "
  SELECT model, mode, jobs, prompt_tokens AS prompt, cached_tokens AS cached, thinking_tokens AS thinking,
         injected_tokens AS injected, answer_tokens AS answer, total_tokens AS total
    FROM moed.usage_daily ORDER BY model, mode"
sql -At -c "SELECT 'succeeded ' || count(*) FILTER (WHERE state = 'succeeded')
              || ', failed ' || count(*) FILTER (WHERE state = 'failed')
              || ', left over ' || count(*) FILTER (WHERE state NOT IN ('succeeded', 'failed')) FROM moed.jobs"
