#!/usr/bin/env bash
# A batch goes in and comes out of a real daemon, and every line must be what OpenAI's own Python client takes for an
# answer. Needs python3 with the package openai, or pip to get it. Leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../.."

moed=${MOED_BINARY:-.build-static/release/moed}
source Tests/server.sh
python=python3
if ! python3 -c 'import openai' 2>/dev/null; then
  python3 -m venv "$home/venv" && "$home/venv/bin/pip" install -q openai || { say "no python package openai: skipped"; exit 0; }
  python=$home/venv/bin/python
fi
database="host=$home user=moed dbname=postgres"
"$moed" migrate --database "$database" >/dev/null

for n in $(seq 100); do
  extra='"max_tokens": 40'
  ((n % 3 == 0)) && extra='"max_tokens": 60, "n": 2, "seed": 7, "reasoning_effort": "none"'
  ((n % 10 == 0)) && extra='"temperature": 9'
  ((n % 10 == 1)) && extra='"max_tokens": 150, "tool_choice": "required", "tools": [{"type": "function", "function":
    {"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}}]'
  ((n % 10 == 2)) && extra='"max_tokens": 60, "logprobs": true, "top_logprobs": 3, "reasoning_effort": "none"'
  extra=${extra//$'\n'/ }
  echo "{\"custom_id\": \"c$n\", \"method\": \"POST\", \"url\": \"/v1/chat/completions\", \"body\": {\"model\": \"default\"," \
    "\"messages\": [{\"role\": \"user\", \"content\": \"What is $n plus 7?\"}], $extra}}"
done >"$home/in.jsonl"
batch=$(psql -X -q -At -v ON_ERROR_STOP=1 "$database" -v file="$(<"$home/in.jsonl")" <<<"SELECT moed.import_batch('types', :'file')")
"$moed" run --database "$database" --model Tests/Fixtures/sample-model --set log.level=error --drain
psql -X -q -At "$database" -c "SELECT * FROM moed.export_batch('$batch')" >"$home/out.jsonl"
sums=$(psql -X -q -At -F ' ' "$database" -c "SELECT prompt_tokens, completion_tokens, total_tokens FROM moed.batches")

"$python" - "$home/out.jsonl" $sums <<'PYTHON'
import json, sys
from openai.types.chat import ChatCompletion

lines = [json.loads(line) for line in open(sys.argv[1])]
answers = [line["response"]["body"] for line in lines if line["response"]["status_code"] == 200]
refused = [line["response"]["body"]["error"] for line in lines if line["response"]["status_code"] == 400]
completions = [ChatCompletion.model_validate(answer, strict=True) for answer in answers]
assert [line["custom_id"] for line in lines] == [f"c{n}" for n in range(1, 101)]
assert len(completions) == 90 and len(refused) == 10
assert all(error["param"] == "temperature" and error["code"] for error in refused)
assert all(len(c.choices) == (2 if int(i["custom_id"][1:]) % 3 == 0 and int(i["custom_id"][1:]) % 10 > 2 else 1)
           for i, c in zip((l for l in lines if l["response"]["status_code"] == 200), completions))
for line in lines:
    answer, kind = line["response"]["body"], int(line["custom_id"][1:]) % 10
    if kind == 1:
        for choice in ChatCompletion.model_validate(answer, strict=True).choices:
            assert choice.finish_reason == "tool_calls" and choice.message.tool_calls
            assert all(c.function.name == "f" and float(json.loads(c.function.arguments)["x"]).is_integer() for c in choice.message.tool_calls)
    if kind == 2:
        for choice in ChatCompletion.model_validate(answer, strict=True).choices:
            tokens = choice.logprobs.content
            assert bytes(b for t in tokens for b in t.bytes).decode() == choice.message.content
            assert all(len(t.top_logprobs) == 3 and t.logprob <= 0 for t in tokens)
usage = [sum(getattr(c.usage, name) for c in completions) for name in ("prompt_tokens", "completion_tokens", "total_tokens")]
assert usage == [int(n) for n in sys.argv[2:5]], (usage, sys.argv[2:5])
print(f"{len(completions)} answers are ChatCompletions of the openai package, {len(refused)} refusals name the field; sums agree")
PYTHON
