import MoedText
import Testing

/// Every filter: a table of templates and what Jinja2 3.1 prints.
struct JinjaFilterTests {
    @Test(arguments: [
        ("{{ -5|abs }}", "5"),
        ("{{ -2.5|abs }}", "2.5"),
        ("{{ true|abs }}", "1"),
        ("{{ 0|abs }}", "0"),
    ])
    func abs(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'x'|attr('upper') is callable }}", "True"),
        ("{{ namespace(a=1)|attr('a') }}", "1"),
        ("{{ {'a': 1}|attr('a') }}", ""),
        ("{{ {'a': 1}|attr('get') is callable }}", "True"),
        ("{{ 'x'|attr('__class__') }}", ""),
    ])
    func attr(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'hELLO wORLD'|capitalize }}", "Hello world"),
        ("{{ 'ßa'|capitalize }}", "Ssa"),
        ("{{ ''|capitalize }}", ""),
        ("{{ 12|capitalize }}", "12"),
    ])
    func capitalize(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [1, 2]|count }}", "2"),
        ("{{ 'aé😀'|count }}", "3"),
        ("{{ {}|count }}", "0"),
        ("{{ missing|count }}", "0"),
        ("{{ range(4)|count }}", "4"),
    ])
    func count(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ missing|default }}", ""),
        ("{{ missing|default('x') }}", "x"),
        ("{{ missing|d(1) }}", "1"),
        ("{{ ''|default('x') }}", ""),
        ("{{ ''|default('x', true) }}", "x"),
        ("{{ 0|d('x', boolean=true) }}", "x"),
        ("{{ none|default('x') }}", "None"),
        ("{{ false|default('x', true) }}", "x"),
    ])
    func fallback(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ {'b': 1, 'A': 2}|dictsort }}", "[('A', 2), ('b', 1)]"),
        ("{{ {'b': 1, 'A': 2}|dictsort(true) }}", "[('A', 2), ('b', 1)]"),
        ("{{ {'b': 1, 'A': 2}|dictsort(by='value') }}", "[('b', 1), ('A', 2)]"),
        ("{{ {'b': 1, 'A': 2}|dictsort(reverse=true) }}", "[('b', 1), ('A', 2)]"),
        ("{{ {}|dictsort }}", "[]"),
    ])
    func dictsort(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [1, 2]|first }}", "1"),
        ("{{ 'éa'|first }}", "é"),
        ("{{ {'k': 1}|first }}", "k"),
        ("{{ []|first }}", ""),
        ("{{ range(3, 5)|first }}", "3"),
        ("{{ missing|first }}", ""),
    ])
    func first(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ '1.5'|float }}", "1.5"),
        ("{{ 'x'|float }}", "0.0"),
        ("{{ 'x'|float(2.5) }}", "2.5"),
        ("{{ ' 1_0e1 '|float }}", "100.0"),
        ("{{ 3|float }}", "3.0"),
        ("{{ true|float }}", "1.0"),
        ("{{ 'inf'|float }}", "inf"),
        ("{{ none|float }}", "0.0"),
    ])
    func float(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        (#"{{ 'a\nb\n\nc'|indent }}"#, "a\n    b\n\n    c"),
        (#"{{ 'a\nb'|indent(2) }}"#, "a\n  b"),
        (#"{{ 'a\nb'|indent(1, true) }}"#, " a\n b"),
        (#"{{ 'a\n\nb'|indent(1, blank=true) }}"#, "a\n \n b"),
        (#"{{ 'a\nb'|indent('> ', first=true) }}"#, "> a\n> b"),
        (#"{{ 'a\nb'|indent(-2) }}"#, "a\nb"),
        ("{{ ''|indent }}", ""),
    ])
    func indent(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ '12'|int }}", "12"),
        ("{{ ' -7 '|int }}", "-7"),
        ("{{ '1.9'|int }}", "1"),
        ("{{ -1.9|int }}", "-1"),
        ("{{ 'x'|int }}", "0"),
        ("{{ 'x'|int(3) }}", "3"),
        ("{{ '1_000'|int }}", "1000"),
        ("{{ 'ff'|int(0, 16) }}", "255"),
        ("{{ '0x1f'|int(base=16) }}", "31"),
        ("{{ '0b11'|int(0, 0) }}", "3"),
        ("{{ '1e3'|int }}", "1000"),
        ("{{ true|int }}", "1"),
        ("{{ none|int }}", "0"),
        ("{{ '٤٢'|int }}", "42"),
        ("{{ 'nan'|int }}", "0"),
        ("{{ 'inf'|int(9) }}", "9"),
        ("{{ '9223372036854775807'|int }}", "9223372036854775807"),
        ("{{ '-9223372036854775808'|int }}", "-9223372036854775808"),
    ])
    func int(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ {'a': 1}|items|list }}", "[('a', 1)]"),
        ("{{ missing|items|list }}", "[]"),
        ("{{ {}|items|list }}", "[]"),
    ])
    func items(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [1, none, 'x']|join }}", "1Nonex"),
        ("{{ [1, 2]|join(', ') }}", "1, 2"),
        ("{{ 'abc'|join('-') }}", "a-b-c"),
        ("{{ {'k': 1, 'l': 2}|join }}", "kl"),
        ("{{ []|join('x') }}", ""),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|join('/', attribute='n') }}",
            "bob/Al/cy"
        ),
        ("{{ [1, 2]|join(0) }}", "102"),
    ])
    func join(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [1, 2]|last }}", "2"),
        ("{{ 'aé'|last }}", "é"),
        ("{{ []|last }}", ""),
        ("{{ {'k': 1, 'l': 2}|last }}", "l"),
        ("{{ (1, 2)|last }}", "2"),
    ])
    func last(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [1, 2]|length }}", "2"),
        ("{{ 'aé😀'|length }}", "3"),
        ("{{ {'a': 1}|length }}", "1"),
        ("{{ missing|length }}", "0"),
        ("{{ ''|length }}", "0"),
    ])
    func length(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'ab'|list }}", "['a', 'b']"),
        ("{{ {'k': 1}|list }}", "['k']"),
        ("{{ (1, 2)|list }}", "[1, 2]"),
        ("{{ range(2)|list }}", "[0, 1]"),
        ("{{ missing|list }}", "[]"),
    ])
    func list(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'ÀB'|lower }}", "àb"),
        ("{{ 'ΑΣ'|lower }}", "ας"),
        ("{{ 'İ'|lower|length }}", "2"),
        ("{{ 12|lower }}", "12"),
        ("{{ none|lower }}", "none"),
    ])
    func lower(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ ['a']|map('upper')|list }}", "['A']"),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|map(attribute='n')|list }}",
            "['bob', 'Al', 'cy']"
        ),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|map(attribute='z', default=0)|list }}",
            "[0, 0, 0]"
        ),
        ("{{ [[1, 2]]|map('first')|list }}", "[1]"),
        ("{{ [[1, 2]]|map(attribute=1)|list }}", "[2]"),
        ("{{ [{'a': {'b': 1}}]|map(attribute='a.b')|list }}", "[1]"),
        ("{{ ['a']|map('replace', 'a', 'b')|list }}", "['b']"),
        ("{{ none|map('upper')|list }}", "[]"),
    ])
    func map(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }
}
