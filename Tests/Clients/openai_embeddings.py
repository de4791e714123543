"""The official client asks for embeddings: texts and token ids, as floats and in base64, cut to some dimensions.

    openai_embeddings.py BASE_URL EXPECTED.json      with the key in OPENAI_API_KEY
"""
import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], max_retries=0)
expected = json.load(open(sys.argv[2]))
texts = [case["text"] for case in expected]
seen = {}


def distance(answer, name):
    """The largest difference of a component from the recorded one."""
    pairs = zip(answer.data, (case[name] for case in expected), strict=True)
    return max(abs(a - b) for item, vector in pairs for a, b in zip(item.embedding, vector, strict=True))


# Without encoding_format the client asks for base64 and decodes it.
seen["base64"] = distance(client.embeddings.create(model="default", input=texts), "embedding")
floats = client.embeddings.create(model="default", input=texts, encoding_format="float")
seen["float"] = distance(floats, "embedding")
seen["indices"] = [item.index for item in floats.data]
seen["usage"] = [floats.usage.prompt_tokens, floats.usage.total_tokens]
seen["cut"] = distance(client.embeddings.create(model="default", input=texts, dimensions=8), "eight")
one = client.embeddings.create(model="default", input="a", encoding_format="float")
seen["single"] = one.data[0].embedding == floats.data[2].embedding
ids = client.embeddings.create(model="default", input=[[5, 6], [5, 6, 7]], encoding_format="float")
seen["ids"] = len(ids.data) == 2 and ids.data[0].embedding != ids.data[1].embedding


def refusal(**arguments):
    try:
        client.embeddings.create(model="default", **arguments)
    except openai.APIStatusError as error:
        return [error.status_code, error.param]
    return None


seen["refusals"] = {
    "empty": refusal(input=""), "dimensions": refusal(input="a", dimensions=33), "many": refusal(input=["a"] * 300),
    "chat": None,
}
try:
    client.chat.completions.create(model="default", messages=[{"role": "user", "content": "a"}])
except openai.APIStatusError as error:
    seen["refusals"]["chat"] = error.status_code
print(json.dumps(seen))
