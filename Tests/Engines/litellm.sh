#!/usr/bin/env bash
# LiteLLM in front of two real vLLM deployments, at the level of chats. One deployment dies in mid-stream: no job fails, and the
# account of requests is what LiteLLM tells.
#
# MOED_BINARY names the daemon; MOED_ENGINES_VENV the environment with vLLM, MOED_LITELLM_VENV the one with LiteLLM; both are
# made when they are not there. Without Python or PyPI the test is skipped, and says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
moed=$(realpath "${MOED_BINARY:-.build-static/release/moed}")
venv=${MOED_ENGINES_VENV:-$root/.build-engines}
proxy=${MOED_LITELLM_VENV:-$root/.build-litellm}
model=$root/Tests/Fixtures/sample-model
jobs=${MOED_ENGINES_JOBS:-60}
export -n MOED_ENGINES_VENV MOED_LITELLM_VENV MOED_ENGINES_JOBS 2>/dev/null || true

python3 -c 'import venv, ensurepip' 2>/dev/null || { echo 'litellm: skipped: python3-venv is not installed'; exit 0; }
if [[ ! -e $proxy/bin/litellm ]]; then
  python3 -m venv "$proxy"
  "$proxy/bin/pip" install -q --disable-pip-version-check 'litellm[proxy]==1.108.7' ||
    { echo 'litellm: skipped: PyPI cannot be reached, and LiteLLM is not installed'; exit 0; }
fi

source Tests/server.sh
export PGHOST=$home PGUSER=moed
fail() { say "litellm: $*"; exit 1; }
sql() { psql -qAtX -v ON_ERROR_STOP=1 -d moed -c "$1"; }
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
await() { # seconds, command …
  local end=$((SECONDS + $1))
  shift
  until "$@"; do ((SECONDS < end)) || return 1; sleep 0.3; done
}
answers() { curl -sf -o /dev/null --max-time 2 "$1"; }

say 'two vLLM and LiteLLM start'
ports=("$(port)" "$(port)")
for i in 0 1; do
  VLLM_CPU_KVCACHE_SPACE=1 Tests/Engines/vllm-server "$venv" "$model" --port "${ports[i]}" --pid-file "$home/vllm$i.pid" \
    --log "$home/vllm$i.log" >/dev/null 2>"$home/vllm$i.err" &
  await 1800 answers "http://127.0.0.1:${ports[i]}/health" || fail "vLLM did not start: $(tail -n 3 "$home/vllm$i.err")"
done
front=$(port)
key=sk-$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
printf '%s\n' "$key" >"$home/key"
{
  echo 'model_list:'
  for i in 0 1; do
    echo "  - {model_name: sample, litellm_params: {model: hosted_vllm/sample, api_base: 'http://127.0.0.1:${ports[i]}/v1', input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}}"
  done
  echo 'router_settings: {num_retries: 0, disable_cooldowns: true}'
  echo 'litellm_settings: {num_retries: 0}'
  echo 'general_settings: {master_key: os.environ/LITELLM_KEY}'
} >"$home/litellm.yaml"
(cd "$home" && LITELLM_KEY=$key LITELLM_LOG=ERROR exec "$proxy/bin/litellm" --config "$home/litellm.yaml" --host 127.0.0.1 --port "$front" >"$home/litellm.log" 2>&1) &
await 300 answers "http://127.0.0.1:$front/health/liveliness" || fail "LiteLLM did not start: $(tail -n 3 "$home/litellm.log")"

createdb moed
"$moed" migrate --database "host=$home user=moed dbname=moed" >/dev/null
cat >"$home/moed.yaml" <<C
database: {url: "host=$home user=moed dbname=moed"}
model: {path: "$model", name: sample}
engine: {local: false}
queue: {poll_interval: 200ms}
log: {level: notice}
endpoints:
  - {name: proxy, url: "http://127.0.0.1:$front/v1", api: chat, max_in_flight: 8, credential: "$home/key", price_prompt: 1, price_completion: 2}
C
"$moed" check --config "$home/moed.yaml" | grep -q 'proxy: ok: ' || fail '`moed check` does not find the endpoint'
sql "SELECT moed.enqueue(prompt => 'What is ' || i || ' + 5?', temperature => 0, max_tokens => 300,
  reasoning => CASE i % 2 WHEN 0 THEN 'thinking' ELSE 'non_thinking' END) FROM generate_series(1, $jobs) AS i" >/dev/null

say 'jobs run, and one deployment dies in mid-stream'
"$moed" run --config "$home/moed.yaml" --drain --no-progress >"$home/run.log" 2>&1 &
daemon=$!
half() { [[ $(sql "SELECT count(*) FROM moed.job WHERE state = 'succeeded'") -ge $((jobs / 4)) ]]; }
await 900 half || fail "the jobs do not go on: $(tail -n 5 "$home/run.log")"
kill -KILL -- "-$(cat "$home/vllm0.pid")"
status=0
wait "$daemon" || status=$?
[[ $status == 0 ]] || fail "moed run --drain ended with $status: $(tail -n 3 "$home/run.log")"
sql "SELECT outcome, source, count(*), sum(prompt_tokens), sum(completion_tokens), sum(cost) FROM moed.endpoint_request GROUP BY 1, 2 ORDER BY 1"
[[ $(sql "SELECT count(*) FROM moed.jobs WHERE state = 'succeeded'") == "$jobs" ]] || fail 'not all jobs succeeded'
[[ $(sql "SELECT count(*) FROM moed.token_ledger WHERE kind = 'final' AND source = 'usage'") == "$jobs" ]] || fail 'not one final row a job, as the provider tells it'
[[ $(sql "SELECT count(*) FROM moed.jobs WHERE completion_tokens IS NULL OR prompt_tokens IS NULL") == 0 ]] || fail 'counts are missing'
[[ $(sql "SELECT count(*) FROM moed.jobs WHERE mode = 'thinking' AND reasoning IS NULL") == 0 ]] || fail 'thinking text is missing'
[[ $(sql "SELECT count(*) FROM moed.endpoint_request r JOIN moed.token_ledger l USING (job_id) WHERE r.outcome = 'finished' AND
  (r.prompt_tokens, r.completion_tokens) IS DISTINCT FROM (l.prompt_tokens, coalesce(l.completion_tokens, l.told_completion_tokens))") == 0 ]] || fail 'ledger and account differ'
[[ $(sql "SELECT count(*) FROM moed.endpoint_request WHERE ended_at IS NULL") == 0 ]] || fail 'a request has no end'
[[ $(sql "SELECT count(*) FROM moed.endpoint_request WHERE outcome = 'finished' AND abs(cost - 0.000001 * prompt_tokens - 0.000002 * completion_tokens) > 1e-9") == 0 ]] || fail 'costs are not prices times tokens'
say "litellm: $jobs jobs, $(sql "SELECT count(*) FROM moed.endpoint_request WHERE outcome <> 'finished'") requests broke"
