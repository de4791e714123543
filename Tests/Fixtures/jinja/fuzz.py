"""Random templates, the same ones for the same seed."""

import random

ATOMS = {
    "text": ["s", "e", "u", "w", "q", "lines", "think", "digits", "''", "'a'", "'ab'", "'b'", "' x '", "'é'", "'A-b c'", "'1'", "'1.5'", "'-7'",
             "','", "'\\n'", "'name'", "'😀'", "'0x1f'", "'1_0'", "'a,b,,c'", "'ßﬁǆ'", "'<b>'", "'\\u2028x'", "'aXbxc'"],
    "number": ["n", "neg", "z", "f", "big", "tiny", "large", "0", "1", "2", "-1", "3", "7", "-2", "10", "1.5", "0.0", "-0.5", "1e3", "2.0", "100",
               "9223372036854775807", "(-9223372036854775807 - 1)", "4294967296", "true", "0.1", "1e16", "-0.0", "huge"],
    "truth": ["t", "no", "true", "false", "none", "missing", "nil"],
    "list": ["xs", "ys", "fs", "mixed", "nested", "pairs", "objs", "messages", "none_of_it", "[]", "()", "[1, 'a']", "('x',)", "(1, 2)", "range(3)",
             "range(5, 0, -2)", "[3, 1.0, true]", "['b', 'B', 'a']", "tools"],
    "dict": ["d", "o", "many", "{}", "{'a': 1, 'b': none}", "dict(a=1)", "namespace(x=1)", "objs[0]", "messages[2]", "o.address"],
}
SMALL_NUMBERS = ["0", "1", "2", "3", "-1", "-2", "10", "0.5", "2.0", "-1.5", "63", "neg", "n", "f", "t", "z"]
SMALL = ["0", "1", "2", "-1", "-2", "3", "5", "-9", "none", "true", "9223372036854775807", "-9223372036854775807"]
TEXT_FILTERS = ["upper", "lower", "title", "capitalize", "trim", "string", "reverse", "indent", "indent(2, true)", "indent('> ', blank=true)",
                "trim('a ')", "replace('a', 'X')", "replace('', '-')", "replace('l', '', 1)", "safe", "d('x', true)", "default('y')", "e",
                "indent(-1)", "replace('a', '', -5)"]
ANY_TO_TEXT = ["string", "tojson", "tojson(indent=2)", "tojson(sort_keys=true)", "tojson(separators=(',', ':'))", "tojson(ensure_ascii=true)",
               "tojson(indent='\\t')", "join", "join('-')", "d('z')", "upper", "trim"]
TEXT_TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "sequence", "iterable",
              "callable", "upper", "lower"]
TEXT_METHODS = ["upper()", "lower()", "title()", "capitalize()", "strip()", "lstrip()", "rstrip()"]
TRUTH_METHODS = ["isupper()", "islower()", "isspace()", "isdigit()", "isalpha()", "isalnum()", "isnumeric()", "isdecimal()", "isascii()"]
LIST_FILTERS = ["list", "reverse|list", "sort", "sort(reverse=true)", "sort(attribute='age')", "sort(case_sensitive=true)", "unique|list",
                "map('upper')|list", "map('int')|list", "map('string')|list", "select|list", "reject|list", "select('string')|list",
                "reject('number')|list", "selectattr('age')|list", "map(attribute='name')|list", "map(attribute='name', default='?')|list",
                "selectattr('age', 'gt', 3)|list", "rejectattr('on')|list", "map('first')|list", "map(attribute=0)|list", "select('gt', 1)|list",
                "unique(attribute='age')|list", "sort(attribute='name,age')", "map('tojson')|list", "selectattr('role', 'in', ['user'])|list",
                "map('length')|list", "reject('none')|list", "select('odd')|list", "sort(attribute='content')", "map('replace', 'a', 'b')|list"]
COMPARED = ["eq", "ne", "lt", "le", "gt", "ge", "in", "==", "!=", "<", ">=", "divisibleby", "equalto", "sameas"]
KEYS = ["0", "-1", "1", "5", "'name'", "'a'", "'role'", "2", "-3", "'items'", "true", "none", "1.0"]
NAMES = ["name", "role", "a", "items", "x", "content", "nothing", "0", "age", "tool_calls", "1", "b"]


SAFE = ["v0", "v1", "x", "s", "n", "q", "u", "w", "f", "t", "nil", "xs", "o", "o.name", "d", "ys|join(', ')", "messages[0].content", "messages[-1]['role']",
        "xs|length", "objs|map(attribute='name')|join", "o|tojson", "think.split('</think>')[-1].strip('\\n')", "s[1:]", "s[::-1]", "'a' ~ n", "n + 1", "not t",
        "s if t else q", "q if v0", "missing", "v0 is defined", "x == 1", "n > 3 and s", "tools|tojson(indent=2)", "messages|selectattr('role', 'equalto', 'user')|list",
        "messages|map(attribute='content')|first", "lines.splitlines()", "s.startswith('He')", "'a' in s", "o.get('none', 'd')", "range(n)", "v0|default('none')",
        "x|string", "[v0, v1]", "{'k': v0}", "d.items()|list", "fs|sum", "s|upper|replace('L', '_')", "ns.a", "ns.c is defined", "xs[1:]|first", "namespace(a=v0).a"]
LISTS = ["xs", "ys", "fs", "mixed", "nested", "objs", "messages", "none_of_it", "range(3)", "d", "s", "xs|reverse", "objs|map(attribute='name')", "v0|list",
         "[v0, v1]", "many", "tools", "ys|sort", "messages[1:]", "missing"]
# Bodies of loops: the variable `loop`, and what chat templates do with a message.
LOOP = ["{{ loop.index0 }}", "{{ loop.revindex }}{{ loop.revindex0 }}", "{{ loop.first }}{{ loop.last }}", "{{ loop.length }}", "{{ loop.cycle('a', 'b') }}",
        "{{ loop.previtem }}", "{{ loop.nextitem is defined }}", "{% if not loop.last %}, {% endif %}", "{{ ', ' if not loop.last }}",
        "{{ loop.depth }}{{ loop.depth0 }}", "{% if loop.index0 is even %}{{ x }}{% endif %}", "{{ loop.previtem == x }}", "{{ loop.nextitem.name }}",
        "{% if loop.index > 2 %}{% break %}{% endif %}", "{{ loop }}", "{{ x.name if x.name is defined else x }}"]
CHAT = ["{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}", "{{- message['role'] ~ ': ' ~ message.content|trim }}\n",
        "{% if message.role == 'assistant' and message.tool_calls %}{% for call in message.tool_calls %}{{ call.function|tojson }}{% endfor %}{% endif %}",
        "{% set content = message.content.split('</think>')[-1].lstrip('\\n') %}{{ content }}",
        "{%- if loop.index0 > 0 and messages[loop.index0 - 1].role == message.role %}{{ raise_exception('twice') }}{% endif -%}",
        "{% if message.content is string %}{{ message.content }}{% elif message.content is iterable %}{{ message.content|length }}{% endif %}",
        "{% set ns.a = message.content %}", "{{ message.content|tojson(indent=2) }}{{ message.get('name', message.role) }}",
        "{% if loop.last or (not loop.last and not (messages[loop.index0 + 1].role == 'tool')) %}END{% endif %}",
        "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}odd{% endif %}", "{{ message | tojson(ensure_ascii=True, sort_keys=True) }}",
        "{% if 'tool_calls' in message %}{{ message.tool_calls[0].function.arguments.items()|list }}{% endif %}",
        "{% for k in message %}{{ k }}{% if message[k] is mapping %}{{ message[k].keys()|join(',') }}{% endif %}{% endfor %}"]


def part(templates, depth):
    """A list or text from one place to another."""
    bounds = [templates.pick(["", "1", "-1", "2", "0", "9", "none", "-9", "3"]) for _ in range(2)]
    return f"[{bounds[0]}:{bounds[1]}{templates.pick(['', '', ':-1', ':2', ':-2', ':9223372036854775807'])}]"


MAKERS = {
    "text": [
        lambda t, n: f"{t.of('text', n)}|{t.pick(TEXT_FILTERS)}",
        lambda t, n: f"{t.of(t.pick(list(ATOMS)), n)}|{t.pick(ANY_TO_TEXT)}",
        lambda t, n: f"{t.of('text', n)}.{t.pick(TEXT_METHODS)}",
        lambda t, n: f"{t.of('text', n)}.{t.pick(['strip', 'lstrip', 'rstrip', 'removeprefix', 'removesuffix'])}({t.expression(n, 'text')})",
        lambda t, n: f"{t.of('text', n)}.replace({t.expression(n, 'text')}, {t.expression(n, 'text')}{t.pick(['', ', 1', ', -1', ', 0'])})",
        lambda t, n: f"{t.of('text', n)}.{t.pick(['ljust', 'rjust', 'center', 'zfill'])}({t.pick(['0', '5', '8', '-3', '31'])})",
        lambda t, n: f"{t.of('text', n)}.{t.pick(['ljust', 'rjust', 'center'])}({t.pick(['9', '12', '-9223372036854775807 - 1'])}, {t.pick(TEXTS)})",
        lambda t, n: f"{t.of('text', n)} {t.pick(['~', '+'])} {t.of('text', n)}",
        lambda t, n: f"{t.of('text', n)} ~ {t.of('number', n)}",
        lambda t, n: f"{t.of('text', n)} * {t.pick(['2', '0', '-1', 't'])}",
        lambda t, n: f"{t.of('text', n)}[{t.pick(['0', '-1', '3', '99', '-99'])}]",
        lambda t, n: t.of("text", n) + part(t, n),
        lambda t, n: f"{t.of('text', n)} if {t.expression(n, 'truth')} else {t.of('text', n)}",
        lambda t, n: f"{t.of('text', n)}.join({t.expression(n, 'list')}|map('string'))",
        lambda t, n: f"{t.of('list', n)}|join({t.expression(n, 'text')})",
        lambda t, n: f"{t.of('dict', n)}.{t.pick(NAMES)}",
        lambda t, n: f"{t.of('list', n)}|{t.pick(['first', 'last', 'min', 'max'])}",
    ],
    "number": [
        lambda t, n: f"{t.of('number', n)} {t.pick(['+', '-', '*', '/', '//', '%'])} {t.of('number', n)}",
        lambda t, n: f"{t.of('number', n)} {t.pick(['+', '-', '*', '/', '//', '%'])} {t.of('number', n)}",
        # Python computes a large power for as long as it takes.
        lambda t, n: f"({t.pick(SMALL_NUMBERS)}) ** ({t.pick(SMALL_NUMBERS)})",
        lambda t, n: f"{t.of(t.pick(['list', 'text', 'dict']), n)}|{t.pick(['length', 'count'])}",
        lambda t, n: f"{t.of(t.pick(['text', 'number']), n)}|{t.pick(['int', 'float', 'int(5)', 'int(base=16)', 'float(1.5)', 'abs', 'int(0, 0)'])}",
        lambda t, n: f"{t.pick(['-', '+'])}{t.of('number', n)}",
        lambda t, n: f"{t.of('text', n)}.{t.pick(['find', 'rfind', 'count', 'index', 'rindex'])}({t.expression(n, 'text')}{t.pick(['', ', 1', ', -2', ', 1, 3'])})",
        lambda t, n: f"{t.of('list', n)}.{t.pick(['index', 'count'])}({t.expression(n)})",
        lambda t, n: f"{t.of('list', n)}|{t.pick(['sum', 'sum(start=1)', 'first', 'last', 'min', 'max', 'max(attribute=1)', 'sum(attribute=1)'])}",
        lambda t, n: f"{t.of('number', n)} if {t.expression(n, 'truth')} else {t.of('number', n)}",
    ],
    "truth": [
        lambda t, n: f"{t.of('number', n)} {t.pick(['==', '!=', '<', '<=', '>', '>='])} {t.of('number', n)}",
        lambda t, n: f"{t.of('text', n)} {t.pick(['==', '!=', '<', '<=', '>', '>=', 'in', 'not in'])} {t.of('text', n)}",
        lambda t, n: f"{t.expression(n)} {t.pick(['in', 'not in', '==', '!='])} {t.of(t.pick(['list', 'dict']), n)}",
        lambda t, n: f"{t.of('list', n)} {t.pick(['<', '==', '>='])} {t.of('list', n)}",
        lambda t, n: f"{t.of(t.pick(list(ATOMS)), n)} is {t.pick(['', 'not '])}{t.pick(TEXT_TESTS)}",
        lambda t, n: f"{t.of('number', n)} is {t.pick(['odd', 'even', 'divisibleby(3)', 'divisibleby 2', 'not odd', 'integer'])}",
        lambda t, n: f"{t.of('number', n)} is {t.pick(COMPARED)}({t.expression(n, 'number')})",
        lambda t, n: f"{t.of('text', n)}.{t.pick(TRUTH_METHODS)}",
        lambda t, n: f"{t.of('text', n)}.{t.pick(['startswith', 'endswith'])}({t.expression(n, 'text')}{t.pick(['', ', 1', ', -2', ', 1, 3'])})",
        lambda t, n: f"not {t.of('truth', n)}",
        lambda t, n: f"{t.of('truth', n)} {t.pick(['and', 'or'])} {t.of(t.pick(list(ATOMS)), n)}",
        lambda t, n: f"{t.of('number', n)} < {t.of('number', n)} <= {t.of('number', n)}",
    ],
    "list": [
        lambda t, n: f"{t.of('list', n)}|{t.pick(LIST_FILTERS)}",
        lambda t, n: f"{t.of('list', n)}|{t.pick(LIST_FILTERS)}",
        lambda t, n: f"{t.of('text', n)}.{t.pick(['split', 'rsplit'])}({t.expression(n, 'text')}{t.pick(['', ', 1', ', 0', ', -1', ', 2'])})",
        lambda t, n: f"{t.of('text', n)}.{t.pick(['split()', 'rsplit()', 'splitlines()', 'splitlines(true)', 'split(none, 1)', 'rsplit(maxsplit=1)'])}",
        lambda t, n: f"{t.of('text', n)}.{t.pick(['partition', 'rpartition'])}({t.expression(n, 'text')})",
        lambda t, n: t.of("list", n) + part(t, n),
        lambda t, n: f"{t.of('list', n)} + {t.of('list', n)}",
        lambda t, n: f"{t.of('list', n)} * {t.pick(['2', '0', '-1'])}",
        lambda t, n: f"[{t.expression(n)}, {t.expression(n)}]",
        lambda t, n: f"({t.expression(n)}, {t.expression(n)})",
        lambda t, n: f"{t.of('dict', n)}.{t.pick(['keys()', 'values()', 'items()', 'keys()|list', 'values()|list', 'items()|list'])}",
        lambda t, n: f"{t.of('dict', n)}|{t.pick(['list', 'items|list', 'dictsort', 'dictsort(reverse=true)', 'dictsort(true)', 'sort', 'reverse|list'])}",
        lambda t, n: f"{t.of('text', n)}|{t.pick(['list', 'sort', 'unique|list', 'reverse'])}",
        lambda t, n: f"range({t.pick(['4', '1, 5', '5, 1, -1', '0, 9, 4', 'n', 'neg'])})",
    ],
    "dict": [
        lambda t, n: f"{{'a': {t.expression(n)}, {t.pick(TEXTS)}: {t.expression(n)}}}",
        lambda t, n: f"dict(x={t.expression(n)}, y={t.expression(n)})",
        lambda t, n: f"dict({t.of('dict', n)}, y={t.expression(n)})",
        lambda t, n: f"{t.of('dict', n)}.copy()",
        lambda t, n: f"{t.of('dict', n)}.get({t.expression(n, 'text')}{t.pick(['', ', 1', ', {}'])})",
        lambda t, n: f"{t.of('list', n)}[{t.pick(KEYS)}]",
        lambda t, n: f"{t.of('dict', n)}[{t.pick(KEYS)}]",
        lambda t, n: f"{t.of('list', n)}|{t.pick(['first', 'last'])}",
        lambda t, n: f"{t.of('dict', n)}|attr('{t.pick(NAMES)}')",
    ],
}
TEXTS = ATOMS["text"]


class Templates:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, choices):
        return choices[self.random.randrange(len(choices))]

    def atom(self, kind):
        return self.pick(ATOMS[kind])

    def expression(self, depth=0, kind=None):
        """An expression that probably has a value of the kind; one in twelve has another."""
        if kind is None or self.random.random() < 0.08:
            kind = self.pick(list(ATOMS))
        if depth > 3 or self.random.random() < 0.15:
            return self.atom(kind)
        return self.pick(MAKERS[kind])(self, depth + 1)

    def of(self, kind, depth):
        text = self.expression(depth, kind)
        return text if text.isidentifier() else f"({text})"

    def sign(self):
        return self.pick(["", "", "-", "+"])

    def value(self, depth):
        """An expression of a statement. Most have a value: an error ends the whole template."""
        return self.pick(SAFE) if self.random.random() < 0.85 else self.expression(depth)

    def statement(self, depth=0):
        plain = [self.text, self.printed, self.assigned, self.member_set]
        nested = [self.loop, self.loop_of_pairs, self.filtered_loop, self.chat_loop, self.condition, self.captured, self.scoped, self.filtered,
                  self.counted, self.numbered, self.called, self.marked]
        return self.pick(plain + nested if depth < 2 else plain)(depth)

    def text(self, depth):
        return self.pick(["text", "\n", "  ", " a\n  ", "{# c #}", "{#- c -#}\n", "{% raw %} {{ x }} {% endraw %}\n", "\n\n", "\t", "<|im_end|>\n",
                          "\r\n", "{%- raw -%} {% x %} {%- endraw -%} ", "{#+ c #}\n ", "  {# c\n #}\n", "}}", "%}", "{ { ", "é\n"])

    def printed(self, depth):
        return f"{{{{{self.pick(['', '-'])} {self.value(1)} {self.pick(['', '-'])}}}}}"

    def assigned(self, depth):
        target = self.pick(["v0", "v1", "v2", "v0", "v1", "v0, v1", "x"])
        value = self.value(1) if "," not in target else f"{self.value(2)}, {self.value(2)}"
        return f"{{%{self.sign()} set {target} = {value} {self.pick(['', '-'])}%}}"

    def member_set(self, depth):
        return f"{{%{self.sign()} set ns.{self.pick('abc')} = {self.pick(['ns.a', 'ns.c', 'v0', '1'])} {self.pick(['~', '~', '+', 'or', 'and'])} {self.value(2)} %}}"

    def loop(self, depth):
        return (f"{{%{self.sign()} for x in {self.value(1)} %}}{self.statements(depth + 1)}{{{{ loop.index }}}}{{{{ x }}}}"
                f"{self.pick(['', '{% else %}none', '{% break %}', '{% if loop.first %}{% continue %}{% endif %}'])}{{%{self.sign()} endfor %}}")

    def loop_of_pairs(self, depth):
        pairs = self.pick(["d.items()", "o|items", "many|dictsort", "d|dictsort(reverse=true)", "pairs", "nested", "dict(a=1).items()", "objs[0].items()"])
        return f"{{%{self.sign()} for k, v0 in {pairs} %}}{{{{ k }}}}={{{{ v0{self.pick(['', '|tojson', '|string'])} }}}}{self.statements(depth + 1)}{{% endfor %}}"

    def filtered_loop(self, depth):
        condition = self.pick(["x", "not x", "x is string", "x is not none", "x != 1", "x is defined and x", "loop", f"{self.expression(2, 'truth')}"])
        return (f"{{% for x in {self.of('list', 2)} if {condition} {self.pick(['', '-'])}%}}"
                f"{self.pick(LOOP)}{self.statements(depth + 1)}{{% else %}}-{{% endfor %}}")

    def chat_loop(self, depth):
        return (f"{{%{self.sign()} for message in {self.pick(['messages', 'messages[1:]', 'messages[::-1]', 'messages|reverse', 'messages[:-1]'])} %}}"
                f"{self.pick(CHAT)}{self.statements(depth + 1)}{{%{self.sign()} endfor %}}")

    def condition(self, depth):
        middle = f"{{%{self.sign()} elif {self.value(2)} %}}{self.statements(depth + 1)}" if self.random.random() < 0.4 else ""
        return (f"{{%{self.sign()} if {self.value(1)} {self.pick(['', '-', '+'])}%}}{self.statements(depth + 1)}{middle}"
                f"{self.pick(['{% else %}no', '{%- else -%} no', ''])}{{%{self.sign()} endif %}}{self.pick([chr(10), ''])}")

    def captured(self, depth):
        filters = self.pick(["", "", "|upper", "|trim|title", "|replace('a', 'b')", "|length", "|list"])
        return f"{{% set v{self.random.randrange(3)}{filters} %}}{self.statements(depth + 1)}{{% endset %}}[{{{{ v0 }}}}{{{{ v1 }}}}]"

    def scoped(self, depth):
        return f"{{% with v0 = {self.value(1)}{self.pick(['', ', v1 = v0', ', v2 = 2'])} %}}{self.statements(depth + 1)}{{{{ v0 }}}}{{% endwith %}}"

    def filtered(self, depth):
        return f"{{% filter {self.pick(['upper', 'trim', 'indent', 'title', 'trim|upper', 'indent(2, true)'])} %}}{self.statements(depth + 1)}{{% endfilter %}}"

    def counted(self, depth):
        return (f"{{% set ns = namespace(c=0{self.pick(['', ', a=1', ', b=none'])}) %}}{{% for x in {self.pick(['xs', 'ys', 'objs', 'd'])} %}}"
                f"{{% set ns.c = ns.c + 1 %}}{self.statements(depth + 1)}{{% endfor %}}{{{{ ns.c }}}}{{{{ v1 }}}}")

    def numbered(self, depth):
        return f"{{% for x in {self.pick(['xs', 'ys', 'objs', 'range(4)', 'mixed', 'many', 's'])} %}}{self.pick(LOOP)}{self.statements(depth + 1)}{{% endfor %}}"

    def called(self, depth):
        arguments = self.pick(["", f"{self.value(2)}", f"b={self.value(2)}", f"{self.value(2)}, {self.value(2)}",
                               f"1, b={self.value(2)}", f"a={self.value(2)}, b=2", "1, 2, 3", "c=1"])
        return f"{{{{ m({arguments}){self.pick(['', '|trim', '|upper', ' ~ v0', '|length', '[0]'])} }}}}"

    def marked(self, depth):
        return f"{{%{self.sign()} generation {self.pick(['', '-'])}%}}{self.statements(depth + 1)}{{%{self.sign()} endgeneration %}}"

    def statements(self, depth=0):
        return "".join(self.statement(depth) for _ in range(self.random.randrange(1, 4)))

    def macro(self):
        parameters = self.pick(["a, b=" + self.value(2), "a", "a=1, b=a", "a, b", "", "a='x', b={}"])
        return f"{{%{self.sign()} macro m({parameters}) {self.pick(['', '-'])}%}}{self.statements(1)}{{{{ a }}}}{{{{ b }}}}{{%{self.sign()} endmacro %}}"

    def template(self):
        if self.random.random() < 0.6:
            return "{{ " + self.expression() + " }}"
        before = self.macro() if self.random.random() < 0.4 else ""
        if self.random.random() < 0.8:
            before += "{% set ns = namespace(a=" + self.value(2) + ") %}"
        return before + self.statements()
