"""The official client of Anthropic makes a batch through a gateway: create, poll, list, results, cancel.

    anthropic_batch.py BASE_URL      with the key in OPENAI_API_KEY; BASE_URL ends with /v1
"""
import json
import os
import sys
import time

import anthropic

client = anthropic.Anthropic(
    base_url=sys.argv[1].removesuffix("/v1"), api_key=os.environ["OPENAI_API_KEY"], max_retries=0)


def request(name, **more):
    params = {"model": "default", "max_tokens": 60, "temperature": 0,
              "messages": [{"role": "user", "content": "What is 27 + 58?"}]}
    return {"custom_id": name, "params": params | more}


seen = {}
batch = client.messages.batches.create(
    requests=[request("a"), request("b", system="Be brief."), request("bad", temperature=99)])
while batch.processing_status != "ended":
    time.sleep(0.2)
    batch = client.messages.batches.retrieve(batch.id)
seen["counts"] = batch.request_counts.to_dict()
results = {entry.custom_id: entry.result for entry in client.messages.batches.results(batch.id)}
seen["order"] = list(results)
seen["types"] = [result.type for result in results.values()]
seen["text"] = "".join(block.text for block in results["a"].message.content if block.type == "text")
seen["stop"] = results["a"].message.stop_reason
seen["usage"] = results["a"].message.usage.output_tokens > 0
second = client.messages.batches.create(requests=[request(str(number)) for number in range(50)])
second = client.messages.batches.cancel(second.id)
seen["second"] = second.processing_status
seen["pages"] = [item.id for item in client.messages.batches.list(limit=1)] == [second.id, batch.id]


def refusal(call):
    try:
        call()
    except anthropic.APIStatusError as error:
        return [error.status_code, error.body["error"]["type"]]
    return None


seen["refusals"] = {
    "key": refusal(lambda: anthropic.Anthropic(base_url=client.base_url, api_key="x").messages.batches.list()),
    "batch": refusal(lambda: client.messages.batches.retrieve("msgbatch_" + "0" * 32)),
    "tools": refusal(lambda: client.messages.batches.create(requests=[request("a", tools=[])])),
}
print(json.dumps(seen))
