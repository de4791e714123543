"""The expressions that are compared: tables by kind. Each is one template `{{ … }}` over `context.json`."""

TEXTS = ["s", "u", "w", "q", "lines", "think", "''", "'ab'", "'ß'", "' x '"]


def each(form, *choices):
    """The form with `$` and `&` replaced by each of the choices."""
    made = [form]
    for mark, values in zip("$&", choices):
        made = [text.replace(mark, value) for text in made for value in values]
    return made


def words(text):
    return [line.strip() for line in text.strip().splitlines()]


GROUPS = {
    "literals": words(r"""
        1
        1_000
        1.5e3
        2e-7
        1e16
        123456789.125
        0.1 + 0.2
        'it''s'
        "a\tb\\n\x41\u00e9\U0001F600\101"
        'a\qb'
        'a\é\漢\😀'
        'line\
        break'
        'a' 'b'
        true, none, 1.0, 'x'
        (1,)
        ()
        []
        {}
        {'a': 1, 'a': 2, "b": [none]}
        True is true and none is None
        007
        1 2
        'open
        0x10
        9223372036854775808
        {1: 2}
        1.
        .5
        """),
    "operators": words(r"""
        1 + 2 * 3 - 4 // 3
        7 // -2, -7 // 2, 7 % -3, -7 % 3
        7.5 // -2, -7.5 % 2, 0.0 // 1, -0.0
        -6.0 % 3, 6.0 % -3, 0.5 // 0.1
        1 / 3, 6 / 3, 7 / -2
        2 ** 10, 2 ** 0.5, 2 ** -1, 4 ** 0.5
        2 ** 3 ** 2
        -2 ** 2
        (-8) ** (1 / 3)
        0 ** -1
        (-1) ** n
        10.0 ** 400
        1 / 0
        1 // 0
        1.0 % 0
        9223372036854775807 + 1
        -9223372036854775807 - 1
        (-9223372036854775807 - 1) // -1
        (-9223372036854775807 - 1) % -1
        -(-9223372036854775807 - 1)
        3037000500 * 3037000500
        10 ** 19
        big + 1
        big / 3
        huge
        huge + 1
        huge == huge, huge > n, huge < 1e30
        -huge
        'a' + 'b' ~ 1 ~ none ~ true ~ 1.0
        'a' + 1
        'a' * 3, 3 * 'a', 'a' * -1, 'ab' * true
        'a' * 2.0
        [1] + [2], (1,) + (2,), [1] * 2, (0,) * 3, [1] * -5
        [1] + (2,)
        'x' * 99999999999
        [1] * 9223372036854775807
        'ab' * 9223372036854775807
        '' * 9223372036854775807
        '%s' % 1
        1 < 2 < 3, 1 < 3 < 2, 3 > 2 >= 2
        1 == 1.0, 1 == true, '1' == 1, none == false
        9007199254740993 == 9007199254740992.0, 9007199254740993 > 9007199254740992.0
        'a' < 'b', 'Z' < 'a', 'é' > 'z', '' < 'a'
        'a' < 1
        none < 1
        [1, 2] < [1, 3], [1] < [1, 0], (1,) < (2,), [] < [1]
        [1] < (1,)
        [1, 'a'] == [1, 'a'], (1,) == [1], {'a': 1} == {'a': 1.0}
        missing == missing, missing == none, missing != 1
        missing < 1
        missing + 1
        missing.x
        missing['x']
        missing()
        -missing
        nil + 1
        1 in xs, 9 in xs, 1.0 in xs, true in xs
        'b' in 'abc', '' in 'abc', 'é' in u
        1 in 'abc'
        'a' in d, 'z' not in d, 1 in d
        [1] in d
        1 in 5
        'x' in missing
        not 1, not '', not [], not missing, not 0.0
        1 and 2, 0 and 2, '' or 'x', none or false, 1 or missing.x
        not 1 == 2, not (true and false)
        'a' if n else 'b', 'a' if z else 'b', 'a' if z
        ('a' if z) is undefined
        1 if 0 else 2 if 0 else 3
        +n, -n, +2.5, -f, +true, -true
        -'a'
        +none
        1 ~ 2 + 3
        n is odd and not n is even
        xs is sequence == true
        """),
    "members": words(r"""
        o.name, o['name'], o.address.city, o['address']['city']
        o.missing, o['missing'], o.missing is defined
        o.missing.more
        d.items, d['items']
        d.a, d.a.1, d['a'][1], d.a[-1], d.a[9]
        xs.0, xs[0], xs[-1], xs[true], xs[-9], xs[9]
        xs['0'], xs[1.0], xs[none]
        s[0], s[-1], s[99], u[8], u[-1]
        s[9223372036854775807], s[-9223372036854775807 - 1], xs[-9223372036854775807 - 1]
        n.x, nil.x, t.x, f[0]
        n.real
        t.numerator
        (2)[1:]
        (true)[1:]
        f.is_integer()
        'a'.nothing, [].nothing, {}.nothing
        'a'.__class__, [].__class__, o.__class__
        [].append(1)
        {}.update({})
        {}.pop
        {}['pop']
        s[1:], s[:-1], s[1:-1], s[::2], s[::-1], s[5:2], s[-3:], u[1:5]
        s[9:0:-2], s[100:], s[:-100], s[none:none:none], s[true:3]
        xs[1:], xs[::-1], xs[-2:], xs[:2], xs[::2], xs[5:]
        xs[::9223372036854775807], xs[::-9223372036854775807], xs[9223372036854775807:], xs[:-9223372036854775807 - 1]
        xs[::-9223372036854775807 - 1]
        (1, 2, 3)[1:], (1, 2, 3)[::-1]
        range(10)[2:8:2], range(10)[::-1], range(10)[3], range(10)[-1], range(10)[99]
        range(5).start, range(2, 9, 3).stop, range(2, 9, 3).step
        xs[::0]
        xs['a':]
        n[1:]
        missing[1:]
        d[1:]
        namespace(a=1).a
        [namespace().x]
        dict(a=namespace()).a.b
        namespace(a=1)
        namespace({'b': 2}, a=1)['b']
        (namespace(x=[1, 2]).x)[1]
        dict(a=1, b='x'), dict({'a': 1}, b=2), dict([('a', 1)]), dict(['xy'])
        dict(1)
        dict(missing)
        dict({}, {})
        {'a': {'b': {'c': 1}}}.a.b.c
        many.k13, many['k14'], many.k15 is defined, 'k07' in many
        """),
    "functions": words(r"""
        range(3), range(1, 4), range(4, 1, -1), range(0), range(0, 10, 3)
        range(3)|list, range(1, 8, 3)|list, range(3, 0, -1)|list, range(-2)|list
        range(3) == range(0, 3), range(3) == [0, 1, 2], range(0) == range(5, 5)
        1 in range(3), 5 in range(3), 1.0 in range(3), range(5).index(3), range(5).count(9)
        range(3)|tojson
        range(3) + [1]
        range(3)|length, range(3)|sum, range(5)|last, range(5)|first, range(3)|reverse|list
        range(1.5)
        range('a')
        range()
        range(1, 2, 0)
        range(100000)|length
        range(100001)
        range(-9223372036854775807, 9223372036854775807)
        range(0, 9223372036854775807, 4611686018427387904)|list
        range(9223372036854775807, -9223372036854775807 - 1, -9223372036854775807)|list
        range(stop=3)
        raise_exception('no')
        raise_exception()
        raise_exception is defined, strftime_now is defined, range is callable
        strftime_now('%Y') == 'x'
        lipsum(0)
        cycler is defined
        d.keys(), d.values(), d.items(), many.keys()|length
        d.keys()[0], d.keys()|list, d.keys()|first, d.items()|first, d.values()|last
        'a' in d.keys(), 1 in d.values(), ('b', 1) in d.items()
        d.keys()|tojson
        d.items() == d.items()
        d.keys() is sequence, d.keys() is iterable, range(2) is sequence, d.items() is mapping
        d.get('a'), d.get('z'), d.get('z', 9), d.get(1), d.get('C', default=1)
        d.get([])
        d.get()
        d.copy(), xs.copy(), d.copy() == d
        xs.index(1), xs.count(1), xs.count(9), xs.index(1, 2), xs.index(1, -1), (1, 2).index(2), [1, 1.0, true].count(1)
        xs.index(9)
        xs.index(1, 2, 3)
        """),
}

GROUPS["filters"] = (
    each("$|&", TEXTS, ["upper", "lower", "title", "capitalize", "trim", "length", "list", "reverse", "tojson", "indent",
                        "replace('a', 'X')", "first", "last", "int", "d('x', true)", "string"])
    + each("$|&", ["n", "f", "nil", "t", "xs", "d", "missing", "o", "range(3)"],
           ["upper", "trim", "length", "list", "tojson", "int", "float", "abs", "string", "default('x')", "d('x', true)", "first",
            "last", "join(',')", "reverse|list", "sort", "items|list"])
    + each("$|&", ["xs", "ys", "fs", "mixed", "none_of_it", "pairs", "objs", "nested"],
           ["sum", "min", "max", "sort", "sort(reverse=true)", "unique|list", "join", "join('-')", "tojson", "map('string')|list",
            "select|list", "reject|list"])
    + each("$|tojson(&)", ["mixed", "o", "d", "none_of_it"],
           ["indent=2", "indent=0", "indent=-1", "indent='--'", "separators=(',', ':')", "ensure_ascii=true", "sort_keys=true",
            "indent=1, separators=('; ', '=')", "true, 1"])
    + each("'$'|int, '$'|float", ["12", "-7", "+5", " 8 ", "1.9", "-1.9", "1e3", "1_000", "_1", "1__0", "inf", "nan", "٣٤", "0x1F", "",
                                  "a", "1.", ".5", "1e", "9223372036854775807", "-9223372036854775808", "0b11", "1 2", "--1", "+-1"])
    + words(r"""
        '9223372036854775808'|int
        'ff'|int(base=16), '0xff'|int(0, 16), '0o17'|int(0, 0), '0b11'|int(0, 2), 'z'|int(7, 36), '12'|int(5, 2), '010'|int(9, 0), '0_7'|int(9, 0)
        'x'|int(5), 'x'|int('none'), nil|int(3), xs|int(3), 2.9|int, -2.9|int, true|int
        'x'|float(2), nil|float(3), 2|float, true|float
        1e300|int
        (1e308 * 10)|int
        missing|int
        missing|float
        -5|abs, (-2.5)|abs, true|abs, huge|abs
        'a'|abs
        huge|int, huge|float, huge|string, huge|tojson
        missing|default, missing|default('x'), ''|default('x'), ''|default('x', true), nil|d('y'), nil|d('y', boolean=true)
        missing|default(default_value='k')
        missing|tojson
        xs|sort|join, ys|sort, ys|sort(case_sensitive=true), ys|sort(true)
        mixed|sort
        objs|sort(attribute='name')|map(attribute='name')|list
        objs|sort(attribute='age,name')|map(attribute='name')|list
        objs|sort(attribute='missing')|length
        objs|sort(reverse=true, attribute='age')|map(attribute='name')|list
        objs|map(attribute='age')|sum, objs|sum(attribute='age'), objs|sum('age', 10), fs|sum(start=1)
        ys|sum
        [[1], [2]]|sum(start=[])
        ['a']|sum(start='')
        objs|map(attribute='on')|list, objs|map(attribute='on', default='?')|list, objs|map(attribute='on', default=none)|list
        objs|map(attribute='on.x', default='?')|list
        pairs|map(attribute=1)|list, pairs|map(attribute='0')|list, nested|map('first')|list, nested|map('last')|list
        ys|map('upper')|join, ys|map('replace', 'a', 'z')|list, ys|map('default', 'x')|list
        ys|map('nothing')|list
        ys|map|list
        nil|map('upper')|list, z|select|list, nil|selectattr('x')|list
        n|map('upper')|list
        xs|select('odd')|list, xs|reject('odd')|list, xs|select('gt', 1)|list, xs|select('in', [1, 2])|list, xs|select('divisibleby', 3)|list
        xs|select('nothing')|list
        objs|selectattr('on')|map(attribute='name')|list, objs|rejectattr('on')|map(attribute='name')|list
        objs|selectattr('age', 'equalto', 3)|map(attribute='name')|list, objs|selectattr('on', 'defined')|list|length
        objs|selectattr('name', 'in', ['bob'])|map(attribute='age')|first
        messages|selectattr('role', '==', 'user')|map(attribute='content')|join
        messages|rejectattr('role', 'equalto', 'system')|list|length
        messages|map(attribute='tool_calls')|select('defined')|first|first
        xs|map('string')
        xs|select|length
        xs|reverse, xs|reverse|first
        xs|first, none_of_it|first, none_of_it|last, none_of_it|min, none_of_it|max, d|first, d|last
        ys|min, ys|max, ys|min(true), objs|min(attribute='age'), objs|max(attribute='name')
        mixed|min
        xs|unique|list, ['a', 'A', 'b']|unique|list, ['a', 'A']|unique(true)|list, objs|unique(attribute='age')|map(attribute='name')|list, [1, 1.0, true]|unique|list
        nested|unique|list
        xs|join, xs|join(', '), objs|join('/', attribute='name'), 'abc'|join('.'), [none, true, 1.5, missing]|join(' '), xs|join(0), d|join(',')
        n|join
        d|dictsort, d|dictsort(true), d|dictsort(reverse=true), many|dictsort|first
        {'a': 2, 'b': 1}|dictsort(by='value'), {'a': 2, 'b': 1}|dictsort(false, 'value', true)
        d|dictsort(by='value')
        d|dictsort(by='size')
        xs|dictsort
        d|items|list, missing|items|list
        xs|items
        lines|indent, lines|indent(2), lines|indent(2, true), lines|indent(2, blank=true), lines|indent('> '), lines|indent(width=1, first=true), lines|indent(-3), lines|indent(0)
        n|indent
        s|indent(1.5)
        s|indent(none)
        'x'|indent(-4000000000000), 'x'|indent(-9223372036854775807 - 1)
        'x'|indent(4000000000000)
        s|replace('l', 'L', 1), s|replace('l', 'L', -1), s|replace('l', 'L', 0), s|replace('', '.'), s|replace('', '.', 3), n|replace(7, 8), s|replace('o', none)
        s|replace('l', 'L', none)
        s|replace('l')
        s|replace('l', 'L', 'x')
        w|trim, 'xxaxx'|trim('x'), 'abcba'|trim('ab'), n|trim, w|trim(none), '  '|trim('')
        s|trim(1)
        o|attr('name'), s|attr('upper') is callable, o|attr('keys') is callable, namespace(a=1)|attr('a'), s|attr('__class__')
        o|attr(1)
        o|attr('items')|attr('name')
        [] in d.keys()
        ([], 1) in d.items()
        [([],) in d.items(), [] in d.items(), [] in d.values(), ('b', 1) in d.items(), 'b' in d.keys()]
        'a b-c(d e[f{g<h'|title, 'ǆ éa ß'|title, "they're"|title, 'ABC'|capitalize, 'ǆx'|capitalize, 'ΑΣ ΑΣΑ'|lower, 'ﬁß'|upper
        '<b>&'|safe, ('<b>'|safe)|string, '<b>'|safe is string
        ('<b>'|safe) ~ '<i>'
        ('<b>'|safe)|upper
        'x'.replace('x', '<'|safe)
        'x'|nothing
        'x'|round
        1.55|round(1)
        's'|center(9)
        's'|upper(1)
        xs|length(1)
        xs|join(',', 'a', 'b')
        xs|tojson(2)
        xs|tojson(indent='x' * 3)
        xs|tojson(indent=1.5)
        [1]|tojson(indent=1001)|length, xs|tojson(indent=false), xs|tojson(indent=true)
        xs|tojson(indent=9223372036854775807)
        xs|tojson(separators=[','])
        {'é': '漢\u2028\x01\x7f</a>&\'"\\'}|tojson, '😀'|tojson(ensure_ascii=true)
        [1.0, 1e16, 1e-7, -0.0, 1e22, 123456789012345678.0]|tojson
        (1e308 * 10)|tojson, (-1e308 * 10)|tojson, ((1e308 * 10) - (1e308 * 10))|tojson
        (1e308 * 10), -(1e308 * 10), (1e308 * 10) - (1e308 * 10)
        range(3)|tojson
        s.upper|tojson
        [missing]
        [s.upper]
        q, [q], ["it's"], ['"'], ['\x00\x7f\u00ad\u200b\n'], ('é', '😀', 'ﬁ')
        """)
)

GROUPS["tests"] = (
    each("$ is &", ["s", "n", "f", "t", "nil", "xs", "d", "missing", "(1, 2)", "''", "range(2)", "range", "huge"],
         ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "sequence",
          "iterable", "callable"])
    + words(r"""
        3 is odd, 4 is odd, 4 is even, -1 is odd, 2.0 is even, true is odd
        'a' is odd
        nil is even
        10 is divisibleby(5), 10 is divisibleby 3, 7.5 is divisibleby(2.5), 0 is divisibleby(3)
        10 is divisibleby(0)
        10 is divisibleby
        1 is eq(1), 1 is eq 2, 1 is equalto(1.0), 1 is ne(2), 1 is lt(2), 1 is lessthan(2), 1 is le(1), 1 is gt(0), 1 is greaterthan(0), 1 is ge(2)
        1 is eq(other=1)
        1 is sameas(1)
        1 is sameas(true), true is sameas(true), none is sameas(none), true is sameas true, false is sameas(none)
        1 is in([1, 2]), 'a' is in('abc'), 'a' is in(d), 3 is not in([1])
        'A' is upper, 'a' is lower, 'a1' is lower, '1' is lower, 'Aa' is upper, n is lower, 'ǅ' is upper
        'upper' is filter, 'nothing' is filter, 'odd' is test, 'nothing' is test
        n is not odd, n is not none, missing is not defined
        n is odd is true
        n is nothing
        s is string and n is number or x is defined
        o.name is defined and o.missing is not defined
        (n is odd) == true, not n is odd
        n is defined if t else 1
        n in [n] is true
        namespace() is mapping, namespace() is iterable, loop is defined, s.upper is callable
        """)
)

GROUPS["methods"] = (
    each("$.&", TEXTS, ["upper()", "lower()", "capitalize()", "title()", "strip()", "lstrip()", "rstrip()", "split()", "rsplit()", "splitlines()",
                        "splitlines(true)", "isupper()", "islower()", "isspace()", "isdigit()", "isalpha()", "isalnum()", "isnumeric()",
                        "isdecimal()", "isascii()"])
    + each("'a-b--c-'.&", [""], ["split('-')", "split('-', 1)", "rsplit('-', 1)", "split('--')", "split('-', -1)", "split('-', 0)", "split('x')",
                                 "split(sep='-', maxsplit=2)", "partition('-')", "rpartition('-')", "partition('x')", "rpartition('x')",
                                 "replace('-', '+')", "replace('-', '', 2)", "replace('', '.')", "replace('', '.', 2)", "replace('-', '+', -3)",
                                 "find('b')", "find('x')", "rfind('-')", "find('-', 2)", "find('-', -3)", "rfind('-', 0, 4)", "find('', 99)",
                                 "find('', 8)", "index('c')", "count('-')", "count('')", "count('-', 3)", "count('-', 2, 4)", "count('', 9)",
                                 "startswith('a')", "startswith('b', 2)", "startswith(('x', 'a'))", "endswith('-')", "endswith('c', 0, -1)",
                                 "startswith('')", "startswith('', 9)", "endswith(('x',))", "removeprefix('a-')", "removeprefix('x')",
                                 "removesuffix('-')", "removesuffix('')", "strip('-a')", "lstrip('a')", "rstrip('-')", "strip('')", "strip(none)",
                                 "ljust(12)", "rjust(12, '.')", "center(12, '*')", "center(11)", "zfill(12)", "ljust(3)", "ljust(-5)", "zfill(-1)"])
    + words(r"""
        'ab'.ljust(-9223372036854775807 - 1), 'ab'.rjust(-9223372036854775807 - 1), 'ab'.center(-9223372036854775807 - 1), 'ab'.zfill(-9223372036854775807 - 1)
        'ab'.ljust(9223372036854775807)
        'ab'.center(9223372036854775807)
        'ab'.zfill(9223372036854775807)
        '+7'.zfill(5), '-7'.zfill(5), '7'.zfill(true), ''.zfill(2), 'é'.center(4, '漢')
        'a'.ljust(5, 'xy')
        'a'.ljust(1, 'xy')
        'a'.ljust(5, none)
        'a'.ljust()
        'a'.ljust('5')
        'a'.ljust(width=5)
        'a'.split('')
        'a'.partition('')
        'a'.split(1)
        'a'.split('a', 'b')
        'a'.replace('a')
        'a'.replace(old='a', new='b')
        'a'.startswith(prefix='a')
        'a'.startswith(1)
        'a'.startswith(['a'])
        'a'.strip(chars='a')
        'a'.find(1)
        'a'.index('x')
        'a'.rindex('x')
        'a'.join(xs)
        ','.join(ys), ','.join('abc'), ','.join([]), ''.join(d), ','.join(('x',)), ','.join(ys|map('upper'))
        ','.join(missing), ','.join([missing])
        ','.join(5)
        u.find('漢'), u.index('ﬁ'), u.rfind('ü'), u.count('ü'), u[u.find('漢'):], u.split('ü')
        think.split('</think>')[-1].lstrip('\n'), think.split('</think>')[0].split('<think>')[-1].strip()
        'a,b,,c'.split(','), ' a  b '.split(' '), ' a  b '.split(none, 1), ' a  b '.rsplit(none, 1), 'aXbXc'.rsplit('X', 1)
        'ab\x0bc\x1cd\x85e\u2028f\r\ng\n'.splitlines(), 'a\n\nb'.splitlines(true), 'a\n'.splitlines(keepends=true)
        'İ'.lower(), 'ß'.upper(), 'ǆ'.title(), 'ǆ'.capitalize(), "they're bill's".title(), 'ΣΑΣ'.lower(), 'ﬃ'.upper(), 'ŉa'.upper()
        '²'.isdigit(), '²'.isdecimal(), '½'.isnumeric(), '٣'.isdecimal(), 'ª'.isalpha(), 'ǅ'.isupper(), 'Ⅷ'.isnumeric(), '一'.isnumeric()
        'x'.upper(1)
        'x'.swapcase()
        'x'.format()
        '{}'.format(1)
        'x'.encode()
        'x'.nothing()
        'x'.upper
        'x'.upper is lower, d['items'] is lower
        s.upper() == s|upper, s.upper is callable
        """)
)


def all_sources():
    seen = {}
    for group, expressions in GROUPS.items():
        for expression in expressions:
            seen.setdefault("{{ " + expression + " }}", group)
    return [{"group": group, "source": source} for source, group in seen.items()]
