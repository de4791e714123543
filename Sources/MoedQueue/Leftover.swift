import MoedPostgres

/// Jobs that have not ended when a draining worker ends, counted by reason.
package struct Leftover: Sendable, Equatable {
    /// Reason why a worker does not run a job; the order is that of the text.
    package enum Reason: String, CaseIterable, Sendable {
        case queued
        case paused
        case overBudget = "over_budget"
        case scheduled
        /// The job runs on another worker.
        case running
        /// The worker does not serve the job's model.
        case otherModels = "other_models"

        fileprivate var words: String {
            switch self {
            case .queued: "queued"
            case .paused: "paused"
            case .overBudget: "over budget"
            case .scheduled: "scheduled"
            case .running: "held by other workers"
            case .otherModels: "for other models"
            }
        }
    }

    package var jobs: [Reason: Int]

    package init(_ jobs: [Reason: Int] = [:]) { self.jobs = jobs.filter { $0.value > 0 } }

    /// True when no job is left that the worker serves.
    package var isNothing: Bool { jobs.keys.allSatisfy { $0 == .otherModels } }

    /// Text like "7 paused, 2 scheduled"; nil when every job has ended.
    package var text: String? {
        let parts = Reason.allCases.compactMap { reason in jobs[reason].map { "\($0) \(reason.words)" } }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }
}

extension JobStore {
    /// Counts the jobs that have not ended, for a worker of these models.
    package func leftover(models: [String]) async throws(QueueError) -> Leftover {
        let result = try await query(SQL(.leftover, [.value(SQLArray(models.map { $0.withoutNUL }))]))
        let counts = try await decode(result) { row throws(DatabaseError) in
            let name: String = try row.value("reason")
            guard let reason = Leftover.Reason(rawValue: name) else {
                throw DatabaseError(.protocolViolation, "unknown reason \(name)")
            }
            return (reason, try row.value("jobs", as: Int.self))
        }
        return Leftover(Dictionary(counts, uniquingKeysWith: +))
    }
}
