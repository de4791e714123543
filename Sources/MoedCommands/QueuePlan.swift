import MoedClient
import MoedCore
import MoedHost

/// `moed plan --database`: time and cost of what is queued.
package enum QueuePlan {
    package static func run(conninfo: String, asJSON: Bool) async throws {
        let rows = try await CommandConnection.with(conninfo) { client in try await client.forecast() }
        let total = sum(rows)
        if asJSON {
            let object: JSONValue = ["classes": .array(rows.map { .object($0) }), "total": .object(total)]
            print(object.serialized())
            return
        }
        guard !rows.isEmpty else { return print("nothing waits or runs") }
        print(TextTable(rows).text, terminator: "")
        print("")
        let counts = ["waiting", "running", "prompt_tokens", "completion_tokens"]
            .map { "\($0.replacing("_", with: " ")) \(total[$0]?.integer ?? 0)" }
        print("total: \(counts.joined(separator: ", "))")
        if let seconds = total["seconds_left"]?.integer {
            print("time left: about \(HumanText.setting(.seconds(seconds))) at the workers' present rate")
        } else {
            print("time left: not known, for no live worker that serves these models generates tokens now")
        }
        print("cost: \(total["cost"].map { $0.shortest } ?? "not known: moed.price has no price of these models")")
    }

    /// Sums of the classes. The time is that of the slowest model; it is not known when that of one class is not.
    static func sum(_ rows: [JSONObject]) -> JSONObject {
        var total = JSONObject()
        for name in ["waiting", "running", "prompt_tokens", "completion_tokens"] {
            let sum = rows.reduce(0) { $0.addingReportingOverflow($1[name]?.integer ?? 0).partialValue }
            total[name] = .integer(Int64(sum))
        }
        let times = rows.map { $0["seconds_left"]?.integer }
        if !rows.isEmpty, !times.contains(nil) {
            // Classes of one model share its workers.
            let models = Dictionary(grouping: rows, by: { $0["model"]?.string ?? "" })
            let slowest = models.values.map { $0.reduce(0) { $0 + ($1["seconds_left"]?.integer ?? 0) } }.max() ?? 0
            total["seconds_left"] = .integer(Int64(slowest))
        }
        let costs = rows.compactMap { $0["cost"]?.number }
        if !costs.isEmpty { total["cost"] = .double((costs.reduce(0, +) * 1e6).rounded() / 1e6) }
        return total
    }
}
