#!/usr/bin/env bash
# A bulk job under a memory limit: jobs through PostgreSQL and moed, and what llama.cpp's best would be beside it.
#
# Usage: bulk.sh MOED PACK [jobs [percent of PACK [SETTING=VALUE …]]]
#        bulk.sh --llama FOLDER MODEL.gguf PACK [percent of PACK [sequences …]]
#
# Every job has 256 prompt tokens of its own and generates 64. Needs root, for a control group of version 1 or 2, and
# PostgreSQL, of which it starts a private one. llama.cpp has no queue: `llama-batched-bench` runs so many sequences of
# that size together, each behind its own prompt, and the jobs an hour are those of its best number of sequences.
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd)
jobs_of_run=1000 prompt=256 new=64

limit_to() { # bytes; this shell's children are in the group from now on
  if [[ -d /sys/fs/cgroup/memory ]]; then
    group=/sys/fs/cgroup/memory/moed-bulk limit=memory.limit_in_bytes
  else
    group=/sys/fs/cgroup/moed-bulk limit=memory.max
  fi
  mkdir -p "$group"
  echo "$1" >"$group/$limit"
}
limited() { # runs a command in the group
  bash -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$group" "$@"
}
forget() { # takes files out of the page cache
  local file
  for file in "$@"; do dd of="$file" oflag=nocache conv=notrunc,fdatasync count=0 status=none; done
}
share() { echo $(($(du -sb "$1" | cut -f 1) * $2 / 100 / 4096 * 4096)); }

if [[ ${1:-} == --llama ]]; then
  llama=$2 model=$3 pack=$4 percent=${5:-50}
  shift $(($# < 5 ? $# : 5))
  limit_to "$(share "$pack" "$percent")"
  for variable in $(env | grep -o '^OPENBLAS_[A-Z0-9_]*'); do unset "$variable"; done
  (($# > 0)) || set -- 64 128 256
  for count in "$@"; do
    forget "$model"
    limited "$llama/llama-batched-bench" -m "$model" -t 2 -tb 2 -c $((count * (prompt + new))) -b 2048 -ub 2048 \
      -npp $prompt -ntg $new -npl "$count" --output-format jsonl 2>/dev/null | grep '^{' |
      python3 -c 'import json, sys
row = json.load(sys.stdin)
print(row["pl"], "sequences: prompts {:.1f} tokens/s, decode {:.1f}, {:.0f} s, {:.0f} jobs an hour".format(
      row["speed_pp"], row["speed_tg"], row["t"], 3600 * row["pl"] / row["t"]))'
  done
  exit
fi

moed=$1 pack=$2 jobs_of_run=${3:-$jobs_of_run} percent=${4:-50}
shift $(($# < 4 ? $# : 4))
source "$folder/../Tests/server.sh"
database="host=$home user=moed dbname=postgres"
sql() { psql -X -q -At -v ON_ERROR_STOP=1 "$database" "$@"; }
"$moed" migrate --database "$database" >/dev/null
# Ids below the special ones, other ones in each job, so that nothing is shared.
sql -o /dev/null <<SQL
SELECT moed.enqueue_many(array_agg(json_build_object(
         'max_tokens', $new, 'ignore_eos', true, 'seed', j, 'temperature', 1, 'prompt_ids',
         (SELECT json_agg(1000 + (j * 7919 + i * 104729) % 140000) FROM generate_series(1, $prompt) AS i))))
  FROM generate_series(1, $jobs_of_run) AS j;
SQL
limit_to "$(share "$pack" "$percent")"
forget "$pack"/*
settings=(--set memory.budget=97% --set log.level=notice)
for setting in "$@"; do settings+=(--set "$setting"); done
limited "$moed" run --database "$database" --model "$pack" --drain --no-progress "${settings[@]}"
sql -c "SELECT state || ': ' || count(*) || ' jobs, ' || sum(total_tokens) || ' tokens' FROM moed.jobs GROUP BY state"
sql -c "SELECT round(t) || ' s from the first start to the last end, ' || round(3600 * n / t) || ' jobs an hour'
          FROM (SELECT count(*) AS n, extract(epoch FROM max(finished_at) - min(started_at)) AS t FROM moed.jobs) AS run"
