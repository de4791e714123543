"""The official client asks for completions and responses, with and without a stream.

    openai_direct.py BASE_URL      with the key in OPENAI_API_KEY
"""
import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], max_retries=0)
prompt = "<|im_start|>user\nWhat is 27 + 58?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
question = "What is 27 + 58?"
seen = {}

seen["chat"] = client.chat.completions.create(
    model="default", messages=[{"role": "user", "content": question}], temperature=0, max_tokens=60,
    extra_body={"chat_template_kwargs": {"enable_thinking": False}}).choices[0].message.content
answer = client.completions.create(model="default", prompt=[prompt, prompt], temperature=0, max_tokens=60, logprobs=1)
seen["texts"] = [choice.text for choice in answer.choices]
seen["indices"] = [choice.index for choice in answer.choices]
seen["tokens"] = len(answer.choices[0].logprobs.tokens) == len(answer.choices[0].logprobs.token_logprobs) > 0
seen["usage"] = answer.usage.prompt_tokens + answer.usage.completion_tokens == answer.usage.total_tokens
text, usage = "", None
for chunk in client.completions.create(
        model="default", prompt=prompt, temperature=0, max_tokens=60, stream=True, stream_options={"include_usage": True}):
    text += "".join(choice.text for choice in chunk.choices)
    usage = chunk.usage or usage
seen["streamed"] = text
seen["streamedUsage"] = usage.total_tokens * 2 == answer.usage.total_tokens

response = client.responses.create(
    model="default", input=question, instructions="Be brief.", temperature=0, max_output_tokens=200, metadata={"k": "v"})
seen["response"] = response.output_text
seen["status"] = response.status
seen["metadata"] = response.metadata
seen["responseUsage"] = response.usage.input_tokens + response.usage.output_tokens == response.usage.total_tokens
conversation = [{"role": "user", "content": question}] + response.output + [{"role": "user", "content": question}]
seen["continued"] = client.responses.create(model="default", input=conversation, temperature=0).output_text != ""
with client.responses.stream(
        model="default", input=question, instructions="Be brief.", temperature=0, max_output_tokens=200) as stream:
    seen["deltas"] = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    final = stream.get_final_response()
seen["final"] = final.output_text
seen["cut"] = client.responses.create(model="default", input=question, max_output_tokens=2).incomplete_details.reason


def refusal(call):
    try:
        call()
    except openai.APIStatusError as error:
        return [error.status_code, error.param, error.response.headers.get("retry-after")]
    return None


seen["refusals"] = {
    "echo": refusal(lambda: client.completions.create(model="default", prompt="a", echo=True)),
    "suffix": refusal(lambda: client.completions.create(model="default", prompt="a", suffix="b")),
    "previous": refusal(lambda: client.responses.create(model="default", input="a", previous_response_id="resp_1")),
    "retrieve": refusal(lambda: client.responses.retrieve("resp_1")),
    "long": refusal(lambda: client.completions.create(model="default", prompt="word " * 100_000)),
}
print(json.dumps(seen))
