import MoedCore
import MoedText
import Synchronization
import Testing

/// A template comes from the internet: no text of it may stop the process, hold it or take its memory.
struct JinjaLimitTests {
    /// Arguments are evaluated before a call sees the interpreter.
    @Test(arguments: [
        ("{{ namespace(a=1).a }}", "1"), ("{{ [namespace().x] }}", "[Undefined]"),
        ("{{ dict(a=namespace()).a.b }}", ""), ("{{ namespace(a=namespace(b=2)).a.b }}", "2"),
        ("{{ namespace(a=[1, 2]).a[namespace(i=1).i] }}", "2"), ("{{ -namespace(a=1).a }}", "-1"),
        ("{{ namespace(a='xyz').a[namespace(i=1).i:] }}", "yz"), ("{{ ([1]|map('string')|list)[0] }}", "1"),
        (
            "{% set ns = namespace(x='old') %}{% macro m() %}{% set ns.x = 'new' %}x{% endmacro %}{{ ns[m()] }}",
            "new"
        ),
    ])
    func argumentsComeFirst(source: String, expected: String) {
        #expect(JinjaCases.render(source).text() == expected)
    }

    /// Every number of a template may be the lowest or the highest one.
    @Test(arguments: ["-9223372036854775807 - 1", "-9223372036854775807", "9223372036854775807", "0", "-1"])
    func extremeNumbers(number: String) {
        for form in [
            "'ab'.ljust(N)", "'ab'.rjust(N)", "'ab'.center(N)", "'ab'.zfill(N)", "'ab'|indent(N)",
            "'ab' * (N)", "[1] * (N)",
            "'ab'[N]", "[1][N]", "'ab'[N:]", "'ab'[:N]", "'ab'[::N]", "[1, 2][N:N:N]", "range(N)",
            "range(0, N)", "range(N, 0)",
            "range(0, 9, N)", "range(N, N, N)", "range(9)[N:N:N]", "'ab'.split('a', N)",
            "'ab'.rsplit(none, N)",
            "'ab'.replace('a', 'b', N)", "'ab'|replace('a', 'b', N)", "'ab'.find('b', N)",
            "'ab'.count('b', N, N)",
            "'ab'.startswith('b', N, N)", "[1].index(1, N, N)", "[1]|tojson(indent=N)", "(N) ** 2",
            "2 ** (N)", "(N) // -1",
            "(N) % -1", "(N) % 7", "-(N)", "(N)|abs", "(N) + (N)", "(N) - (N)", "(N) * (N)", "(N) / 3",
            "(N)|float", "'1'|int(0, N)",
            "[N, 1.5]|sum", "[N, 1.5]|sort", "(N) == 1.5", "(N) is divisibleby(-1)", "(N) is odd",
            "[[1]]|map(attribute=N)|list",
            "{'a': 1}[N]", "loop.cycle(N)", "'%c' % (N)",
        ] {
            // Each of these has a result or an error; a trap would end the process.
            _ = JinjaCases.render("{{ \(form.replacing("N", with: number)) }}")
        }
        #expect(JinjaCases.render("{{ 'ab'.ljust(-9223372036854775807 - 1) }}").text() == "ab")
        #expect(JinjaCases.render("{{ 'ab'|indent(-9223372036854775807 - 1) }}").text() == "ab")
    }

    /// A thousandth of a daemon's limits, so that a test comes to them at once.
    private static let small = {
        var limits = JinjaCases.unclocked
        limits.bytes = 1 << 19
        limits.steps = 20_000
        return limits
    }()

    /// Memory is never given back by a number below zero.
    @Test func negativeWidthsRefundNothing() {
        let source =
            "{{ 'x'|indent(-4000000000000) }}{{ 'x'.ljust(-4000000000000) }}{{ 'x' * -4000000000000 }}"
        #expect(JinjaCases.render(source).text() == "xx")
        let error = JinjaCases.render(source + "{{ ('y' * 400000)|trim }}", limits: Self.small).error
        #expect(error?.reason == "more than 524288 bytes of text and lists")
        // The daemon's limit holds too.
        #expect(JinjaCases.render(source + "{{ 'x' * 600000000 }}").error?.code == .limitExceeded)
        #expect(JinjaCases.render("{{ 'x'|indent(4000000000000) }}").error?.code == .limitExceeded)
    }

    /// Memory is paid for before it is filled: each of these would write more than is allowed.
    @Test(arguments: [
        "range(1000)|list|tojson(separators=['x' * 50000, ''])",
        "range(1000)|list|tojson(indent='x' * 50000)",
        "dict(a=1, b=2)|tojson(separators=['', 'x' * 400000])", "range(1000)|join('x' * 50000)",
        "('x' * 50000).join(range(1000)|map('string'))", "('a' * 1000).replace('', 'x' * 50000)",
        "('a' * 1000)|replace('a', 'x' * 50000)", "('\n' * 1000)|indent(50000)", "'x'.center(9000000000)",
        "'x'.ljust(600000)", "'x'.zfill(600000)", "'x' * 9000000000", "[0] * 900000000", "(0,) * 30000",
        "'\u{1}' * 300000 ~ 'x'", "[('\u{1}' * 100000)]|tojson", "[('\u{1}' * 150000)]|string",
        "('ΐ' * 80000)|upper", "(',' * 30000).split(',')", "('a ' * 30000).split()", "('a' * 30000)|list",
        "('\n' * 30000).splitlines()", "([1] * 9000) + ([1] * 9000)", "range(30000)",
        "('a' * 300000)|reverse",
        "(range(9000)|list)[::-1]", "range(9000)|map('string')|list", "('a' * 300000)[::-1]",
        "{'a': 'x' * 300000}|string", "('a' * 300000) + ('a' * 300000)", "range(9000)|sort",
        "dict(a='x' * 300000)|tojson",
    ])
    func paidBeforehand(expression: String) {
        let error = JinjaCases.render("{{ \(expression) }}", limits: Self.small).error
        #expect(error?.reason == "more than 524288 bytes of text and lists")
    }

    /// Every operation that reads a string costs in proportion to the string's length.
    @Test(arguments: [
        "messages[0].content|length", "messages[0].content.find('z')", "'zz' in messages[0].content",
        "messages[0].content.startswith(messages[0].content)", "messages[0].content == messages[1].content",
        "messages[0].content.isalpha()", "messages[0].content.count('ab')", "messages[0].content[-9000]",
        "messages[0].content is upper", "messages[0].content.strip()", "messages[0].content|int",
        "messages[0].content.endswith('b', 1)", "messages[0].content < messages[1].content",
        "messages[2].content == messages[3].content", "7 in messages[2].content", "messages[2].content|join",
        "messages[2].content|unique", "messages[2].content|sum", "messages[2].content|max",
        "messages[2].content|sort", "messages[2].content[1:]", "long[messages[0].content]",
        "messages[0].content in long", "long.get(messages[0].content)", "long == copy",
    ])
    func readingCosts(expression: String) {
        let content = JSONValue.string(String(repeating: "a", count: 10_000))
        let list = JSONValue.array(Array(repeating: 1, count: 1000))
        let messages = [content, content, list, list].map { JSONValue.object(JSONObject([("content", $0)])) }
        let long = JSONValue.object(JSONObject([(String(repeating: "a", count: 10_000), 1)]))
        let variables = JSONObject([("messages", .array(messages)), ("long", long), ("copy", long)])
        let source = "{% for i in range(2000) %}{% set x = \(expression) %}{% endfor %}"
        #expect(JinjaCases.render(source, variables, limits: Self.small).error?.code == .limitExceeded)
        #expect(JinjaCases.render("{% set x = \(expression) %}ok", variables).text() == "ok")
    }

    /// Three nested loops are within the limit of steps for long: the clock ends them.
    @Test func deadline() {
        let time = Mutex(Duration.zero)
        let source =
            "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{% endfor %}{% endfor %}{% endfor %}"
        var limits = TemplateLimits()
        limits.clock = {
            time.withLock { time in
                time += .milliseconds(100)
                return time
            }
        }
        let error = JinjaCases.render(source, limits: limits).error
        #expect(error?.code == .limitExceeded)
        #expect(error?.reason == "more than 2.0 seconds of computing (generation.template_time)")
        #expect(time.withLock { $0 } < .seconds(3))
    }

    /// No single operation is so long that the clock is read too late, whatever made or brought its text.
    @Test(arguments: [
        "'x' * 40000000", "[0] * 3000000", "x|length", "x.find('b')", "x.isalpha()", "x|int", "x|float", "x|reverse",
        "x.splitlines()", "x == x ~ ''", "x|tojson", "x|upper", "x[1:]", "x.center(9)", "x < x", "'x' in x",
    ])
    func operationsAreShort(expression: String) {
        // Printed piece by piece, a text may be longer than an operation may read.
        let long = "{% set x %}{% for i in range(4) %}{{ 'x' * 10000000 }}{% endfor %}{% endset %}"
        let error = JinjaCases.render(long + "{% set y = \(expression) %}").error
        #expect(error?.reason == "more than 33554432 bytes in one operation")
        #expect(JinjaCases.render(long + "ok").text() == "ok")
    }

    @Test func aLongConversationIsFarFromEveryLimit() {
        let turns = (0..<200).map { number in
            JSONValue.object(
                JSONObject([
                    ("role", number.isMultiple(of: 2) ? "user" : "assistant"),
                    ("content", .string(String(repeating: "word ", count: 1000))),
                ]))
        }
        let source =
            "{% for m in messages %}{{ m.role + m.content.split('</think>')[-1].lstrip() }}{% endfor %}"
        // A fraction of the limits is enough for a megabyte.
        var limits = JinjaCases.unclocked
        limits.bytes /= 25
        limits.operationBytes /= 25
        limits.steps /= 50
        let text = JinjaCases.render(source, JSONObject([("messages", .array(turns))]), limits: limits).text()
        #expect((text?.utf8.count ?? 0) > 1_000_000)
    }

    @Test(arguments: [
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nested deeper than 300 levels"),
        (
            "{% set ns = namespace(l=[]) %}{% for i in range(500) %}{% set ns.l = [ns.l] %}{% endfor %}",
            "a value is nested deeper"
        ),
        ("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", "nested deeper than 300 levels"),
        (
            "{{ " + String(repeating: "(", count: 100) + "1" + String(repeating: ")", count: 100) + " }}",
            "nested deeper than 64 levels"
        ),
        ("{{ 1" + String(repeating: " + 1", count: 300) + " }}", "an expression is deeper than 200 levels"),
        ("{{ x" + String(repeating: "|upper", count: 300) + " }}", "an expression is deeper than 200 levels"),
        (String(repeating: "{% if 1 %}", count: 100), "nested deeper than 64 levels"),
        (
            "{% set l = range(300)|list %}{% for i in l %}{% for j in l %}{% endfor %}{% endfor %}",
            "more than 20000 steps"
        ),
    ])
    func namedLimits(source: String, reason: String) {
        let error = JinjaCases.render(source, limits: Self.small).error
        #expect(error?.code == .limitExceeded)
        #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
    }

    @Test func sourcesAreShort() {
        #expect(JinjaCases.render(String(repeating: " ", count: 1 << 20)).error == nil)
        #expect(JinjaCases.render(String(repeating: " ", count: 1 << 20 + 1)).error?.code == .limitExceeded)
    }
}
