import MoedClient
package import MoedCore
import MoedHost

/// `moed doctor`: a bundle for a report to others. It has counts, names of models, codes and sizes, and no texts of
/// jobs, no names of tenants, no passwords and no keys.
package enum DoctorCommands {
    /// - Parameters:
    ///   - settings: keys that were set, with their origins and the values that may be shown.
    ///   - problems: problems of the configuration.
    package static func run(
        conninfo: String, settings: [JSONObject], problems: [String], asJSON: Bool
    ) async throws {
        var sections: [(title: String, rows: [JSONObject])] = [
            ("program", [program]), ("settings", settings),
        ]
        if !problems.isEmpty {
            sections.append(("problems of the configuration", problems.map { JSONObject([("problem", .string($0))]) }))
        }
        do {
            let parts = try await CommandConnection.with(conninfo) { client in await client.diagnosis() }
            sections += parts.map { ($0.title, $0.rows) }
        } catch {
            sections.append(("database", [JSONObject([("error", .string("\(error)"))])]))
        }
        if asJSON {
            let object = JSONObject(sections.map { ($0.title, .array($0.rows.map { .object($0) })) })
            print(JSONValue.object(object).serialized())
            return
        }
        print("moed doctor: no texts of jobs, names of tenants, passwords or keys are in this")
        for section in sections {
            print(StatusReport.section(section.title, section.rows, none: "nothing"), terminator: "")
        }
    }

    private static var program: JSONObject {
        JSONObject([
            ("version", .string(Version.text)), ("cores", .integer(Int64(Host.physicalCores))),
            ("memory_available", .integer(Int64(HostMemory.available))), ("system", .string(Host.systemName)),
        ])
    }
}
