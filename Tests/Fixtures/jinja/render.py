"""Renders every template of this folder with Jinja2 and prints one line of JSON for each.

    python render.py                                  # the checked-in cases
    python render.py --seed 7 --count 3000            # and random templates
    python render.py --templates DIR                  # and the chat templates `*.jinja` of another folder
    python render.py --record                         # writes recorded.jsonl anew

A line has `context` (`context`, or the name of a chat of chats.json), `source` or the `file` it stands in, and either the
`text` or the kind of `error`.
"""

import argparse
import json
import pathlib

import environment
import expressions
import fuzz

HERE = pathlib.Path(__file__).parent
DEFAULTS = {"messages": [], "tools": None, "documents": None, "add_generation_prompt": False}


def load(name):
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def read(path):
    # Line ends as they are.
    return path.read_bytes().decode("utf-8")


class Cases:
    def __init__(self):
        self.made = environment.environment()
        self.chats = {name: {**DEFAULTS, **chat} for name, chat in load("chats.json").items()}
        self.context = {**DEFAULTS, **load("context.json")}

    def line(self, template, context, **names):
        values = self.context if context == "context" else self.chats[context]
        return {**names, "context": context, **environment.render(self.made, template, values)}

    def checked_in(self):
        for case in expressions.all_sources():
            yield self.line(case["source"], "context", source=case["source"])
        for path in sorted((HERE / "templates").glob("*.jinja")):
            is_chat = path.name.startswith("chat-")
            for context in self.chats if is_chat else ["context"]:
                yield self.line(read(path), context, file=f"templates/{path.name}")

    def of_folder(self, folder):
        for path in sorted(pathlib.Path(folder).glob("*.jinja")):
            for context in self.chats:
                yield self.line(read(path), context, file=str(path))

    def random(self, seed, count):
        templates = fuzz.Templates(seed)
        for _ in range(count):
            source = templates.template()
            yield self.line(source, "context", source=source)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--templates", action="append", default=[])
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    environment.limit()
    cases = Cases()
    lines = list(cases.checked_in())
    for folder in options.templates:
        lines += cases.of_folder(folder)
    lines += cases.random(options.seed, options.count)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if options.record:
        (HERE / "recorded.jsonl").write_text(text, encoding="ascii")
    else:
        print(text, end="")


main()
