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

    def statement(self, depth=0):
        kind = self.random.randrange(9 if depth < 2 else 3)
        sign = lambda: self.pick(["", "", "-", "+"])
        if kind == 0:
            return self.pick(["text", "\n", "  ", " a\n  ", "{# c #}", "{#- c -#}\n", "{% raw %} {{ x }} {% endraw %}\n"])
        if kind == 1:
            return f"{{{{{self.pick(['', '-'])} {self.expression(1)} {self.pick(['', '-'])}}}}}"
        if kind == 2:
            return f"{{%{sign()} set v{self.random.randrange(3)} = {self.expression(1)} {self.pick(['', '-'])}%}}"
        inner = self.statements(depth + 1)
        if kind == 3:
            return (f"{{%{sign()} for x in {self.expression(1)} %}}{inner}{{{{ loop.index }}}}{{{{ x }}}}"
                    f"{self.pick(['', '{% else %}none', '{% break %}', '{% if loop.first %}{% continue %}{% endif %}'])}{{% endfor %}}")
        if kind == 4:
            return f"{{%{sign()} if {self.expression(1)} {self.pick(['', '-', '+'])}%}}{inner}{{% else %}}no{{% endif %}}\n"
        if kind == 5:
            return f"{{% set v{self.random.randrange(3)} %}}{inner}{{% endset %}}[{{{{ v0 }}}}{{{{ v1 }}}}]"
        if kind == 6:
            return f"{{% with v0 = {self.expression(1)} %}}{inner}{{{{ v0 }}}}{{% endwith %}}"
        if kind == 7:
            return f"{{% filter {self.pick(['upper', 'trim', 'indent', 'title'])} %}}{inner}{{% endfilter %}}"
        return (f"{{% set ns = namespace(c=0) %}}{{% for x in {self.pick(['xs', 'ys', 'objs', 'd'])} %}}"
                f"{{% set ns.c = ns.c + 1 %}}{inner}{{% endfor %}}{{{{ ns.c }}}}{{{{ v1 }}}}")

    def statements(self, depth=0):
        return "".join(self.statement(depth) for _ in range(self.random.randrange(1, 4)))

    def template(self):
        if self.random.random() < 0.75:
            return "{{ " + self.expression() + " }}"
        macro = ""
        if self.random.random() < 0.2:
            macro = ("{% macro m(a, b=" + self.expression(2) + ") %}" + self.statements(1) + "{{ a }}{{ b }}{% endmacro %}"
                     + "{{ m(" + self.expression(2) + ") }}")
        return macro + self.statements()
