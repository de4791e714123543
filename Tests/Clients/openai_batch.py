"""The official client makes a batch through a gateway: upload, create, poll, download, list, cancel, delete.

    openai_batch.py BASE_URL INPUT OUTPUT ERRORS      with the key in OPENAI_API_KEY

It writes the output file and the error file as the client returns them, and prints what it saw as JSON.
"""
import json
import sys
import time

import openai

base_url, input_path, output_path, errors_path = sys.argv[1:]
client = openai.OpenAI(base_url=base_url)
seen = {"models": [model.id for model in client.models.list()]}

with open(input_path, "rb") as lines:
    uploaded = client.files.create(file=lines, purpose="batch")
with open(input_path, "rb") as lines:
    seen["roundtrip"] = client.files.content(uploaded.id).read() == lines.read()
seen["bytes"] = uploaded.bytes
batch = client.batches.create(
    input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"night": "1"})
seen["statuses"] = [batch.status]
while batch.status in ("validating", "in_progress", "finalizing"):
    time.sleep(0.2)
    batch = client.batches.retrieve(batch.id)
    if batch.status != seen["statuses"][-1]:
        seen["statuses"].append(batch.status)
with open(output_path, "wb") as file:
    file.write(client.files.content(batch.output_file_id).read())
with open(errors_path, "wb") as file:
    file.write(client.files.content(batch.error_file_id).read())
seen["batch"] = batch.to_dict()

second = client.batches.create(
    input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="1h")
client.batches.cancel(second.id)
while second.status not in ("cancelled", "completed"):
    time.sleep(0.2)
    second = client.batches.retrieve(second.id)
seen["second"] = second.status
seen["pages"] = [item.id for item in client.batches.list(limit=1)] == [second.id, batch.id]
seen["files"] = [item.id for item in client.files.list()] == [uploaded.id]
seen["deleted"] = client.files.delete(uploaded.id).deleted


def refusal(call):
    try:
        call()
    except openai.APIStatusError as error:
        return [error.status_code, error.code, error.param]
    return None


seen["refusals"] = {
    "file": refusal(lambda: client.files.retrieve(uploaded.id)),
    "batch": refusal(lambda: client.batches.retrieve("batch_" + "0" * 32)),
    "key": refusal(lambda: openai.OpenAI(base_url=base_url, api_key="sk-wrong").models.list()),
    "endpoint": refusal(lambda: client.batches.create(
        input_file_id=uploaded.id, endpoint="/v1/embeddings", completion_window="24h")),
    "purpose": refusal(lambda: client.files.create(file=("a.jsonl", b"{}\n"), purpose="fine-tune")),
    "text": refusal(lambda: client.files.create(file=("a.jsonl", b"{}\n\xff\n"), purpose="batch")),
}
print(json.dumps(seen))
