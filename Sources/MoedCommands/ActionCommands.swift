package import MoedClient
import MoedCore

/// Commands that change jobs.
package enum ActionCommands {
    package enum Action: String, Sendable {
        case cancel, redrive

        fileprivate var done: String { self == .cancel ? "cancelled" : "queued again" }
    }

    /// `moed cancel` and `moed redrive`, for named jobs or for those that fulfil all conditions.
    package static func run(
        conninfo: String, _ action: Action, jobs: [Int64], _ filter: JobClient.JobFilter, asJSON: Bool
    ) async throws {
        guard jobs.isEmpty != filter.isEmpty else {
            throw CommandError("give numbers of jobs, or conditions such as --batch, --tenant, --model")
        }
        let count = try await CommandConnection.with(conninfo) { client in
            try await changed(client, action, jobs, filter)
        }
        if asJSON {
            let object: JSONValue = ["action": .string(action.rawValue), "jobs": .integer(Int64(count))]
            print(object.serialized())
        } else {
            print("\(count) \(count == 1 ? "job is" : "jobs are") \(action.done)")
        }
        // A script learns that a named job was not what it took it for.
        if count < jobs.count {
            throw CommandError(
                "\(jobs.count - count) of \(jobs.count) jobs were not in a state for it, or are not there")
        }
    }

    private static func changed(
        _ client: JobClient, _ action: Action, _ jobs: [Int64], _ filter: JobClient.JobFilter
    ) async throws -> Int {
        var count = 0
        for job in jobs {
            switch action {
            case .cancel:
                if ["cancelled", "requested"].contains(try await client.cancel(job)) { count += 1 }
            case .redrive:
                if try await client.redrive(job) { count += 1 }
            }
        }
        guard !filter.isEmpty else { return count }
        guard action == .cancel else { return try await client.redrive(filter) }
        var onlyBatch = JobClient.JobFilter()
        onlyBatch.batch = filter.batch
        if let batch = filter.batch, filter == onlyBatch { return try await client.cancelBatch(batch) }
        return try await client.cancel(filter)
    }

    /// `moed pause` and `moed resume`. Without a name it is everything.
    package static func setPaused(
        conninfo: String, model: String?, tenant: String?, isPaused: Bool, asJSON: Bool
    ) async throws {
        guard model == nil || tenant == nil else { throw CommandError("give --model or --tenant, not both") }
        let kind = model != nil ? "model" : tenant != nil ? "tenant" : "all"
        let count = try await CommandConnection.with(conninfo) { client in
            try await client.setPaused(kind, model ?? tenant, isPaused)
        }
        let verb = isPaused ? "paused" : "resumed"
        if asJSON {
            let object: JSONValue = [
                "action": .string(verb), "kind": .string(kind), "name": .optional(model ?? tenant),
                "pauses": .integer(Int64(count)),
            ]
            print(object.serialized())
            return
        }
        let name = (model ?? tenant).map { " “\($0)”" } ?? ""
        print("\(kind)\(name) is \(verb); pauses in force: \(count)")
    }
}
