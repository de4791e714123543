import MoedText
import Testing

/// Every test (`value is …`): a table of templates and what Jinja2 3.1 prints.
struct JinjaPredicateTests {
    /// For a string, an integer, a float, a boolean, None, a list, a dictionary, a tuple, nothing, a range and a function.
    @Test(arguments: [
        (
            "{{ 's' is defined, 1 is defined, 1.5 is defined, true is defined, none is defined, [] is defined, {} is defined, (1,) is defined, missing is defined, range(1) is defined, range is defined }}",
            "(True, True, True, True, True, True, True, True, False, True, True)"
        ),
        (
            "{{ 's' is undefined, 1 is undefined, 1.5 is undefined, true is undefined, none is undefined, [] is undefined, {} is undefined, (1,) is undefined, missing is undefined, range(1) is undefined, range is undefined }}",
            "(False, False, False, False, False, False, False, False, True, False, False)"
        ),
        (
            "{{ 's' is none, 1 is none, 1.5 is none, true is none, none is none, [] is none, {} is none, (1,) is none, missing is none, range(1) is none, range is none }}",
            "(False, False, False, False, True, False, False, False, False, False, False)"
        ),
        (
            "{{ 's' is string, 1 is string, 1.5 is string, true is string, none is string, [] is string, {} is string, (1,) is string, missing is string, range(1) is string, range is string }}",
            "(True, False, False, False, False, False, False, False, False, False, False)"
        ),
        (
            "{{ 's' is number, 1 is number, 1.5 is number, true is number, none is number, [] is number, {} is number, (1,) is number, missing is number, range(1) is number, range is number }}",
            "(False, True, True, True, False, False, False, False, False, False, False)"
        ),
        (
            "{{ 's' is integer, 1 is integer, 1.5 is integer, true is integer, none is integer, [] is integer, {} is integer, (1,) is integer, missing is integer, range(1) is integer, range is integer }}",
            "(False, True, False, False, False, False, False, False, False, False, False)"
        ),
        (
            "{{ 's' is float, 1 is float, 1.5 is float, true is float, none is float, [] is float, {} is float, (1,) is float, missing is float, range(1) is float, range is float }}",
            "(False, False, True, False, False, False, False, False, False, False, False)"
        ),
        (
            "{{ 's' is boolean, 1 is boolean, 1.5 is boolean, true is boolean, none is boolean, [] is boolean, {} is boolean, (1,) is boolean, missing is boolean, range(1) is boolean, range is boolean }}",
            "(False, False, False, True, False, False, False, False, False, False, False)"
        ),
        (
            "{{ 's' is true, 1 is true, 1.5 is true, true is true, none is true, [] is true, {} is true, (1,) is true, missing is true, range(1) is true, range is true }}",
            "(False, False, False, True, False, False, False, False, False, False, False)"
        ),
        (
            "{{ 's' is false, 1 is false, 1.5 is false, true is false, none is false, [] is false, {} is false, (1,) is false, missing is false, range(1) is false, range is false }}",
            "(False, False, False, False, False, False, False, False, False, False, False)"
        ),
        (
            "{{ 's' is mapping, 1 is mapping, 1.5 is mapping, true is mapping, none is mapping, [] is mapping, {} is mapping, (1,) is mapping, missing is mapping, range(1) is mapping, range is mapping }}",
            "(False, False, False, False, False, False, True, False, False, False, False)"
        ),
        (
            "{{ 's' is sequence, 1 is sequence, 1.5 is sequence, true is sequence, none is sequence, [] is sequence, {} is sequence, (1,) is sequence, missing is sequence, range(1) is sequence, range is sequence }}",
            "(True, False, False, False, False, True, True, True, True, True, False)"
        ),
        (
            "{{ 's' is iterable, 1 is iterable, 1.5 is iterable, true is iterable, none is iterable, [] is iterable, {} is iterable, (1,) is iterable, missing is iterable, range(1) is iterable, range is iterable }}",
            "(True, False, False, False, False, True, True, True, True, True, False)"
        ),
        (
            "{{ 's' is callable, 1 is callable, 1.5 is callable, true is callable, none is callable, [] is callable, {} is callable, (1,) is callable, missing is callable, range(1) is callable, range is callable }}",
            "(False, False, False, False, False, False, False, False, True, False, True)"
        ),
    ])
    func kinds(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 3 is odd }}", "True"),
        ("{{ 2 is odd }}", "False"),
        ("{{ -1 is odd }}", "True"),
        ("{{ true is odd }}", "True"),
        ("{{ 3.0 is odd }}", "True"),
    ])
    func odd(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 2 is even }}", "True"),
        ("{{ 0 is even }}", "True"),
        ("{{ -3 is even }}", "False"),
        ("{{ 2.0 is even }}", "True"),
    ])
    func even(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 10 is divisibleby(5) }}", "True"),
        ("{{ 10 is divisibleby 3 }}", "False"),
        ("{{ 7.5 is divisibleby(2.5) }}", "True"),
        ("{{ -9 is divisibleby(-3) }}", "True"),
    ])
    func divisibleby(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 1 is eq(1) }}", "True"),
        ("{{ 1 is equalto 1.0 }}", "True"),
        ("{{ 1 is ne(2) }}", "True"),
        ("{{ 1 is lt(2) }}", "True"),
        ("{{ 1 is lessthan 2 }}", "True"),
        ("{{ 1 is le(1) }}", "True"),
        ("{{ 1 is gt(0) }}", "True"),
        ("{{ 1 is greaterthan(0) }}", "True"),
        ("{{ 1 is ge(2) }}", "False"),
        ("{{ 'a' is lt('b') }}", "True"),
    ])
    func comparisons(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    /// Operators as the names of tests.
    @Test(arguments: [
        ("{{ [1, 2]|select('==', 1)|list }}", "[1]"),
        ("{{ [1, 2]|select('!=', 1)|list }}", "[2]"),
        ("{{ [1, 2]|select('<', 2)|list }}", "[1]"),
        ("{{ [1, 2]|select('<=', 2)|list }}", "[1, 2]"),
        ("{{ [1, 2]|select('>', 1)|list }}", "[2]"),
        ("{{ [1, 2]|select('>=', 1)|list }}", "[1, 2]"),
    ])
    func symbols(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 1 is in([1]) }}", "True"),
        ("{{ 'a' is in('abc') }}", "True"),
        ("{{ 'a' is in({'a': 1}) }}", "True"),
        ("{{ 2 is not in [1] }}", "True"),
    ])
    func contained(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ none is sameas(none) }}", "True"),
        ("{{ true is sameas true }}", "True"),
        ("{{ 1 is sameas(true) }}", "False"),
        ("{{ false is sameas(none) }}", "False"),
    ])
    func sameas(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'A1' is upper }}", "True"),
        ("{{ 'Aa' is upper }}", "False"),
        ("{{ 'a1' is lower }}", "True"),
        ("{{ '1' is lower }}", "False"),
        ("{{ 12 is lower }}", "False"),
        ("{{ 'ǅ' is upper }}", "False"),
    ])
    func cases(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'upper' is filter }}", "True"),
        ("{{ 'nothing' is filter }}", "False"),
        ("{{ 'odd' is test }}", "True"),
        ("{{ 'nothing' is test }}", "False"),
    ])
    func names(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ not 1 is odd }}", "False"),
        ("{{ 1 is not odd }}", "False"),
        ("{{ 1 is odd and 2 is even }}", "True"),
        ("{{ 1 is odd == true }}", "True"),
        ("{{ -1 is odd }}", "True"),
    ])
    func precedence(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }
}
