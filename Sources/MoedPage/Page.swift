package import MoedCore

/// Pages about the queue: HTML that is complete without scripts and without anything from elsewhere.
package enum Page {
    /// Rows of the reports that the first page shows.
    package struct Overview: Sendable {
        package var health = JSONObject()
        package var present = JSONObject()
        package var history = History()
        package var workers: [JSONObject] = []
        package var queue: [JSONObject] = []
        package var backlog: [JSONObject] = []
        package var endpoints: [JSONObject] = []
        package var batches: [JSONObject] = []
        package var failures: [JSONObject] = []
        package var tenants: [JSONObject] = []

        package init() {}
    }

    /// Header `Content-Security-Policy`: one style sheet from here, forms that go here, and nothing else.
    package static let policy =
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

    /// - Parameter person: who signed in; nil shows no actions.
    package static func overview(_ overview: Overview, for person: PageOperator? = nil) -> String {
        let sections: [(String, String, [JSONObject], String)] = [
            ("queue", "Queue", overview.queue, "Nothing waits or runs."),
            ("backlog", "Work left", overview.backlog, "Nothing is under way."),
            ("batches", "Newest batches", overview.batches, "There is no batch."),
            ("failures", "Failed jobs of a week, by code", overview.failures, "No job has failed."),
            ("tenants", "Tenants", overview.tenants, "There is no tenant."),
            ("workers", "Workers", overview.workers, "No worker is alive: start one with moed run."),
            ("endpoints", "Endpoints", overview.endpoints, "No worker has an endpoint."),
        ]
        let links = ([("history", "Last 24 hours")] + sections.map { ($0.0, $0.1) }).map { id, title -> HTMLText in
            "<a href=\"#\(id)\">\(title)</a> "
        }.joined
        let paused = overview.health["paused"]?.array?.compactMap(\.string) ?? []
        let body = sections.map { id, title, rows, none in
            section(id, title, rows, none: none) { person?.actions(id, $0, paused: paused) }
        }.joined
        let banner = person?.banner(paused) ?? "<p><a href=\"/login\">Sign in with an operator's key</a> to act</p>\n"
        return page(
            "moed",
            """
            <nav aria-label="Parts of the page">\(links)</nav>
            \(banner)\(figures(overview))<section id="history"><h2>The last 24 hours</h2>
            \(overview.history.html)</section>
            \(body)
            """)
    }

    /// One job and its attempts, without the texts of its request and answer.
    package static func job(_ number: Int64, _ job: JSONObject, why: String, attempts: [JSONObject]) -> String {
        let facts = job.members.map { member -> HTMLText in
            "<dt>\(member.key.replacing("_", with: " "))</dt><dd>\(member.value.string ?? member.value.shortest)</dd>\n"
        }.joined
        let attemptTable = section("attempts", "Attempts", attempts, none: "No attempt has ended.")
        return page(
            "job \(number)",
            "<p><a href=\"/\">Overview</a></p>\n<p>\(why)</p>\n<dl>\(facts)</dl>\n\(attemptTable)")
    }

    /// The form that takes an operator's key.
    package static func login(_ problem: String? = nil) -> String {
        let remark: HTMLText = problem.map { "<p class=\"remark\" role=\"alert\">\($0)</p>\n" } ?? ""
        return page(
            "sign in",
            """
            \(remark)<form method="post" action="/login"><p><label>Key of the scope operate
            <input type="password" name="key" autocomplete="current-password" required></label>
            <button>Sign in</button></p></form>
            <p>An operator makes one: <code>moed key create --tenant admin --scope operate --expires 30d</code></p>
            <p><a href="/">Overview</a></p>

            """)
    }

    package static func missing(_ text: String) -> String {
        page("not found", "<p>\(text)</p>\n<p><a href=\"/\">Overview</a></p>\n")
    }

    private static func figures(_ overview: Overview) -> HTMLText {
        let (health, present) = (overview.health, overview.present)
        let numbers = [
            (present["waiting"], "jobs waiting"), (present["running"], "jobs running"),
            (present["jobs_per_minute"], "jobs a minute"), (present["tokens_per_second"], "tokens a second"),
            (health["oldest_queued_seconds"].map(PageTable.duration), "the oldest waits"),
            (present["seconds_left"].map(PageTable.duration), "until the queue is empty"),
            (health["workers_alive"], "workers alive"),
        ].map { value, title -> HTMLText in
            "<div><dt>\(title)</dt><dd>\(value.map(PageTable.text) ?? "–")</dd></div>\n"
        }.joined
        let remarks = [
            ("paused", "Paused"), ("over_budget", "Over budget"), ("unserved_models", "Models without a worker"),
            ("stuck_workers", "Stuck workers"),
        ].map { key, title -> HTMLText in
            let items = health[key]?.array?.compactMap(\.string) ?? []
            return items.isEmpty ? "" : "<p class=\"remark\">\(title): \(items.joined(separator: ", "))</p>\n"
        }.joined
        return "<dl class=\"figures\">\(numbers)</dl>\n\(remarks)"
    }

    private static func section(
        _ id: String, _ title: String, _ rows: [JSONObject], none: String,
        actions: @escaping (JSONObject) -> HTMLText? = { _ in nil }
    ) -> HTMLText {
        let table = PageTable(rows, actions: actions) { column, value in
            ["job", "latest_job"].contains(column) ? value.integer.map { "/job/\($0)" } : nil
        }
        let content: HTMLText = rows.isEmpty ? "<p>\(none)</p>\n" : table.html
        return "<section id=\"\(id)\"><h2>\(title)</h2>\n\(content)</section>\n"
    }

    private static func page(_ title: String, _ body: HTMLText) -> String {
        let html: HTMLText = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(title)</title>
            <link rel="stylesheet" href="/style.css">
            </head>
            <body>
            <main>
            <h1>\(title)</h1>
            \(body)</main>
            </body>
            </html>

            """
        return html.source
    }

    /// The style sheet. Colours follow the reader's setting.
    package static let style = """
        :root {
          color-scheme: light dark;
          --text: #1b1f24; --soft: #57606a; --back: #ffffff; --line: #d0d7de; --mark: #8a4600; --link: #0550ae;
          --k1: #0969da; --k2: #54aeff; --k3: #1a7f37; --k4: #cf222e; --k5: #8250df;
          --k6: #bf8700; --k7: #1b7c83; --k8: #bf3989;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --text: #e6edf3; --soft: #9da7b1; --back: #0d1117; --line: #30363d; --mark: #f0b072; --link: #79b8ff;
            --k1: #4493f8; --k2: #a5d6ff; --k3: #3fb950; --k4: #f85149; --k5: #ab7df8;
            --k6: #d29922; --k7: #39c5cf; --k8: #db61a2;
          }
        }
        body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
        main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
        h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
        a { color: var(--link); }
        nav a { margin-right: .6rem; white-space: nowrap; }
        .figures { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1rem 0; }
        .figures dt { color: var(--soft); }
        .figures dd { margin: 0; font-size: 1.8rem; font-variant-numeric: tabular-nums; }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
        .charts { gap: 1rem 2rem; }
        figure { margin: 0; } figcaption { font-weight: 600; } small { color: var(--soft); font-weight: 400; }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .3rem 0; padding: 0; }
        .legend b { font-variant-numeric: tabular-nums; font-weight: 500; }
        .swatch { display: inline-block; width: .7rem; height: .7rem; margin-right: .35rem; }
        .plot { display: flex; height: 9rem; gap: .5rem; }
        .plot svg { flex: 1; min-width: 0; height: 100%; overflow: visible; }
        .axis { display: flex; flex-direction: column; justify-content: space-between; }
        .axis { text-align: right; width: 2.6rem; }
        .axis, .times { color: var(--soft); font-size: .8rem; font-variant-numeric: tabular-nums; line-height: 1; }
        .times { display: flex; justify-content: space-between; padding: .35rem 0 0 3.1rem; }
        .grid { stroke: var(--line); fill: none; vector-effect: non-scaling-stroke; }
        .line { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; }
        .bar.k1, .swatch.k1 { fill: var(--k1); background: var(--k1); } .line.k1 { stroke: var(--k1); }
        .bar.k2, .swatch.k2 { fill: var(--k2); background: var(--k2); } .line.k2 { stroke: var(--k2); }
        .bar.k3, .swatch.k3 { fill: var(--k3); background: var(--k3); } .line.k3 { stroke: var(--k3); }
        .bar.k4, .swatch.k4 { fill: var(--k4); background: var(--k4); } .line.k4 { stroke: var(--k4); }
        .swatch.k5 { background: var(--k5); } .line.k5 { stroke: var(--k5); }
        .swatch.k6 { background: var(--k6); } .line.k6 { stroke: var(--k6); }
        .swatch.k7 { background: var(--k7); } .line.k7 { stroke: var(--k7); }
        .swatch.k8 { background: var(--k8); } .line.k8 { stroke: var(--k8); }
        #chart-ended .k1 { fill: var(--k3); background: var(--k3); }
        #chart-ended .k2 { fill: var(--k4); background: var(--k4); }
        #chart-ended .k3 { fill: var(--k6); background: var(--k6); }
        form { display: inline-block; margin: 0; } #operator p { display: inline; }
        button, input { font: inherit; padding: .25rem .6rem; } .pauses { padding-left: 1.2rem; }
        .message { border-left: .3rem solid var(--k3); padding: .4rem .8rem; }
        summary { cursor: pointer; color: var(--link); margin: .6rem 0; }
        .remark { color: var(--mark); font-weight: 600; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); }
        th, td { white-space: nowrap; }
        th { color: var(--soft); font-weight: 500; }
        .number { text-align: right; font-variant-numeric: tabular-nums; }
        dl:not(.figures) { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
        dl:not(.figures) dt { color: var(--soft); } dl:not(.figures) dd { margin: 0; overflow-wrap: anywhere; }

        """
}
