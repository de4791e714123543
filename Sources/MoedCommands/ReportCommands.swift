package import MoedClient
import MoedCore
import MoedHost

/// Commands that show and change nothing.
package enum ReportCommands {
    /// `moed status`: one screen.
    package static func status(conninfo: String, asJSON: Bool) async throws {
        let report = try await CommandConnection.with(conninfo) { client in try await StatusReport(client) }
        print(asJSON ? report.object.serialized() + "\n" : report.text(), terminator: "")
    }

    /// `moed jobs`.
    package static func jobs(
        conninfo: String, _ filter: JobClient.JobFilter, limit: Int, asJSON: Bool
    ) async throws {
        let jobs = try await CommandConnection.with(conninfo) { client in
            try await client.jobs(filter, limit: limit)
        }
        try show(jobs, asJSON: asJSON, none: "no such jobs")
    }

    /// `moed show`: one job, its attempts and, where asked for, its texts.
    package static func job(conninfo: String, id: Int64, showsBodies: Bool, asJSON: Bool) async throws {
        let (job, attempts) = try await CommandConnection.with(conninfo) { client in
            (try await client.job(id, showsBodies: showsBodies), try await client.attempts(id))
        }
        guard var job else { throw CommandError("there is no job \(id) that this role may see") }
        if asJSON {
            job["attempts"] = .array(attempts.map { .object($0) })
            print(JSONValue.object(job).serialized())
            return
        }
        let width = job.members.reduce(0) { max($0, $1.key.count) }
        for member in job.members {
            let padding = String(repeating: " ", count: width - member.key.count)
            print("\(member.key)\(padding)  \(member.value.string ?? member.value.shortest)")
        }
        print(StatusReport.section("attempts", attempts, none: nil), terminator: "")
    }

    /// `moed why`.
    package static func why(conninfo: String, id: Int64, asJSON: Bool) async throws {
        let text = try await CommandConnection.with(conninfo) { client in try await client.why(id) }
        let object: JSONValue = ["job": .integer(id), "why": .string(text)]
        print(asJSON ? object.serialized() : text)
    }

    /// `moed usage`.
    package static func usage(
        conninfo: String, columns: String, days: Int, asMoney: Bool, asJSON: Bool
    ) async throws {
        var by: [JobClient.UsageColumn] = []
        for name in columns.split(separator: ",") {
            guard let column = JobClient.UsageColumn(rawValue: String(name)) else {
                let known = JobClient.UsageColumn.allCases.map(\.rawValue).joined(separator: ", ")
                throw CommandError("--by takes \(known), not “\(name)”")
            }
            by.append(column)
        }
        let chosen = by
        let rows = try await CommandConnection.with(conninfo) { client in
            try await client.usage(chosen, days: days, asMoney: asMoney)
        }
        try show(rows, asJSON: asJSON, none: "nothing was used")
    }

    private static func show(_ objects: [JSONObject], asJSON: Bool, none: String) throws {
        if asJSON {
            for object in objects { print(JSONValue.object(object).serialized()) }
        } else if objects.isEmpty {
            print(none)
        } else {
            print(TextTable(objects).text, terminator: "")
        }
    }
}
