#!/usr/bin/env bash
# Real daemons with the sample model, on a private PostgreSQL:
#   1. kill -9 at KILLS random points while JOBS jobs run;
#   2. two daemons, and the server stopped at once (pg_ctl stop -m immediate) every 20 seconds for DOWN seconds.
# After each, every job must have ended once, with the text and the token account of an undisturbed run.
# Leaves nothing behind. Exit code 0: nothing was lost and nothing came twice.
set -euo pipefail
cd "$(dirname "$0")/../.."

KILLS=${KILLS:-200} JOBS=${JOBS:-2000} DOWN=${DOWN:-300}
moed=${MOED_BINARY:-.build-static/release/moed}
model=Tests/Fixtures/sample-model
source Tests/server.sh
sql() { local database=$1; shift; psql -X -q -At -v ON_ERROR_STOP=1 "host=$home user=moed dbname=$database" "$@"; }

# Seeds and keys are given: ids have gaps after a crash of the server.
enqueue() {
  sql "$1" -o /dev/null <<SQL
INSERT INTO moed.jobs (prompt, reasoning, max_tokens, seed, idempotency_key, max_attempts)
SELECT (ARRAY['How many times does the letter e appear in reverberate' || n || '?', 'What is ' || n || ' plus ' || 7 * n || '?',
              'Reverse the word sample' || n, 'Sort these numbers: ' || n || ', 3, ' || n % 17])[1 + n % 4],
       CASE WHEN n % 2 = 0 THEN 'thinking' ELSE 'non_thinking' END, 200, n, n::text, 1000
  FROM generate_series($2, $3) AS n;
SQL
}
database() { sql postgres -c "CREATE DATABASE $1"; "$moed" migrate --database "host=$home user=moed dbname=$1" >/dev/null; }
# A short lease: who takes over waits for it.
daemon() {
  local name=$1; shift
  "$moed" run --database "host=$home user=moed dbname=$name" --model "$model" --set log.level=error --set queue.lease=2s \
    --set queue.poll_interval=200ms --set queue.checkpoint_interval=200ms "$@" 2>>"$home/$name.log" &
}
unfinished() { sql "$1" -c "SELECT count(*) FROM moed.job WHERE finished_at IS NULL"; }

# Texts, accounts and invariants of one database against those of the undisturbed one.
compare() {
  local columns="idempotency_key, state, content, reasoning, finish_reason, prompt_tokens, thinking_tokens, injected_tokens,
    answer_tokens, total_tokens"
  for name in "$1" "$2"; do
    sql "$name" -c "COPY (SELECT $columns FROM moed.jobs ORDER BY idempotency_key::int) TO STDOUT" >"$home/$name.txt"
  done
  local wrong
  wrong=$(sql "$1" -c "
    SELECT count(*) FROM moed.job j
     WHERE j.state <> 'succeeded'
        OR (SELECT count(*) FROM moed.token_ledger l WHERE l.job_id = j.id AND l.kind = 'final') <> 1")
  local different
  different=$(diff "$home/$1.txt" "$home/$2.txt" | grep -c '^<' || true)
  sql "$1" -F ', ' -c "
    SELECT count(*) || ' jobs', sum(attempt) || ' attempts', max(attempt) || ' at most', sum(crashes) || ' taken from a dead worker',
           (SELECT sum(recomputed_tokens) || ' tokens recomputed' FROM moed.token_ledger),
           (SELECT sum(total_tokens) || ' billed' FROM moed.token_ledger WHERE kind = 'final')
      FROM moed.job"
  say "not ended once: $wrong; text or account differs: $different"
  [[ $wrong == 0 && $different == 0 ]]
}

say "1. kill -9 at $KILLS random points while $JOBS jobs run"
database calm; database killed
enqueue calm 1 "$JOBS"; enqueue killed 1 "$JOBS"
"$moed" run --database "host=$home user=moed dbname=calm" --model "$model" --set log.level=error --drain 2>>"$home/calm.log"
kills=0
while ((kills < KILLS)); do
  # Jobs that run out before all kills were made: more of the same.
  if (($(unfinished killed) == 0)); then
    enqueue calm $((JOBS + 1)) $((JOBS + 200)); enqueue killed $((JOBS + 1)) $((JOBS + 200)); JOBS=$((JOBS + 200))
  fi
  daemon killed; victim=$!
  sleep "0.$((RANDOM % 9 + 1))"; sleep "0.$((RANDOM % 5 + 1))"
  kill -9 "$victim"; wait "$victim" 2>/dev/null || true
  kills=$((kills + 1))
done
say "killed $kills times, $(unfinished killed) of $JOBS jobs are left"
"$moed" run --database "host=$home user=moed dbname=calm" --model "$model" --set log.level=error --drain 2>>"$home/calm.log"
daemon killed --drain; wait $!
compare killed calm

say "2. two daemons, the server stopped at once every 20 s for $DOWN s"
database calm2; database stopped
last=10000; enqueue calm2 1 $last; enqueue stopped 1 $last
daemon stopped; one=$!
daemon stopped; two=$!
start=$SECONDS stops=0 before=0 after=0
finished() { sql stopped -c "SELECT count(*) FROM moed.job WHERE finished_at IS NOT NULL"; }
while ((SECONDS - start < DOWN)); do
  # Ten seconds after the server is back the daemons are to be as fast as before; the first time they only begin.
  sleep 10; first=$(finished); sleep 8; second=$(finished)
  ((stops == 0)) && before=$((second - first)) || after=$((after + second - first))
  sleep 2
  if (($(unfinished stopped) < 8000)); then
    enqueue calm2 $((last + 1)) $((last + 8000)); enqueue stopped $((last + 1)) $((last + 8000)); last=$((last + 8000))
  fi
  server -m immediate stop; server -w start; stops=$((stops + 1))
done
say "stopped $stops times, $(unfinished stopped) of $last jobs are left"
((stops > 1)) && say "jobs in 8 s: $before before the first stop, $((after / (stops - 1))) from 10 s after a start (mean)"
while (($(unfinished stopped) > 0)); do sleep 1; done
kill -0 $one && kill -0 $two && say "both daemons are still the ones that were started"
kill -TERM $one $two; wait $one $two || true
"$moed" run --database "host=$home user=moed dbname=calm2" --model "$model" --set log.level=error --drain 2>>"$home/calm.log"
compare stopped calm2
