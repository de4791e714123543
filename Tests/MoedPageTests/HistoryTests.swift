import MoedCore
@testable import MoedPage
import Testing

/// Charts of the last 24 hours.
@Suite struct HistoryTests {
    private static let last: Int64 = 1_800_000_000

    private func history() -> History {
        var history = History()
        history.last = Self.last
        history.spans = [
            // A row that is older than a day is in no chart.
            JSONObject([("start", .integer(Self.last - 86_400)), ("minutes", 10), ("queued", 999)]),
            JSONObject([("start", .integer(Self.last - 600)), ("minutes", 10), ("prompt_tokens", 6000), ("queued", 40)]),
            JSONObject([
                ("start", .integer(Self.last)), ("minutes", 2), ("prompt_tokens", 1200), ("completion_tokens", 600),
                ("queued", 30), ("succeeded", 4), ("failed", 1),
            ]),
        ]
        history.endpoints = [
            JSONObject([("name", "a<b>"), ("start", .integer(Self.last)), ("tokens_per_second", .double(12.5))])
        ]
        return history
    }

    @Test func ratesAreThoseOfTheRecordedMinutes() {
        let html = history().html.source
        // 1,200 tokens in two minutes, and 6,000 in ten: 10 a second each, and 5 more.
        #expect(html.contains("prompt <b>10</b>") && html.contains("completion <b>5</b>"))
        #expect(html.contains("<span>20</span><span>10</span><span>0</span>"))
        #expect(html.contains("queued <b>30</b>") && html.contains("<span>40</span><span>20</span>"))
        #expect(html.contains("a&lt;b&gt; <b>12.5</b>") && !html.contains("999"))
        // The last two spans of 144, and each bar ends where the one below it does.
        #expect(html.contains("class=\"bar k1\" d=\"M568 100V50h3.4V100zM572 100V50h3.4V100z\""))
        #expect(html.contains("class=\"bar k3\" d=\"M572 50V25h3.4V50z\""))
    }

    @Test func anUnknownSpanInterruptsALine() {
        let chart = Chart(
            id: "c", title: "t", unit: "u", form: .lines, series: [.init(name: "n", values: [1, nil, 2, 4])], times: [])
        #expect(chart.html.source.contains("d=\"M0 75h3.4M8 50h3.4L12 0h3.4\""))
    }

    @Test func withoutMinutesThereIsASentence() {
        #expect(History().html.source.contains("No minute of the last day"))
    }

    @Test(arguments: [
        (0.0, "0"), (0.05, "0.05"), (9.996, "10"), (12.34, "12.3"), (999, "999"), (1000, "1k"), (12_500, "12.5k"),
        (2e6, "2M"), (4.25e9, "4.25G"), (1e300, "many"), (.infinity, "–"), (-0.5, "-0.5"),
    ])
    func numbersAreShort(value: Double, text: String) {
        #expect(AxisNumber.text(value) == text)
    }

    @Test(arguments: [(0.0, 1.0), (3, 4), (4.1, 5), (11, 20), (1001, 2000), (1e300, 1e300)])
    func axesEndAtRoundNumbers(highest: Double, top: Double) {
        let chart = Chart(
            id: "c", title: "t", unit: "u", form: .lines, series: [.init(name: "n", values: [highest])], times: [])
        #expect((chart.top / top - 1).magnitude < 1e-9)
    }

    @Test(arguments: [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (7260, "2 h 1 min"), (200_000, "2 d 7 h")])
    func durationsHaveTwoUnits(seconds: Int, text: String) {
        #expect(PageTable.duration(.integer(Int64(seconds))) == .string(text))
    }
}
