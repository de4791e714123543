import MoedText
import Testing

/// Calls that Jinja2 refuses too: the error is one of the rendering, not a trap and not another text.
struct JinjaRefusalTests {
    @Test(arguments: [
        "{{ 'a'|abs }}",
        "{{ none|abs }}",
        "{{ 5|join }}",
        "{{ 1|length }}",
        "{{ [1]|map('string')|length }}",
        "{{ [1, 'a']|sort }}",
        "{{ [1, none]|min }}",
        "{{ [[1]]|unique|list }}",
        "{{ ['a']|sum }}",
        "{{ ['a']|sum(start='') }}",
        "{{ 5|list }}",
        "{{ 5|items }}",
        "{{ 'ab'|items }}",
        "{{ [1]|dictsort }}",
        "{{ {'a': 1}|dictsort(by='size') }}",
        "{{ 1|indent }}",
        "{{ 'a'|indent(1.5) }}",
        "{{ 'a'|trim(1) }}",
        "{{ 'a'|replace('a') }}",
        "{{ missing|int }}",
        "{{ missing|float }}",
        "{{ missing|tojson }}",
        "{{ [missing]|tojson }}",
        "{{ range(2)|tojson }}",
        "{{ {'a': 1}.keys()|tojson }}",
        "{{ [1]|tojson(separators=[',']) }}",
        "{{ 'a'|upper(1) }}",
        "{{ [1]|join(',', 'a', 'b') }}",
        "{{ [1]|map|list }}",
        "{{ [1]|selectattr }}",
        "{{ 'a'|attr(1) }}",
        "{{ [1, 2]|map('string')|last }}",
    ])
    func filters(source: String) {
        #expect(JinjaCases.render(source).error?.code == .templateFailed)
    }

    @Test(arguments: [
        "{{ 1 / 0 }}",
        "{{ 1 // 0 }}",
        "{{ 1 % 0 }}",
        "{{ 1.0 // 0 }}",
        "{{ 0 ** -1 }}",
        "{{ 10.0 ** 400 }}",
        "{{ 'a' + 1 }}",
        "{{ 1 + 'a' }}",
        "{{ [1] + (2,) }}",
        "{{ none + 1 }}",
        "{{ 'a' * 1.5 }}",
        "{{ 'a' - 'b' }}",
        "{{ -'a' }}",
        "{{ +none }}",
        "{{ 1 < 'a' }}",
        "{{ none < 1 }}",
        "{{ [1] < (1,) }}",
        "{{ {} < {} }}",
        "{{ 1 in 5 }}",
        "{{ 1 in 'a' }}",
        "{{ [1] in {} }}",
        "{{ missing + 1 }}",
        "{{ missing < 1 }}",
        "{{ missing.a }}",
        "{{ missing['a'] }}",
        "{{ missing() }}",
        "{{ missing.a.b }}",
        "{{ 5() }}",
        "{{ 'a'() }}",
    ])
    func operators(source: String) {
        #expect(JinjaCases.render(source).error?.code == .templateFailed)
    }

    @Test(arguments: [
        "{{ 'a'.ljust() }}",
        "{{ 'a'.ljust('5') }}",
        "{{ 'a'.ljust(5, 'xy') }}",
        "{{ 'a'.ljust(5, none) }}",
        "{{ 'a'.ljust(width=5) }}",
        "{{ 'a'.split('') }}",
        "{{ 'a'.split(1) }}",
        "{{ 'a'.partition('') }}",
        "{{ 'a'.replace('a') }}",
        "{{ 'a'.replace(old='a', new='b') }}",
        "{{ 'a'.startswith(1) }}",
        "{{ 'a'.startswith(['a']) }}",
        "{{ 'a'.startswith(prefix='a') }}",
        "{{ 'a'.strip(chars='a') }}",
        "{{ 'a'.find(1) }}",
        "{{ 'a'.index('x') }}",
        "{{ 'a'.rindex('x') }}",
        "{{ ','.join([1]) }}",
        "{{ ','.join(5) }}",
        "{{ 'a'.upper(1) }}",
        "{{ {}.get() }}",
        "{{ {}.get([]) }}",
        "{{ {}.get(key='a') }}",
        "{{ [1].index(2) }}",
        "{{ [1].append(2) }}",
        "{{ {}.update({}) }}",
        "{{ 'a'.nothing() }}",
        "{{ range(1.5) }}",
        "{{ range('a') }}",
        "{{ range() }}",
        "{{ range(1, 2, 0) }}",
        "{{ range(100001) }}",
        "{{ dict(1) }}",
        "{{ dict({}, {}) }}",
        "{{ dict(missing) }}",
        "{{ namespace(1) }}",
        "{{ raise_exception('no') }}",
        "{{ raise_exception() }}",
    ])
    func methods(source: String) {
        #expect(JinjaCases.render(source).error?.code == .templateFailed)
    }

    @Test(arguments: [
        "{{ none is even }}",
        "{{ 1 is divisibleby(0) }}",
        "{{ 1 is divisibleby }}",
        "{{ 1 is eq }}",
        "{{ 1 is eq(other=1) }}",
        "{{ 1 is in(5) }}",
        "{{ 1 is lt('a') }}",
        "{{ 1 is defined(2) }}",
    ])
    func tests(source: String) {
        #expect(JinjaCases.render(source).error?.code == .templateFailed)
    }
}
