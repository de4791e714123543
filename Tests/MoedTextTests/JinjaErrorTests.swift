import MoedCore
import MoedText
import Testing

/// An error names its kind, its line and the thing that is wrong.
struct JinjaErrorTests {
    private func expect(_ source: String, _ code: TextError.Code, _ place: String, _ reason: String) {
        let error = JinjaCases.render(source).error
        #expect(error?.code == code)
        #expect(error?.place == place)
        #expect(error?.reason == reason)
        #expect(error?.description == "template: \(place): \(reason)")
    }

    @Test func syntax() {
        expect("a\n{{ 1 + }}", .templateSyntax, "line 2", "unexpected '}}'")
        expect(
            "a\n\n{% if 1 %}\nb", .templateSyntax, "line 4",
            "expected 'elif' or 'else' or 'endif', found the end of the template")
        expect("{{ 'a\n", .templateSyntax, "line 1", "the string is not closed")
        expect("\n{{ (1] }}", .templateSyntax, "line 2", "unexpected ']', expected ')'")
        expect("\n\n{# a", .templateSyntax, "line 3", "the comment is not closed")
        expect("{% raw %}\n", .templateSyntax, "line 1", "'raw' is not closed by 'endraw'")
        expect("{% endif %}", .templateSyntax, "line 1", "unknown tag 'endif'")
        expect("{% break %}", .templateSyntax, "line 1", "'break' outside of a loop")
        expect("{% set none = 1 %}", .templateSyntax, "line 1", "'none' cannot be assigned to")
        expect(
            "{% macro m(a=1, b) %}{% endmacro %}", .templateSyntax, "line 1",
            "the parameter 'b' without default follows one with default")
        expect("{{ 007 }}", .templateSyntax, "line 1", "the number 007 starts with 0")
        expect("{{ 'a' ! }}", .templateSyntax, "line 1", "unexpected character '!'")
        expect("{{ f(a=1, 2) }}", .templateSyntax, "line 1", "a positional argument follows a named one")
    }

    /// Loading refuses the template: a template that loads can be trusted to run.
    @Test(arguments: [
        ("{{ 1|round }}", "the filter 'round'"), ("{{ 1 is escaped }}", "the test 'escaped'"),
        ("{% include 'x' %}", "the tag 'include'"), ("{% extends 'x' %}", "the tag 'extends'"),
        ("{% do x %}", "the tag 'do'"),
        ("{% call m() %}{% endcall %}", "the tag 'call'"),
        ("{% for x in y recursive %}{% endfor %}", "'recursive' in a for loop"),
        (
            "{% if 1 %}{% with %}{% macro m() %}{% endmacro %}{% endwith %}{% endif %}",
            "a macro inside of another block ('m')"
        ),
        ("{{ f(*x) }}", "'*' in the arguments of a call"), ("{{ x[1, 2] }}", "a subscript with a comma"),
        ("{{ 0x10 }}", "a number with a base"), ("{{ '\\N{DASH}' }}", "the escape '\\N'"),
        ("{% macro m() %}{{ varargs }}{% endmacro %}", "'varargs' in a macro"),
        ("{% macro m() %}{{ caller() }}{% endmacro %}", "'caller' in a macro"),
        ("{{ (-1) ** x }}", "'**' between a computed constant and a variable"),
    ])
    func unsupportedByName(source: String, name: String) {
        let error = #expect(throws: TextError.self) { try ChatTemplate(source: source, file: "template") }
        #expect(error?.code == .unsupported)
        #expect(error?.reason == "\(name) is not supported")
    }

    @Test(arguments: [
        ("{{ '%s' % 1 }}", "formatting with '%'"), ("{{ 'a' is odd }}", "formatting with '%'"),
        ("{{ 'a'.format(1) }}", "the string method 'format'"),
        ("{{ ('a'|safe) ~ 'b' }}", "'~' after the filter 'safe'"),
        ("{{ [1]|map('round')|list }}", "the filter 'round'"),
        ("{{ [1]|select('escaped')|list }}", "the test 'escaped'"),
        ("{{ (5).real }}", "'.real' of an integer"),
        ("{{ cycler('a') }}", "'cycler'"),
        ("{{ {}.keys() == {}.keys() }}", "a comparison of a dictionary's keys"),
        ("{{ 1 is sameas(1) }}", "'sameas' between an integer and an integer"),
        ("{{ 9007199254740993 / 2 }}", "'/' between integers beyond 53 bits"),
    ])
    func unsupportedWhenUsed(source: String, name: String) {
        let error = JinjaCases.render(source).error
        #expect(error?.code == .unsupported)
        #expect(error?.reason == "\(name) is not supported")
    }

    @Test func rendering() {
        expect(
            "a\n{% for x in [1] %}\n  {{ x + 'a' }}{% endfor %}", .templateFailed, "line 3",
            "bad operands for '+': an integer and a string")
        expect("\n{{ raise_exception('no ' ~ 1) }}", .templateFailed, "line 2", "no 1")
        expect("{{ a.b.c }}", .templateFailed, "line 1", "'a' is undefined, so it has no 'b'")
        expect("{{ a() }}", .templateFailed, "line 1", "'a' is undefined and cannot be called")
        expect("{{ 9223372036854775807 + 1 }}", .templateFailed, "line 1", "an integer beyond 64 bits")
        expect(
            "{% macro m(a) %}\n{{ a.x.y }}{% endmacro %}\n\n{{ m(1) }}", .templateFailed, "line 2",
            "'x' of an integer is undefined, so it has no 'y'")
        expect("{% set x.y = 1 %}", .templateFailed, "line 1", "'x' is no namespace, so 'x.y' cannot be set")
        expect(
            "{% for a, b in [[1]] %}{% endfor %}", .templateFailed, "line 1",
            "2 values expected to unpack, found 1")
        expect(
            "{{ strftime_now('%Y') }}", .templateFailed, "line 1",
            "strftime_now: a prompt must not depend on the time at which its job runs")
    }
}
