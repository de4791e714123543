import MoedPostgres

/// A statement in a file of `Statements/`, embedded in the program.
///
/// The file begins with comments: a line with its name, and a line for each parameter, as in `-- $1 worker bigint: …`.
/// A line without one of `types` is prose.
package struct NamedStatement: Sendable {
    package struct Parameter: Sendable, Equatable {
        package var name: String
        /// Type as PostgreSQL spells it, e.g. `bigint[]`.
        package var type: String
    }

    /// File name without its ending.
    package let name: String
    package let text: String
    /// Parameters in the order of their numbers.
    package let parameters: [Parameter]

    package init(name: String, text: String) {
        self.name = name
        self.text = text
        parameters = Self.parameters(in: text)
    }

    private init(_ name: String, _ bytes: [UInt8]) {
        self.init(name: name, text: String(decoding: bytes, as: UTF8.self))
    }

    private static func parameters(in text: String) -> [Parameter] {
        var parameters: [Parameter] = []
        for line in text.split(separator: "\n").prefix(while: { $0.hasPrefix("--") }) {
            let words = line.prefix { $0 != ":" }.split(separator: " ")
            guard words.count == 4, words[1] == "$\(parameters.count + 1)", types[String(words[3])] != nil
            else { continue }
            parameters.append(Parameter(name: String(words[2]), type: String(words[3])))
        }
        return parameters
    }
}

extension NamedStatement {
    static let announceBatches = NamedStatement("announce_batches", PackageResources.announce_batches_sql)
    static let backlog = NamedStatement("backlog", PackageResources.backlog_sql)
    static let cancelWaiting = NamedStatement("cancel_waiting", PackageResources.cancel_waiting_sql)
    static let census = NamedStatement("census", PackageResources.census_sql)
    static let checkpoint = NamedStatement("checkpoint", PackageResources.checkpoint_sql)
    static let claim = NamedStatement("claim", PackageResources.claim_sql)
    static let closeRequests = NamedStatement("close_requests", PackageResources.close_requests_sql)
    static let complete = NamedStatement("complete", PackageResources.complete_sql)
    static let deadlines = NamedStatement("deadlines", PackageResources.deadlines_sql)
    static let dueMaintenance = NamedStatement("due_maintenance", PackageResources.due_maintenance_sql)
    static let endAttempt = NamedStatement("end_attempt", PackageResources.end_attempt_sql)
    static let expire = NamedStatement("expire", PackageResources.expire_sql)
    static let leftover = NamedStatement("leftover", PackageResources.leftover_sql)
    static let loseRequests = NamedStatement("lose_requests", PackageResources.lose_requests_sql)
    static let openRequests = NamedStatement("open_requests", PackageResources.open_requests_sql)
    static let promote = NamedStatement("promote", PackageResources.promote_sql)
    static let reportEndpoints = NamedStatement("report_endpoints", PackageResources.report_endpoints_sql)
    static let resolveModels = NamedStatement("resolve_models", PackageResources.resolve_models_sql)
    static let takeBack = NamedStatement("take_back", PackageResources.take_back_sql)

    /// The statements of all files.
    package static let all = [
        announceBatches, backlog, cancelWaiting, census, checkpoint, claim, closeRequests, complete, deadlines,
        dueMaintenance, endAttempt, expire, leftover, loseRequests, openRequests, promote, reportEndpoints,
        resolveModels, takeBack,
    ]

    private static let types: [String: UInt32] = [
        "bigint": Int64.sqlType, "bigint[]": SQLArray<Int64>.sqlType, "int[]": SQLArray<Int32>.sqlType,
        "text": String.sqlType, "text[]": SQLArray<String>.sqlType, "boolean": Bool.sqlType,
        "boolean[]": SQLArray<Bool>.sqlType,
    ]

    /// Type ids of the parameters in `pg_type`; nil for a type that `types` lacks.
    fileprivate var parameterTypes: [UInt32?] { parameters.map { Self.types[$0.type] } }
}

extension SQL {
    /// Statement of a file with values for its parameters; their types are those of the file's header.
    init(_ statement: NamedStatement, _ binds: [Bind]) {
        assert(
            binds.map(\.type) == statement.parameterTypes,
            "the values do not fit the header of \(statement.name).sql")
        self.init(numbered: statement.text, binds: binds)
    }
}
