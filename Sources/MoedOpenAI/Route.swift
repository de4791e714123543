/// A request's method and path, as what it asks for.
package enum Route: Sendable, Equatable {
    case health
    case document
    case models
    case model(String)
    case uploadFile
    case files(ListQuery)
    case file(FileID)
    case deleteFile(FileID)
    case fileContent(FileID)
    case createBatch
    case batches(ListQuery)
    case batch(BatchID)
    case cancelBatch(BatchID)
    case direct(DirectRequest.Kind)
    case messages(MessageRoute)

    /// - Parameter target: path and query, as in the first line of the request.
    package init(method: String, target: String) throws(APIError) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(parts[0])
        let steps = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        let query = parts.count > 1 ? String(parts[1]) : ""
        if path == "/healthz" || path == "/openapi.json" {
            try Self.require(method, ["GET"], path)
            self = path == "/healthz" ? .health : .document
            return
        }
        guard path.utf8.count <= Self.pathBytesMax, steps.first == "v1", steps.count >= 2 else {
            throw Self.unknown(path)
        }
        let rest = Array(steps.dropFirst(2))
        switch steps[1] {
        case "models": self = try Self.models(method, path, rest)
        case "files": self = try Self.files(method, path, rest, query)
        case "batches": self = try Self.batches(method, path, rest, query)
        case "chat" where rest == ["completions"], "completions" where rest.isEmpty, "responses" where rest.isEmpty,
            "embeddings" where rest.isEmpty:
            try Self.require(method, ["POST"], path)
            self = .direct(Self.direct(steps[1]))
        case "messages" where rest.first == "batches":
            self = .messages(try MessageRoute(method, path, Array(rest.dropFirst()), query))
        case "responses": throw APIError(404, "responses are not kept", code: "not_found")
        default: throw Self.unknown(path)
        }
    }

    private static let pathBytesMax = 1024

    static func unknown(_ path: String) -> APIError {
        APIError(404, "there is no \(shown(path)) in this API", code: "unknown_url")
    }

    /// The beginning of a text from outside, on one line.
    static func shown(_ text: String) -> String {
        String(text.unicodeScalars.prefix(100).map { $0.value < 32 || $0.value == 127 ? "?" : Character($0) })
    }

    static func require(_ method: String, _ methods: [String], _ path: String) throws(APIError) {
        guard !methods.contains(method) else { return }
        var error = APIError(
            405, "\(shown(path)) takes \(methods.joined(separator: " or ")), not \(shown(method))",
            code: "method_not_allowed")
        error.allowed = methods
        throw error
    }

    private static func direct(_ step: String) -> DirectRequest.Kind {
        switch step {
        case "chat": .chat
        case "responses": .responses
        case "embeddings": .embeddings
        default: .completions
        }
    }

    private static func models(_ method: String, _ path: String, _ rest: [String]) throws(APIError) -> Route {
        try require(method, ["GET"], path)
        // A name may hold slashes, such as Qwen/Qwen3-30B-A3B.
        return rest.isEmpty ? .models : .model(PercentText.decoded(rest.joined(separator: "/")))
    }

    private static func files(
        _ method: String, _ path: String, _ rest: [String], _ query: String
    ) throws(APIError) -> Route {
        guard let text = rest.first else {
            try require(method, ["GET", "POST"], path)
            return method == "POST" ? .uploadFile : .files(try ListQuery(query))
        }
        guard let id = FileID(text) else { throw .missing("file", shown(text)) }
        if rest.count == 1 {
            try require(method, ["GET", "DELETE"], path)
            return method == "GET" ? .file(id) : .deleteFile(id)
        }
        guard rest == [text, "content"] else { throw unknown(path) }
        try require(method, ["GET"], path)
        return .fileContent(id)
    }

    private static func batches(
        _ method: String, _ path: String, _ rest: [String], _ query: String
    ) throws(APIError) -> Route {
        guard let text = rest.first else {
            try require(method, ["GET", "POST"], path)
            return method == "POST" ? .createBatch : .batches(try ListQuery(query))
        }
        guard let id = BatchID(text) else { throw .missing("batch", shown(text)) }
        if rest.count == 1 {
            try require(method, ["GET"], path)
            return .batch(id)
        }
        guard rest == [text, "cancel"] else { throw unknown(path) }
        try require(method, ["POST"], path)
        return .cancelBatch(id)
    }
}
