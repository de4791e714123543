"""LiteLLM as a client: chats, streams, tools and structured output; upload, batch, poll and download.

    litellm_client.py BASE_URL INPUT      with the key in OPENAI_API_KEY
"""
import json
import os
import sys
import time

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm

litellm.telemetry = False
base_url, input_path = sys.argv[1:]
access = {"api_base": base_url, "api_key": os.environ["OPENAI_API_KEY"]}
question = {"messages": [{"role": "user", "content": "What is 27 + 58?"}], "temperature": 0, "max_tokens": 200}
seen = {}


def chat(**more):
    return litellm.completion(model="openai/default", num_retries=0, **question, **access, **more)


answer = chat()
seen["content"] = answer.choices[0].message.content
seen["usage"] = answer.usage.total_tokens
chunks = list(chat(stream=True, stream_options={"include_usage": True}))
seen["streamed"] = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
seen["streamedUsage"] = [chunk.usage.total_tokens for chunk in chunks if getattr(chunk, "usage", None)][-1]
tool = {"type": "function", "function": {
    "name": "sum", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"],
                                  "additionalProperties": False}}}
called = chat(tools=[tool], tool_choice={"type": "function", "function": {"name": "sum"}})
seen["tool"] = [[call.function.name, sorted(json.loads(call.function.arguments))]
                for call in called.choices[0].message.tool_calls]
schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 99}}, "required": ["n"], "additionalProperties": False}
shaped = chat(response_format={"type": "json_schema", "json_schema": {"name": "number", "strict": True, "schema": schema}})
seen["structured"] = sorted(json.loads(shaped.choices[0].message.content))
try:
    litellm.completion(model="openai/nobody", num_retries=0, **question, **access)
except litellm.exceptions.NotFoundError as error:
    seen["unknown"] = error.status_code

uploaded = litellm.create_file(file=open(input_path, "rb"), purpose="batch", custom_llm_provider="openai", **access)
batch = litellm.create_batch(
    completion_window="24h", endpoint="/v1/chat/completions", input_file_id=uploaded.id, custom_llm_provider="openai", **access)
while batch.status in ("validating", "in_progress", "finalizing"):
    time.sleep(0.2)
    batch = litellm.retrieve_batch(batch_id=batch.id, custom_llm_provider="openai", **access)
seen["status"] = batch.status
seen["counts"] = [batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed]
output = litellm.file_content(file_id=batch.output_file_id, custom_llm_provider="openai", **access)
seen["answers"] = sorted(json.loads(line)["custom_id"] for line in output.content.decode().splitlines())
seen["listed"] = batch.id in [item.id for item in litellm.list_batches(custom_llm_provider="openai", **access).data]
print(json.dumps(seen))
