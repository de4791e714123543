"""LangChain's ChatOpenAI: chats, streams, tools, structured output and many chats at once.

    langchain_chat.py BASE_URL      with the key in OPENAI_API_KEY
"""
import json
import sys

import openai
import pydantic
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI

model = ChatOpenAI(base_url=sys.argv[1], model="default", temperature=0, max_retries=0, max_tokens=200, stream_usage=True)
question = "What is 27 + 58?"
seen = {}

answer = model.invoke(question)
seen["content"] = answer.content
seen["usage"] = answer.usage_metadata["total_tokens"]
chunks = list(model.stream(question))
seen["streamed"] = "".join(chunk.content for chunk in chunks)
seen["streamedUsage"] = sum((chunk.usage_metadata or {}).get("total_tokens", 0) for chunk in chunks)
seen["reason"] = answer.response_metadata["finish_reason"]
seen["batch"] = [message.content == answer.content for message in model.batch([question] * 3)]
seen["system"] = model.invoke([SystemMessage("Be brief."), HumanMessage(question)]).content != ""


class Sum(pydantic.BaseModel):
    """Adds two numbers."""

    a: int
    b: int


called = model.bind_tools([Sum], tool_choice="Sum").invoke(question)
seen["tool"] = [[call["name"], sorted(call["args"])] for call in called.tool_calls]
seen["structured"] = type(model.with_structured_output(Sum, method="json_schema").invoke(question)).__name__
seen["function"] = type(model.with_structured_output(Sum, method="function_calling").invoke(question)).__name__
try:
    ChatOpenAI(base_url=sys.argv[1], model="nobody", max_retries=0).invoke(question)
except openai.NotFoundError as error:
    seen["unknown"] = error.status_code
print(json.dumps(seen))
