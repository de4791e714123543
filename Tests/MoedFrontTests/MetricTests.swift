import MoedFront
import Testing

@Suite struct MetricTests {
    @Test func textFormat() {
        let text = PrometheusText.encode([
            Metric("moed_sweeps_total", .counter, "Sweeps.", 12),
            Metric("moed_sweep_seconds", .gauge, "Last sweep.", seconds: .milliseconds(1250)),
            Metric("moed_nothing", .gauge, "No samples, no lines.", []),
            Metric(
                "moed_build_info", .gauge, "A \\ and\nmore.",
                [.init(1, [("version", "1"), ("name", "a\"b\\c\nd")]), .init(.infinity), .init(.nan)]),
        ])
        #expect(
            text == """
                # HELP moed_sweeps_total Sweeps.
                # TYPE moed_sweeps_total counter
                moed_sweeps_total 12
                # HELP moed_sweep_seconds Last sweep.
                # TYPE moed_sweep_seconds gauge
                moed_sweep_seconds 1.25
                # HELP moed_build_info A \\\\ and\\nmore.
                # TYPE moed_build_info gauge
                moed_build_info{version="1",name="a\\"b\\\\c\\nd"} 1
                moed_build_info +Inf
                moed_build_info NaN

                """)
    }

    @Test func histogramsCountUpwards() {
        let text = PrometheusText.encode([
            Metric(
                "moed_wait_seconds", .histogram, "Waits.",
                Metric.Sample.histogram(bounds: [0.5, 1], counts: [2, 0, 3], sum: 9.5, [("mode", "thinking")]))
        ])
        #expect(
            text == """
                # HELP moed_wait_seconds Waits.
                # TYPE moed_wait_seconds histogram
                moed_wait_seconds_bucket{mode="thinking",le="0.5"} 2
                moed_wait_seconds_bucket{mode="thinking",le="1"} 2
                moed_wait_seconds_bucket{mode="thinking",le="+Inf"} 5
                moed_wait_seconds_sum{mode="thinking"} 9.5
                moed_wait_seconds_count{mode="thinking"} 5

                """)
    }

    @Test(arguments: [
        ("127.0.0.1:9464", StatusAddress.ip4("127.0.0.1", port: 9464)),
        ("localhost:1", .ip4("127.0.0.1", port: 1)),
        ("[::1]:9464", .ip6("::1", port: 9464)), ("/run/moed/s", .unix("/run/moed/s")), ("9464", nil),
        (":9464", nil),
        ("127.0.0.1", nil), ("127.0.0.1:0", nil), ("127.0.0.1:70000", nil), ("300.0.0.1:1", nil),
        ("example.org:1", nil),
        ("", nil), ("/" + String(repeating: "x", count: 107), nil),
    ])
    func addresses(_ text: String, _ expected: StatusAddress?) {
        #expect(StatusAddress(text) == expected)
    }
}
