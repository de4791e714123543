"""Jinja2 as transformers' apply_chat_template sets it up, written from its documentation."""

import copy
import json
import resource
import signal
import warnings
from datetime import datetime

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import CallBlock
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """`{% generation %}` marks text for training; it prints its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return CallBlock(self.call_method("_print"), [], [], body).set_lineno(line)

    def _print(self, caller):
        return caller()


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def strftime_now(format):
    return datetime.now().strftime(format)


def environment():
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = strftime_now
    return made


def limit():
    """A template that asks for gigabytes or for ever fails here too."""

    def late(*_):
        raise TimeoutError

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    signal.signal(signal.SIGVTALRM, late)


def render(made, source, context):
    """The text, or the kind of error: {"text": …} or {"error": …}."""
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, 2)
        try:
            # Some filters change a list of the context.
            text = made.from_string(source).render(**copy.deepcopy(context))
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except Exception as error:  # every way to fail is one result: refused
        return {"error": type(error).__name__}
    if len(text) > 1 << 20:
        return {"error": "long"}
    if " at 0x" in text:
        return {"error": "address"}
    return {"text": text}
