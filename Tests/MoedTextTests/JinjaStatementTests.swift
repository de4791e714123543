import MoedText
import Testing

/// Statements, white space, scopes, macros and loops: a table of templates and what Jinja2 3.1 prints.
struct JinjaStatementTests {
    @Test(arguments: [
        ("a\n  {% if 1 %}\n    b\n  {% endif %}\nc", "a\n    b\nc"),
        ("a {%- if 1 -%} \n b \n {%- endif -%} c", "abc"),
        ("  {%+ if 1 +%}\nx{% endif %}", "  \nx"),
        ("a {# x #}\nb\n  {# y #}\nc", "a b\nc"),
        ("a {#- x -#} b", "ab"),
        ("{{ 1 }}\n{{ 2 }}\n", "1\n2"),
        ("a {{- 1 -}} b", "a1b"),
        ("a\r\n{% set x = 1 %}\r\nb\r", "a\nb"),
        ("{% raw %}{{ x }}{% endraw %}|", "{{ x }}|"),
        ("  {% raw -%}  a  {%- endraw %}\nb", "ab"),
        ("x {% if 1 %} y {% endif %} z", "x  y  z"),
    ])
    func whitespace(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{% set a = 1 %}{{ a }}", "1"),
        ("{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12"),
        ("{% set a %}x{{ 1 }}{% endset %}{{ a }}", "x1"),
        ("{% set a | upper | trim %} x {% endset %}{{ a }}", "X"),
        ("{% set (a, (b, c)) = [1, [2, 3]] %}{{ a }}{{ b }}{{ c }}", "123"),
        ("{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}", "1"),
    ])
    func assignments(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{% if 0 %}a{% elif 1 %}b{% else %}c{% endif %}", "b"),
        ("{% if 0 %}a{% elif [] %}b{% else %}c{% endif %}", "c"),
        ("{% if missing %}a{% endif %}|", "|"),
        ("{% if 1: %}a{% endif %}", "a"),
    ])
    func conditions(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{% for x in [1, 2] %}{{ x }}{% endfor %}", "12"),
        ("{% for x in [] %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% for a, b in [[1, 2]] %}{{ a }}{{ b }}{% endfor %}", "12"),
        ("{% for k in {'a': 1} %}{{ k }}{% endfor %}", "a"),
        ("{% for c in 'é😀' %}{{ c }}.{% endfor %}", "é.😀."),
        ("{% for x in [1, 2, 3] if x != 2 %}{{ loop.index }}{{ x }}{% endfor %}", "1123"),
        (
            "{% for x in 'ab' %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.cycle(1, 2) }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}",
            "021TrueFalse211b;110FalseTrue212a;"
        ),
        (
            "{% for x in range(9) %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}",
            "02"
        ),
        (
            "{% for x in [1] %}{% for y in [1, 2] %}{{ loop.index }}{% endfor %}{{ loop.length }}{{ loop }}{% endfor %}",
            "121<LoopContext 1/1>"
        ),
        ("{% for x in missing %}x{% else %}y{% endfor %}", "y"),
        (
            "{% set g = [1, 2]|map('string') %}{% for x in g %}{{ x }}{% endfor %}{% for x in g %}{{ x }}{% else %}gone{% endfor %}",
            "12gone"
        ),
    ])
    func loops(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{% set x = 1 %}{% for i in [2, 3] %}{{ x }}{% set x = i %}{{ x }}{% endfor %}{{ x }}", "12131"),
        ("{% if 1 %}{% set x = 1 %}{% endif %}{{ x }}", "1"),
        (
            "{% set ns = namespace(c=0) %}{% for i in [1, 2] %}{% set ns.c = ns.c + i %}{% endfor %}{{ ns.c }}",
            "3"
        ),
        (
            "{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}{{ b is defined }}",
            "211False"
        ),
        ("{% for i in [1] %}{% endfor %}{{ i is defined }}{{ loop is defined }}", "FalseFalse"),
        ("{% set a %}{% set b = 1 %}{% endset %}{{ b is defined }}", "False"),
        ("{% filter upper %}a{% set b = 1 %}{% endfilter %}{{ b is defined }}", "AFalse"),
    ])
    func scopes(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        (
            "{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, c=3) }} {{ m(b=1, a=0) }} {{ m() }} {{ m }}",
            "121 123 010 2 <Macro 'm'>"
        ),
        ("{% macro f(n) %}{{ n }}{% if n > 1 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "321"),
        (
            "{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 5 %}{{ x }}{% endmacro %}{{ m() }}{% set x = 2 %}{{ m() }}{{ x }}",
            "15252"
        ),
        ("{% macro m(v) %}{{ i is defined }}{% endmacro %}{% for i in [1] %}{{ m(i) }}{% endfor %}", "False"),
        ("{%- macro m() -%} a {%- endmacro -%}[{{ m() }}]{{ m() | length }}", "[a]1"),
    ])
    func macros(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{% filter upper | replace('A', 'b') %}a{{ 'c' }}{% endfilter %}", "bC"),
        ("{% generation %}a{% endgeneration %}b", "ab"),
        ("{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a }}", "1"),
    ])
    func blocks(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }
}
