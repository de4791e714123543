import MoedClient
import MoedCore

/// `moed prune`.
package enum PruneCommands {
    private static let jobsPerStatement = 1000

    /// Deletes jobs that ended longer ago, the oldest first, in statements of a thousand.
    ///
    /// - Parameter most: maximum number of jobs; nil is all of them.
    package static func run(
        conninfo: String, olderThan age: Duration, most: Int?, isDry: Bool, asJSON: Bool
    ) async throws {
        let seconds = Double(age.components.seconds)
        let jobs = try await CommandConnection.with(conninfo) { client in
            if isDry { return min(try await client.countPrunable(olderThan: seconds), most ?? .max) }
            var jobs = 0
            while jobs < most ?? .max {
                let limit = min(jobsPerStatement, (most ?? .max) - jobs)
                let pruned = try await client.prune(olderThan: seconds, limit: limit)
                jobs += pruned
                // Jobs that a transaction holds are left to a later call.
                if pruned < limit { break }
            }
            return jobs
        }
        if asJSON {
            let object: JSONValue = [
                "action": "prune", "jobs": .integer(Int64(jobs)), "dry_run": .bool(isDry),
            ]
            print(object.serialized())
        } else {
            print("\(jobs) \(jobs == 1 ? "job" : "jobs") \(isDry ? "would be" : jobs == 1 ? "is" : "are") deleted")
        }
    }
}
