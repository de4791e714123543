import MoedCore
import MoedOpenAI
import Testing

/// The document of the API and the router know the same requests.
@Suite struct DocumentTests {
    private static let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
    private static let samples = [
        "{model}": "Qwen%2FQwen3", "{file_id}": "file-" + String(repeating: "0", count: 32),
        "{batch_id}": "batch_" + String(repeating: "a", count: 32),
        "{message_batch_id}": "msgbatch_" + String(repeating: "b", count: 32),
    ]

    private func document() throws -> JSONObject {
        try #require(try JSONValue(parsing: OpenAPIDocument.text).object)
    }

    private func paths() throws -> JSONObject { try #require(try document()["paths"]?.object) }

    private func target(_ path: String) -> String {
        Self.samples.reduce(path) { $0.replacing($1.key, with: $1.value) }
    }

    /// Each operation is a route with its name, and each other method of a path is refused with the right ones.
    @Test func operationsAreRoutes() throws {
        for (path, item) in try paths().members.map({ ($0.key, $0.value) }) {
            let operations = try #require(item.object).members.map { $0.key.uppercased() }
            for method in Self.methods {
                if operations.contains(method) {
                    #expect(try Route(method: method, target: target(path)).pattern == "\(method) \(path)")
                } else {
                    let error = #expect(throws: APIError.self) { try Route(method: method, target: target(path)) }
                    #expect(error?.status == 405 && Set(error?.allowed ?? []) == Set(operations), "\(method) \(path)")
                }
            }
        }
    }

    /// Each route is an operation.
    @Test func routesAreOperations() throws {
        var found: Set<String> = []
        for (path, item) in try paths().members.map({ ($0.key, $0.value) }) {
            for operation in try #require(item.object).members { found.insert("\(operation.key.uppercased()) \(path)") }
        }
        #expect(Set(Self.routes.map(\.pattern)) == found)
    }

    /// A value of each case; a new case does not compile here before it has one.
    private static let routes: [Route] = {
        let id = UUIDText(compact: String(repeating: "0", count: 32))
        guard let id, let query = try? ListQuery("") else { return [] }
        var routes: [Route] = [.health]
        var next: Route? = .health
        while let route = next {
            next =
                switch route {
                case .health: .document
                case .document: .models
                case .models: .model("m")
                case .model: .uploadFile
                case .uploadFile: .files(query)
                case .files: .file(.upload(id))
                case .file: .deleteFile(.upload(id))
                case .deleteFile: .fileContent(.upload(id))
                case .fileContent: .createBatch
                case .createBatch: .batches(query)
                case .batches: .batch(BatchID(id))
                case .batch: .cancelBatch(BatchID(id))
                case .cancelBatch: .direct(.chat)
                case .direct(.chat): .direct(.completions)
                case .direct(.completions): .direct(.responses)
                case .direct(.responses): .direct(.embeddings)
                case .direct(.embeddings): .messages(.create)
                case .messages(.create): .messages(.list(query))
                case .messages(.list): .messages(.batch(MessageBatchID(id)))
                case .messages(.batch): .messages(.results(MessageBatchID(id)))
                case .messages(.results): .messages(.cancel(MessageBatchID(id)))
                case .messages(.cancel): nil
                }
            if let next { routes.append(next) }
        }
        return routes
    }()

    /// Whatever the document points to is in it, and its version is the program's.
    @Test func theDocumentIsComplete() throws {
        let document = try document()
        #expect(document["openapi"] == "3.1.0" && document["info"]?["version"] == .string(Version.text))
        for match in OpenAPIDocument.text.matches(of: #/"\$ref": "#/components/([a-z]+)/([A-Za-z]+)"/#) {
            #expect(document["components"]?[String(match.1)]?[String(match.2)] != nil, "\(match.0)")
        }
    }
}
