"""The official client asks for answers directly, with and without a stream.

    openai_chat.py BASE_URL      with the key in OPENAI_API_KEY
"""
import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], max_retries=0)
question = {"messages": [{"role": "user", "content": "What is 27 + 58?"}], "temperature": 0}
seen = {}
answer = client.chat.completions.create(model="default", **question)
seen["content"] = answer.choices[0].message.content
seen["usage"] = answer.usage.total_tokens
text, usage, reason = "", None, None
for chunk in client.chat.completions.create(
        model="default", stream=True, stream_options={"include_usage": True}, **question):
    for choice in chunk.choices:
        text += choice.delta.content or ""
        reason = choice.finish_reason or reason
    usage = chunk.usage or usage
seen["streamed"] = text
seen["streamedUsage"] = usage.total_tokens
seen["reason"] = reason


def refusal(**arguments):
    try:
        client.chat.completions.create(**arguments)
    except openai.APIStatusError as error:
        return [error.status_code, error.code, error.param]
    return None


seen["refusals"] = {
    "model": refusal(model="nobody", **question),
    "temperature": refusal(model="default", messages=question["messages"], temperature=99),
}
print(json.dumps(seen))
