package import MoedCore
import MoedPostgres

/// Numbers of queued jobs, and what keeps jobs from starting.
package struct QueueCensus: Sendable, Equatable {
    /// Number of queued jobs per job class.
    package var queued: [JobClass: Int] = [:]
    /// Time since the oldest queued job of each job class became due.
    package var oldest: [JobClass: Duration] = [:]
    /// Number of these that do not start: their model or tenant is paused, or their tenant is over budget.
    package var held = 0
    /// Pauses in force: `all`, `model NAME`, `tenant NAME`.
    package var paused: [String] = []
    /// Names of tenants that have used their tokens of the day.
    package var overBudget: [String] = []
    /// Names of models with queued jobs that no live worker serves.
    package var unserved: [String] = []

    package init() {}

    package var total: Int { queued.values.reduce(0, +) }

    /// Text like "paused: all, tenant a; over budget: b"; nil when nothing keeps jobs from starting.
    package var hindrances: String? {
        let parts = [("paused", paused), ("over budget", overBudget), ("no worker for", unserved)]
            .filter { !$0.1.isEmpty }
            .map { name, items in
                let more = items.count > 3 ? " and \(items.count - 3) more" : ""
                return "\(name): \(items.prefix(3).joined(separator: ", "))\(more)"
            }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    fileprivate mutating func add(_ row: Row) throws(DatabaseError) {
        let name: String = try row.value("name")
        switch try row.value("kind", as: String.self) {
        case "queued":
            let mode: String = try row.value("mode")
            guard let mode = ReasoningMode(rawValue: mode) else {
                throw DatabaseError(.protocolViolation, "unknown mode \(mode)")
            }
            let jobClass = JobClass(model: name, mode: mode, bucket: try row.value("bucket"))
            queued[jobClass] = try row.value("jobs")
            oldest[jobClass] = .milliseconds(try row.optional("oldest_ms") ?? 0)
            held += try row.value("held", as: Int.self)
        case "paused": paused.append(name)
        case "over_budget": overBudget.append(name)
        case "unserved": unserved.append(name)
        case let other: throw DatabaseError(.protocolViolation, "unknown kind \(other)")
        }
    }
}

extension JobStore {
    /// Counts all queued jobs of these models. Its time grows with them: about a second for a million.
    package func census(models: [String]) async throws(QueueError) -> QueueCensus {
        let result = try await query(SQL(.census, [.value(SQLArray(models.map { $0.withoutNUL }))]))
        return try await queueing { () async throws(DatabaseError) in
            var census = QueueCensus()
            for row in result.rows { try census.add(row) }
            return census
        }
    }
}
