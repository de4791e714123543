import MoedText
import Testing

extension JinjaFilterTests {
    @Test(arguments: [
        ("{{ [1, 3, 2]|max }}", "3"),
        ("{{ ['a', 'B']|max }}", "B"),
        ("{{ ['a', 'B']|max(true) }}", "a"),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|max(attribute='a') }}",
            "{'n': 'Al', 'a': 30}"
        ),
        ("{{ []|max }}", ""),
    ])
    func max(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [1, 3, 2]|min }}", "1"),
        ("{{ ['a', 'B']|min }}", "a"),
        ("{{ ['a', 'B']|min(case_sensitive=true) }}", "B"),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|min(attribute='n') }}",
            "{'n': 'Al', 'a': 30}"
        ),
        ("{{ []|min }}", ""),
    ])
    func min(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [0, 1, 2]|reject|list }}", "[0]"),
        ("{{ [1, 2, 3]|reject('odd')|list }}", "[2]"),
        ("{{ [1, 2, 3]|reject('gt', 1)|list }}", "[1]"),
    ])
    func reject(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|rejectattr('a', 'equalto', 3)|map(attribute='n')|list }}",
            "['Al']"
        ),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|rejectattr('z')|list|length }}",
            "3"
        ),
    ])
    func rejectattr(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'aXbX'|replace('X', '-') }}", "a-b-"),
        ("{{ 'aXbX'|replace('X', '-', 1) }}", "a-bX"),
        ("{{ 'ab'|replace('', '.') }}", ".a.b."),
        ("{{ 12|replace(1, 3) }}", "32"),
        ("{{ 'ab'|replace('', '.', 2) }}", ".a.b"),
        ("{{ 'aa'|replace('a', '', -1) }}", ""),
    ])
    func replace(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'aé😀'|reverse }}", "😀éa"),
        ("{{ [1, 2]|reverse|list }}", "[2, 1]"),
        ("{{ {'k': 1, 'l': 2}|reverse|list }}", "['l', 'k']"),
        ("{{ [1, 2]|map('string')|reverse }}", "['2', '1']"),
        ("{{ range(3)|reverse|first }}", "2"),
    ])
    func reverse(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ '<b>'|safe }}", "<b>"),
        ("{{ '<b>'|safe|string }}", "<b>"),
        ("{{ 12|safe }}", "12"),
        ("{{ ('<b>'|safe) == '<b>' }}", "True"),
        ("{{ '<b>'|safe is string }}", "True"),
    ])
    func safe(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [0, 1, 2]|select|list }}", "[1, 2]"),
        ("{{ [1, 2, 3]|select('odd')|list }}", "[1, 3]"),
        ("{{ [1, 'a', none]|select('string')|list }}", "['a']"),
        ("{{ [1, 2]|select('in', [2, 3])|list }}", "[2]"),
    ])
    func select(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|selectattr('a', 'gt', 3)|map(attribute='n')|list }}",
            "['Al']"
        ),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|selectattr('a')|list|length }}",
            "3"
        ),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|selectattr('z', 'defined')|list }}",
            "[]"
        ),
    ])
    func selectattr(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [3, 1, 2]|sort }}", "[1, 2, 3]"),
        ("{{ ['b', 'A', 'c']|sort }}", "['A', 'b', 'c']"),
        ("{{ ['b', 'A', 'c']|sort(case_sensitive=true) }}", "['A', 'b', 'c']"),
        ("{{ [3, 1, 2]|sort(reverse=true) }}", "[3, 2, 1]"),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|sort(attribute='a')|map(attribute='n')|list }}",
            "['bob', 'cy', 'Al']"
        ),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|sort(attribute='a,n')|map(attribute='n')|list }}",
            "['bob', 'cy', 'Al']"
        ),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|sort(reverse=true, attribute='a')|map(attribute='n')|list }}",
            "['Al', 'bob', 'cy']"
        ),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|sort(attribute='z')|map(attribute='n')|list }}",
            "['bob', 'Al', 'cy']"
        ),
        ("{{ 'bca'|sort }}", "['a', 'b', 'c']"),
        ("{{ [[2], [1]]|sort }}", "[[1], [2]]"),
    ])
    func sort(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 12|string }}", "12"),
        ("{{ none|string }}", "None"),
        ("{{ [1, 'a']|string }}", "[1, 'a']"),
        ("{{ missing|string ~ '.' }}", "."),
        ("{{ 1.0|string }}", "1.0"),
        ("{{ {'a': true}|string }}", "{'a': True}"),
    ])
    func string(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [1, 2, 3]|sum }}", "6"),
        ("{{ [1.5, 2]|sum }}", "3.5"),
        ("{{ []|sum }}", "0"),
        ("{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|sum('a') }}", "36"),
        ("{{ [1]|sum(start=10) }}", "11"),
        ("{{ [[1], [2]]|sum(start=[]) }}", "[1, 2]"),
    ])
    func sum(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'a b-c (d [e {f <g'|title }}", "A B-C (D [E {F <G"),
        (#"{{ "they're ÀB"|title }}"#, "They're Àb"),
        ("{{ ''|title }}", ""),
    ])
    func title(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        (#"{{ {'a': [1, 1.0, none, true, 'é"\\\n']}|tojson }}"#, #"{"a": [1, 1.0, null, true, "é\"\\\n"]}"#),
        ("{{ []|tojson }}", "[]"),
        ("{{ {}|tojson(indent=2) }}", "{}"),
        ("{{ [1, [2]]|tojson(indent=2) }}", "[\n  1,\n  [\n    2\n  ]\n]"),
        (
            "{{ {'b': 1, 'a': {'c': []}}|tojson(indent='-', sort_keys=true) }}",
            "{\n-\"a\": {\n--\"c\": []\n-},\n-\"b\": 1\n}"
        ),
        ("{{ [1, {'a': 2}]|tojson(separators=(',', ':')) }}", #"[1,{"a":2}]"#),
        ("{{ 'é😀'|tojson(ensure_ascii=true) }}", #""\u00e9\ud83d\ude00""#),
        (#"{{ '</a>&\u2028\x7f\x01'|tojson }}"#, "\"</a>&\u{2028}\u{7F}\\u0001\""),
        ("{{ (1, 2)|tojson }}", "[1, 2]"),
        ("{{ [1e16, 1e-7, -0.0]|tojson }}", "[1e+16, 1e-07, -0.0]"),
    ])
    func tojson(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        (#"{{ '  a b \n'|trim }}"#, "a b"),
        ("{{ 'xxaxx'|trim('x') }}", "a"),
        ("{{ 12|trim }}", "12"),
        (#"{{ '\u2003a\u00a0'|trim }}"#, "a"),
    ])
    func trim(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ [1, 2, 1]|unique|list }}", "[1, 2]"),
        ("{{ ['a', 'A', 'b']|unique|list }}", "['a', 'b']"),
        ("{{ ['a', 'A']|unique(true)|list }}", "['a', 'A']"),
        (
            "{{ [{'n': 'bob', 'a': 3}, {'n': 'Al', 'a': 30}, {'n': 'cy', 'a': 3}]|unique(attribute='a')|map(attribute='n')|list }}",
            "['bob', 'Al']"
        ),
        ("{{ [1, 1.0, true]|unique|list }}", "[1]"),
    ])
    func unique(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    @Test(arguments: [
        ("{{ 'ßéﬁ'|upper }}", "SSÉFI"),
        ("{{ 12|upper }}", "12"),
        ("{{ none|upper }}", "NONE"),
    ])
    func upper(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }
}
