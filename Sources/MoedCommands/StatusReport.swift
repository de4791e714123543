import MoedClient
import MoedCore
import MoedHost
import MoedPostgres

/// The reports that `moed status` and `moed top` show.
struct StatusReport: Sendable {
    /// Empty for a client, which sees its own jobs alone.
    var health: JSONObject
    /// Nil for a client.
    var workers: [JSONObject]?
    var queue: [JSONObject]
    var progress: [JSONObject]
    var failures: [JSONObject]

    init(_ client: JobClient) async throws {
        health = try await Self.unlessDenied(JSONObject()) { try await client.health() }
        workers = try await Self.unlessDenied(nil) { try await client.workers() }
        queue = try await client.queue()
        progress = try await client.progressReport()
        failures = try await client.failures()
    }

    /// A value that stands for a report which the role may not read.
    private static func unlessDenied<R>(_ other: R, _ report: () async throws -> R) async throws -> R {
        do { return try await report() } catch let error as DatabaseError {
            guard error.code == .insufficientPrivilege else { throw error }
            return other
        }
    }

    var object: JSONValue {
        func list(_ objects: [JSONObject]) -> JSONValue { .array(objects.map { .object($0) }) }
        return [
            "health": .object(health), "workers": list(workers ?? []), "queue": list(queue), "progress": list(progress),
            "failures": list(failures),
        ]
    }

    /// - Parameter rowsMax: maximum number of rows of each table; nil shows all.
    func text(rowsMax: Int? = nil) -> String {
        let sections: [(String, [JSONObject], String?)] = [
            ("workers", workers ?? [], workers.map { _ in "no worker is alive: start one with moed run" }),
            ("queue", queue, "nothing waits or runs"), ("progress", progress, nil), ("latest failures", failures, nil),
        ]
        return (health.isEmpty ? "" : StatusHead.text(health))
            + sections.map { Self.section($0.0, $0.1, none: $0.2, rowsMax: rowsMax) }.joined()
    }

    /// A titled table; nothing for no rows and no sentence about that.
    static func section(_ title: String, _ objects: [JSONObject], none: String?, rowsMax: Int? = nil) -> String {
        guard !objects.isEmpty else { return none.map { "\n\(title)\n  \($0)\n" } ?? "" }
        let shown = Array(objects.prefix(rowsMax ?? objects.count))
        var text = "\n\(title)\n"
        for line in TextTable(shown).text.split(separator: "\n") { text += "  \(line)\n" }
        if shown.count < objects.count { text += "  … and \(objects.count - shown.count) more\n" }
        return text
    }
}

/// The head of `moed status`.
enum StatusHead {
    static func text(_ health: JSONObject) -> String {
        func names(_ key: String) -> String? {
            let names = health[key]?.array?.compactMap(\.string) ?? []
            return names.isEmpty ? nil : names.joined(separator: ", ")
        }
        var lines = [
            "workers alive    \(health["workers_alive"]?.integer ?? 0)",
            "jobs running     \(health["jobs_running"]?.integer ?? 0)",
        ]
        if let seconds = health["oldest_queued_seconds"]?.integer {
            lines.append("oldest waits     \(HumanText.setting(.seconds(seconds)))")
        }
        let remarks = [
            ("paused", "paused"), ("over budget", "over_budget"), ("unserved models", "unserved_models"),
            ("stuck workers", "stuck_workers"),
        ]
        for (title, key) in remarks {
            guard let names = names(key) else { continue }
            lines.append(title + String(repeating: " ", count: 17 - title.count) + names)
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
