package import MoedCore

/// Pages about the queue: HTML that is complete without scripts and without anything from elsewhere.
package enum Page {
    /// Rows of the reports that the first page shows.
    package struct Overview: Sendable {
        package var health = JSONObject()
        package var workers: [JSONObject] = []
        package var queue: [JSONObject] = []
        package var progress: [JSONObject] = []
        package var batches: [JSONObject] = []
        package var failures: [JSONObject] = []
        package var tenants: [JSONObject] = []

        package init() {}
    }

    /// Header `Content-Security-Policy`: one style sheet from here, and nothing else.
    package static let policy =
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    package static func overview(_ overview: Overview) -> String {
        let sections: [(String, String, [JSONObject], String)] = [
            ("workers", "Workers", overview.workers, "No worker is alive: start one with moed run."),
            ("queue", "Queue", overview.queue, "Nothing waits or runs."),
            ("progress", "Progress", overview.progress, "Nothing is under way."),
            ("batches", "Batches", overview.batches, "There is no batch."),
            ("failures", "Failed jobs of a week, by code", overview.failures, "No job has failed."),
            ("tenants", "Tenants", overview.tenants, "There is no tenant."),
        ]
        let links = sections.map { "<a href=\"#\($0.0)\">\($0.1)</a> " as HTMLText }.joined
        let body = sections.map { section($0.0, $0.1, $0.2, none: $0.3) }.joined
        return page("moed", "<nav aria-label=\"Parts of the page\">\(links)</nav>\n\(figures(overview.health))\(body)")
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

    package static func missing(_ text: String) -> String {
        page("not found", "<p>\(text)</p>\n<p><a href=\"/\">Overview</a></p>\n")
    }

    private static func figures(_ health: JSONObject) -> HTMLText {
        let names: [(String, String)] = [
            ("workers_alive", "workers alive"), ("jobs_running", "jobs running"),
            ("oldest_queued_seconds", "seconds the oldest waits"),
        ]
        let numbers = names.map { key, title -> HTMLText in
            "<div><dt>\(title)</dt><dd>\(health[key]?.integer.map(String.init) ?? "–")</dd></div>\n"
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

    private static func section(_ id: String, _ title: String, _ rows: [JSONObject], none: String) -> HTMLText {
        let table = PageTable(rows) { column, value in
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
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --text: #e6edf3; --soft: #9da7b1; --back: #0d1117; --line: #30363d; --mark: #f0b072; --link: #79b8ff;
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
        .remark { color: var(--mark); font-weight: 600; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); }
        th, td { white-space: nowrap; }
        th { color: var(--soft); font-weight: 500; }
        td.number { text-align: right; font-variant-numeric: tabular-nums; }
        dl:not(.figures) { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
        dl:not(.figures) dt { color: var(--soft); } dl:not(.figures) dd { margin: 0; overflow-wrap: anywhere; }

        """
}
