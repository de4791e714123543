import MoedText
import Testing

/// Every method of strings, lists, dictionaries and ranges: a table of templates and what Jinja2 3.1 prints.
struct JinjaMethodTests {
    @Test(arguments: [
        ("{{ [' a '.strip(), ' a '.lstrip(), ' a '.rstrip()] }}", "['a', 'a ', ' a']"),
        ("{{ ['xaxb'.strip('xb'), 'xax'.lstrip('x'), 'xax'.rstrip('x')] }}", "['a', 'ax', 'xa']"),
        ("{{ ' a '.strip(none) }}", "a"),
        ("{{ 'a'.strip('') }}", "a"),
    ])
    func strip(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'a,b,,c'.split(',') }}", "['a', 'b', '', 'c']"),
        ("{{ 'a,b,c'.split(',', 1) }}", "['a', 'b,c']"),
        ("{{ 'a,b,c'.rsplit(',', 1) }}", "['a,b', 'c']"),
        ("{{ ' a  b '.split() }}", "['a', 'b']"),
        ("{{ ' a  b '.split(' ') }}", "['', 'a', '', 'b', '']"),
        ("{{ ' a  b c '.split(none, 1) }}", "['a', 'b c ']"),
        ("{{ ' a  b c '.rsplit(none, 1) }}", "[' a  b', 'c']"),
        ("{{ 'a'.split('x') }}", "['a']"),
        ("{{ ''.split() }}", "[]"),
        ("{{ ''.split(',') }}", "['']"),
        ("{{ 'a,b'.split(sep=',', maxsplit=0) }}", "['a,b']"),
        ("{{ 'aXbX'.split('X', -1) }}", "['a', 'b', '']"),
    ])
    func split(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        (#"{{ 'a\nb\r\nc\rd\u2028e\x0bf'.splitlines() }}"#, "['a', 'b', 'c', 'd', 'e', 'f']"),
        (#"{{ 'a\n\nb\n'.splitlines(true) }}"#, #"['a\n', '\n', 'b\n']"#),
        ("{{ ''.splitlines() }}", "[]"),
    ])
    func splitlines(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'a-b-c'.partition('-') }}", "('a', '-', 'b-c')"),
        ("{{ 'a-b-c'.rpartition('-') }}", "('a-b', '-', 'c')"),
        ("{{ 'abc'.partition('-') }}", "('abc', '', '')"),
        ("{{ 'abc'.rpartition('-') }}", "('', '', 'abc')"),
    ])
    func partition(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'abc'.startswith('ab') }}", "True"),
        ("{{ 'abc'.startswith(('x', 'a')) }}", "True"),
        ("{{ 'abc'.startswith('b', 1) }}", "True"),
        ("{{ 'abc'.startswith('', 3) }}", "True"),
        ("{{ 'abc'.startswith('', 4) }}", "False"),
        ("{{ 'abc'.endswith('bc') }}", "True"),
        ("{{ 'abc'.endswith('b', 0, -1) }}", "True"),
        ("{{ 'abc'.removeprefix('ab') }}", "c"),
        ("{{ 'abc'.removesuffix('c') }}", "ab"),
        ("{{ 'abc'.removeprefix('x') }}", "abc"),
        ("{{ 'abc'.removesuffix('') }}", "abc"),
    ])
    func affixes(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'aXbX'.replace('X', '-') }}", "a-b-"),
        ("{{ 'aXbX'.replace('X', '-', 1) }}", "a-bX"),
        ("{{ 'ab'.replace('', '.') }}", ".a.b."),
        ("{{ 'ab'.replace('', '.', 2) }}", ".a.b"),
        ("{{ ''.replace('', 'x') }}", "x"),
        ("{{ 'aaa'.replace('aa', 'b') }}", "ba"),
        ("{{ 'ab'.replace('b', '', 0) }}", "ab"),
    ])
    func replace(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'aébé'.find('é') }}", "1"),
        ("{{ 'aébé'.rfind('é') }}", "3"),
        ("{{ 'abc'.find('x') }}", "-1"),
        ("{{ 'abc'.find('') }}", "0"),
        ("{{ 'abc'.rfind('') }}", "3"),
        ("{{ 'abcabc'.find('b', 2) }}", "4"),
        ("{{ 'abcabc'.rfind('b', 0, 4) }}", "1"),
        ("{{ 'abc'.find('', 4) }}", "-1"),
        ("{{ 'abc'.find('c', -1) }}", "2"),
        ("{{ 'abc'.index('c') }}", "2"),
        ("{{ 'abca'.rindex('a') }}", "3"),
    ])
    func find(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'ababab'.count('ab') }}", "3"),
        ("{{ 'aaa'.count('aa') }}", "1"),
        ("{{ 'abc'.count('') }}", "4"),
        ("{{ 'ababab'.count('ab', 1) }}", "2"),
        ("{{ 'ababab'.count('ab', 0, 4) }}", "2"),
        ("{{ 'abc'.count('', 9) }}", "0"),
    ])
    func count(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ ', '.join(['a', 'b']) }}", "a, b"),
        ("{{ '-'.join('abc') }}", "a-b-c"),
        ("{{ ''.join([]) }}", ""),
        ("{{ ','.join({'k': 1}) }}", "k"),
        ("{{ ','.join(('a',)) }}", "a"),
    ])
    func join(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        (
            "{{ ['ab'.ljust(4), 'ab'.rjust(4), 'ab'.center(4), 'ab'.zfill(4)] }}",
            "['ab  ', '  ab', ' ab ', '00ab']"
        ),
        (
            "{{ ['ab'.ljust(5, '.'), 'ab'.rjust(5, 'é'), 'ab'.center(5, '*'), 'a'.center(4, '*')] }}",
            "['ab...', 'éééab', '**ab*', '*a**']"
        ),
        ("{{ ['-7'.zfill(4), '+7'.zfill(4), ''.zfill(2)] }}", "['-007', '+007', '00']"),
        ("{{ ['ab'.ljust(1), 'ab'.rjust(-9223372036854775807 - 1), 'ab'.zfill(-1)] }}", "['ab', 'ab', 'ab']"),
    ])
    func padding(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        (
            #"{{ ['aB'.upper(), 'aB'.lower(), 'aB c'.capitalize(), "ab they're".title()] }}"#,
            #"['AB', 'ab', 'Ab c', "Ab They'Re"]"#
        ),
        ("{{ ['ß'.upper(), 'ǆ'.title(), 'ΑΣ'.lower(), 'İ'.lower()|length] }}", "['SS', 'ǅ', 'ας', 2]"),
    ])
    func cases(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        (
            "{{ ['AB'.isupper(), 'aB'.isupper(), 'ab1'.islower(), '1'.islower()] }}",
            "[True, False, True, False]"
        ),
        (
            #"{{ [' \n'.isspace(), ''.isspace(), 'ab'.isascii(), 'é'.isascii(), ''.isascii()] }}"#,
            "[True, False, True, False, True]"
        ),
        (
            "{{ ['12'.isdigit(), '²'.isdigit(), '²'.isdecimal(), '½'.isnumeric(), '٣'.isdecimal()] }}",
            "[True, True, False, True, True]"
        ),
        (
            "{{ ['aé'.isalpha(), 'a1'.isalpha(), 'a1'.isalnum(), 'a_'.isalnum(), ''.isalnum()] }}",
            "[True, False, True, False, False]"
        ),
    ])
    func characters(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ {'a': 1}.get('a') }}", "1"),
        ("{{ {'a': 1}.get('b') }}", "None"),
        ("{{ {'a': 1}.get('b', 2) }}", "2"),
        ("{{ {'a': 1}.get(1, 'x') }}", "x"),
        ("{{ {'a': 1}.keys() }}", "dict_keys(['a'])"),
        ("{{ {'a': 1}.values() }}", "dict_values([1])"),
        ("{{ {'a': 1}.items() }}", "dict_items([('a', 1)])"),
        ("{{ {'a': 1}.copy() }}", "{'a': 1}"),
        ("{{ {'items': 1}.items is callable }}", "True"),
        ("{{ {'items': 1}['items'] }}", "1"),
        ("{{ {'a': 1}.keys()|list }}", "['a']"),
        ("{{ {'a': 1}.items()|first }}", "('a', 1)"),
        ("{{ 'a' in {'a': 1}.keys() }}", "True"),
        ("{{ {}.items()|length }}", "0"),
        ("{{ {'a': 1}.keys()[0] }}", ""),
    ])
    func ofDictionaries(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [1, 2, 1].index(1) }}", "0"),
        ("{{ [1, 2, 1].index(1, 1) }}", "2"),
        ("{{ [1, 2, 1].count(1) }}", "2"),
        ("{{ (1, 2).index(2) }}", "1"),
        ("{{ (1, 1.0, true).count(1) }}", "3"),
        ("{{ [1].copy() }}", "[1]"),
    ])
    func ofLists(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ range(3) }}", "range(0, 3)"),
        ("{{ range(1, 9, 3) }}", "range(1, 9, 3)"),
        ("{{ range(3, 0, -1)|list }}", "[3, 2, 1]"),
        ("{{ range(5)[1:3] }}", "range(1, 3)"),
        ("{{ range(5)[::-1] }}", "range(4, -1, -1)"),
        ("{{ range(5)[9] }}", ""),
        ("{{ range(3) == range(0, 3, 1) }}", "True"),
        ("{{ range(3) == [0, 1, 2] }}", "False"),
        ("{{ range(5).index(3) }}", "3"),
        ("{{ range(5).count(9) }}", "0"),
        ("{{ range(2, 9, 3).stop }}", "9"),
        ("{{ 2 in range(3) }}", "True"),
    ])
    func ofRanges(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }
}
