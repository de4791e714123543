import MoedOpenAI
import Testing

struct RouteTests {
    private static let hex = String(repeating: "0a", count: 16)

    private func route(_ method: String, _ target: String) -> Result<Route, APIError> {
        Result { () throws(APIError) in try Route(method: method, target: target) }
    }

    private func status(_ method: String, _ target: String) -> Int {
        if case .failure(let error) = route(method, target) { error.status } else { 200 }
    }

    @Test func everyPathIsKnown() throws {
        let uuid = try #require(UUIDText(compact: Self.hex))
        var query = try ListQuery("")
        query.limit = 3
        query.after = "file-x y"
        query.isOldestFirst = true
        query.purpose = "batch"
        let cases: [(String, String, Route)] = [
            ("GET", "/healthz", .health), ("GET", "/v1/models", .models),
            ("GET", "/v1/models/Qwen%2FQwen3", .model("Qwen/Qwen3")), ("GET", "/v1/models/Qwen/Qwen3", .model("Qwen/Qwen3")),
            ("POST", "/v1/files", .uploadFile),
            ("GET", "/v1/files?limit=3&after=file-x%20y&order=asc&purpose=batch&other=1", .files(query)),
            ("GET", "/v1/files/file-\(Self.hex)", .file(.upload(uuid))),
            ("DELETE", "/v1/files/file-output-\(Self.hex)", .deleteFile(.output(batch: uuid))),
            ("GET", "/v1/files/file-error-\(Self.hex)/content", .fileContent(.errors(batch: uuid))),
            ("POST", "/v1/batches", .createBatch), ("GET", "/v1/batches", .batches(try ListQuery(""))),
            ("GET", "/v1/batches/batch_\(Self.hex)", .batch(BatchID(uuid))),
            ("POST", "/v1/batches/batch_\(Self.hex)/cancel", .cancelBatch(BatchID(uuid))),
            ("POST", "/v1/chat/completions", .direct(.chat)), ("POST", "/v1/completions", .direct(.completions)),
            ("POST", "/v1/responses", .direct(.responses)), ("POST", "/v1/embeddings", .direct(.embeddings)),
        ]
        for (method, target, expected) in cases { #expect(route(method, target) == .success(expected), "\(target)") }
    }

    @Test func otherPathsAreRefused() {
        let cases: [(String, String, Int)] = [
            ("GET", "/", 404), ("GET", "", 404), ("GET", "/v1", 404), ("GET", "/v2/models", 404), ("POST", "/v1/models", 405),
            ("DELETE", "/healthz", 405), ("GET", "/v1/files/", 404), ("GET", "/v1/files/..", 404),
            ("GET", "/v1/files/file-\(Self.hex.uppercased())", 404), ("GET", "/v1/files/file-\(Self.hex)/content/x", 404),
            ("POST", "/v1/files/file-\(Self.hex)", 405), ("GET", "/v1/batches/batch_\(Self.hex)/cancel", 405),
            ("GET", "/v1/chat/completions", 405), ("GET", "/v1/completions", 405), ("GET", "/v1/responses/resp_1", 404),
            ("GET", "/v1/embeddings", 405), ("POST", "/v1/embeddings/x", 404),
            ("POST", "/v1/completions/x", 404), ("POST", "/v1/chat", 404), ("GET", "/v1/files?order=up", 400),
            ("GET", "/v1/batches?limit=x", 400), ("GET", "/" + String(repeating: "v1/", count: 10_000), 404),
        ]
        for (method, target, expected) in cases { #expect(status(method, target) == expected, "\(method) \(target)") }
    }

    @Test func keysAreDigestsOutside() throws {
        let (key, other) = (GatewayKey(), GatewayKey())
        #expect(key.text != other.text && key.text.count == 56 && key.text.hasPrefix(key.hint))
        #expect(try GatewayKey.digest(authorization: "bearer  \(key.text)") == key.digest)
        for header in [nil, "", "Bearer", key.text, "Basic x"] as [String?] {
            #expect(throws: APIError.self) { try GatewayKey.digest(authorization: header) }
        }
    }
}
