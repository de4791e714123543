#!/usr/bin/env bash
# T12 without NOTIFY: JOBS single inserts, one at a time, for a real daemon that nobody wakes. Each must be started within
# the poll interval and 20 ms. Leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../.."

JOBS=${JOBS:-200} INTERVAL=${INTERVAL:-500}
moed=${MOED_BINARY:-.build-static/release/moed}
source Tests/server.sh
database="host=$home user=moed dbname=postgres"
sql() { psql -X -q -At -v ON_ERROR_STOP=1 "$database" "$@"; }
"$moed" migrate --database "$database" >/dev/null
sql -c 'ALTER TABLE moed.job DISABLE TRIGGER job_wake'
"$moed" run --database "$database" --model Tests/Fixtures/sample-model --set log.level=error \
  --set queue.poll_interval="${INTERVAL}ms" 2>"$home/daemon.log" &
until [[ $(sql -c 'SELECT count(*) FROM moed.worker WHERE idle') == 1 ]]; do sleep 0.1; done

# At any point of the interval; each when the one before has ended.
sql -o /dev/null <<SQL
DO \$\$
BEGIN
  FOR n IN 1..$JOBS LOOP
    INSERT INTO moed.jobs (prompt, reasoning, max_tokens) VALUES ('What is 1 plus ' || n || '?', 'non_thinking', 1);
    COMMIT;
    WHILE EXISTS (SELECT FROM moed.job WHERE finished_at IS NULL) LOOP COMMIT; PERFORM pg_sleep(0.01); END LOOP;
    PERFORM pg_sleep(random() * $INTERVAL / 1000);
    COMMIT; -- created_at is when the transaction began
  END LOOP;
END
\$\$;
SQL
[[ ! -s $home/daemon.log ]] || cat "$home/daemon.log"
read -r count half most < <(sql -F ' ' -c "
  SELECT count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY queued_ms), max(queued_ms)
    FROM moed.jobs WHERE state = 'succeeded'")
say "$count of $JOBS jobs succeeded without NOTIFY; they waited $half ms at the median, $most at most, of $INTERVAL + 20"
((count == JOBS && most <= INTERVAL + 20))
