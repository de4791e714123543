import MoedCore
import MoedPage
import Testing

@Suite struct PageTests {
    private func overview() -> Page.Overview {
        var overview = Page.Overview()
        overview.health = JSONObject([("workers_alive", 2), ("paused", ["tenant <b>"])])
        overview.present = JSONObject([("running", 7), ("seconds_left", 3700)])
        overview.queue = [JSONObject([("model", "m<script>"), ("mode", "thinking"), ("jobs", 12)])]
        overview.failures = [JSONObject([("code", "expired"), ("jobs", 3), ("latest_job", 42)])]
        return overview
    }

    /// Whatever comes from outside is text.
    @Test func textsAreEscaped() {
        let html = Page.overview(overview())
        #expect(!html.contains("<script") && html.contains("m&lt;script&gt;") && html.contains("tenant &lt;b&gt;"))
        let job = Page.job(1, JSONObject([("a\"b", "x' onload=\u{1}")]), why: "<&>", attempts: [])
        #expect(job.contains("a&quot;b") && job.contains("x&#39; onload=\u{FFFD}") && job.contains("&lt;&amp;&gt;"))
    }

    @Test func figuresAndLinksAreThere() {
        let html = Page.overview(overview())
        for part in [
            "<dt>workers alive</dt><dd>2</dd>", "<dt>jobs running</dt><dd>7</dd>", "<dd>1 h 1 min</dd>", "<td class=\"number\">12</td>",
            "<a href=\"/job/42\">42</a>", "No worker is alive", "<html lang=\"en\">",
        ] {
            #expect(html.contains(part), "\(part)")
        }
    }

    /// Nothing but the style sheet is loaded, and nothing runs.
    @Test func nothingComesFromElsewhere() {
        let html = Page.overview(overview())
        for mark in ["http:", "https:", "src=", "style=", "onclick", "<img", "@import"] {
            #expect(!html.contains(mark) && !Page.style.contains(mark), "\(mark)")
        }
        #expect(Page.policy.contains("default-src 'none'") && !Page.policy.contains("unsafe"))
        #expect(Page.style.contains("prefers-color-scheme: dark"))
    }
}
