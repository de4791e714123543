"""Renders the sample model's chat template on the chats of ../../jinja with Jinja2.

    python make_chat_cases.py        # writes ../chat-template/chat.jsonl; needs Jinja2
"""

import itertools
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
JINJA = HERE.parent.parent / "jinja"
sys.path.insert(0, str(JINJA))
import environment  # noqa: E402


def main():
    made = environment.environment()
    config = json.loads((HERE.parent.parent / "sample-model" / "tokenizer_config.json").read_text(encoding="utf-8"))
    lines = []
    for name, chat in json.loads((JINJA / "chats.json").read_text(encoding="utf-8")).items():
        for prompts, thinks in itertools.product([None, False, True], [None, False, True]):
            kwargs = {key: value for key, value in [("add_generation_prompt", prompts), ("enable_thinking", thinks)] if value is not None}
            values = {"messages": chat["messages"], "tools": chat.get("tools"), "documents": None, "add_generation_prompt": False, **kwargs}
            result = environment.render(made, config["chat_template"], values)
            lines.append({"name": name, "template": "sample", "messages": chat["messages"], "tools": chat.get("tools"), "kwargs": kwargs,
                          "text": result.get("text"), **({"error": result["error"]} if "error" in result else {})})
    folder = HERE.parent / "chat-template"
    folder.mkdir(exist_ok=True)
    (folder / "chat.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="ascii")


main()
