import MoedText
import Testing

/// Literals, operators, members and slices: a table of templates and what Jinja2 3.1 prints.
struct JinjaExpressionTests {
    @Test(arguments: [
        ("{{ 1_000 }}", "1000"),
        ("{{ 1.5e3 }}", "1500.0"),
        ("{{ 1e16 }}", "1e+16"),
        ("{{ 1e-7 }}", "1e-07"),
        ("{{ 0.1 + 0.2 }}", "0.30000000000000004"),
        ("{{ 'a' 'b' }}", "ab"),
        (#"{{ "a\tb\\\x41\u00e9" }}"#, "a\tb\\Aé"),
        (#"{{ 'a\qb' }}"#, #"a\qb"#),
        (#"{{ '\é' }}"#, #"\xe9"#),
        ("{{ [1, 'a', none, true] }}", "[1, 'a', None, True]"),
        ("{{ (1,) }}", "(1,)"),
        ("{{ () }}", "()"),
        ("{{ 1, 2 }}", "(1, 2)"),
        ("{{ {'a': 1, 'a': 2} }}", "{'a': 2}"),
        ("{{ True and none is none }}", "True"),
    ])
    func literals(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 1 + 2 * 3 }}", "7"),
        ("{{ 7 // -2 }}", "-4"),
        ("{{ -7 // 2 }}", "-4"),
        ("{{ 7 % -3 }}", "-2"),
        ("{{ -7 % 3 }}", "2"),
        ("{{ 7.5 // -2 }}", "-4.0"),
        ("{{ -7.5 % 2 }}", "0.5"),
        ("{{ -6.0 % 3 }}", "0.0"),
        ("{{ 1 / 3 }}", "0.3333333333333333"),
        ("{{ 6 / 3 }}", "2.0"),
        ("{{ 2 ** 10 }}", "1024"),
        ("{{ 2 ** -1 }}", "0.5"),
        ("{{ 2 ** 3 ** 2 }}", "64"),
        ("{{ -2 ** 2 }}", "4"),
        ("{{ 4 ** 0.5 }}", "2.0"),
        ("{{ true + true }}", "2"),
        ("{{ 1 - -1 }}", "2"),
        ("{{ 0.5 // 0.1 }}", "4.0"),
    ])
    func arithmetic(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'a' + 'b' }}", "ab"),
        ("{{ 'a' ~ 1 ~ none ~ 1.0 }}", "a1None1.0"),
        ("{{ 'ab' * 2 }}", "abab"),
        ("{{ 2 * [1] }}", "[1, 1]"),
        ("{{ (0,) * 2 }}", "(0, 0)"),
        ("{{ 'a' * -1 }}", ""),
        ("{{ [1] + [2] }}", "[1, 2]"),
        ("{{ (1,) + (2,) }}", "(1, 2)"),
    ])
    func textAndLists(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 1 < 2 < 3 }}", "True"),
        ("{{ 1 < 3 < 2 }}", "False"),
        ("{{ 1 == 1.0 }}", "True"),
        ("{{ 1 == true }}", "True"),
        ("{{ '1' == 1 }}", "False"),
        ("{{ none == false }}", "False"),
        ("{{ 'a' < 'b' }}", "True"),
        ("{{ 'é' > 'z' }}", "True"),
        ("{{ [1, 2] < [1, 3] }}", "True"),
        ("{{ (1,) == [1] }}", "False"),
        ("{{ {'a': 1} == {'a': 1.0} }}", "True"),
        ("{{ missing == missing }}", "True"),
        ("{{ 9007199254740993 == 9007199254740992.0 }}", "False"),
        ("{{ 9007199254740993 > 9007199254740992.0 }}", "True"),
    ])
    func comparisons(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 1 and 2 }}", "2"),
        ("{{ 0 and 2 }}", "0"),
        ("{{ '' or 'x' }}", "x"),
        ("{{ not [] }}", "True"),
        ("{{ not 1 == 2 }}", "True"),
        ("{{ 1 if 0 else 2 if 0 else 3 }}", "3"),
        ("{{ 1 if 0 }}", ""),
        ("{{ ('a' if 0) is undefined }}", "True"),
        ("{{ 1 or missing.x }}", "1"),
        ("{{ 1 in [1] and 2 not in [1] }}", "True"),
    ])
    func logic(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ {'a': {'b': 1}}.a.b }}", "1"),
        ("{{ {'a': 1}['a'] }}", "1"),
        ("{{ {'a': 1}.b is defined }}", "False"),
        ("{{ [1, 2].0 }}", "1"),
        ("{{ [1, 2][-1] }}", "2"),
        ("{{ [1, 2][9] is defined }}", "False"),
        ("{{ 'aé'[1] }}", "é"),
        ("{{ 'ab'[9] }}", ""),
        ("{{ [1][true] }}", ""),
        ("{{ (5).x }}", ""),
        ("{{ none.x }}", ""),
        ("{{ 'a'.__class__ }}", ""),
    ])
    func members(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'abcd'[1:3] }}", "bc"),
        ("{{ 'abcd'[::-1] }}", "dcba"),
        ("{{ 'abcd'[-2:] }}", "cd"),
        ("{{ 'abcd'[:-9] }}", ""),
        ("{{ [1, 2, 3][::2] }}", "[1, 3]"),
        ("{{ (1, 2, 3)[1:] }}", "(2, 3)"),
        ("{{ 'abcd'[none:none:none] }}", "abcd"),
        ("{{ [1, 2][::9223372036854775807] }}", "[1]"),
        ("{{ 'aé😀'[1:] }}", "é😀"),
        ("{{ [1, 2, 3][2:0:-1] }}", "[3, 2]"),
    ])
    func slices(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 1.0 }}", "1.0"),
        ("{{ -0.0 }}", "-0.0"),
        ("{{ 1e22 }}", "1e+22"),
        ("{{ 123456789012345680.0 }}", "1.2345678901234568e+17"),
        (#"{{ [1.5, 'it\'s', "\""] }}"#, #"[1.5, "it's", '"']"#),
        (#"{{ ['\n\x00\u200b'] }}"#, #"['\n\x00\u200b']"#),
        ("{{ {'a': [none]} }}", "{'a': [None]}"),
        ("{{ [missing] }}", "[Undefined]"),
        ("{{ 1e308 * 10 }}", "inf"),
        ("{{ (1e308 * 10) - (1e308 * 10) }}", "nan"),
    ])
    func printing(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ range(3)|list }}", "[0, 1, 2]"),
        ("{{ namespace(a=1).a }}", "1"),
        ("{{ namespace({'a': 1}, b=2) }}", "<Namespace {'a': 1, 'b': 2}>"),
        ("{{ dict(a=1) }}", "{'a': 1}"),
        ("{{ dict({'a': 1}, b=2) }}", "{'a': 1, 'b': 2}"),
        ("{{ dict([('a', 1)]) }}", "{'a': 1}"),
        ("{{ range is callable }}", "True"),
        ("{{ raise_exception is defined }}", "True"),
        ("{{ strftime_now is defined }}", "True"),
    ])
    func functions(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }
}
