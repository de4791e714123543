#if HTTP
import HummingbirdCore
import MoedClient
import MoedCore
import MoedOpenAI

extension Responder {
    func createBatch(_ request: Request, _ key: String) async throws(APIError) -> Answer {
        let id = try await store.createBatch(key, try BatchRequest(try await body(of: request)))
        imports.wake()
        return .object(try await batch(id, key).object)
    }

    func batch(_ id: BatchID, _ key: String) async throws(APIError) -> BatchObject {
        guard let batch = try await store.batch(key, id) else { throw .missing("batch", id.description) }
        return batch
    }

    func batches(_ query: ListQuery, _ key: String) async throws(APIError) -> Answer {
        let limit = min(query.limit ?? 20, 100)
        let batches = try await store.batches(key, after: query.after, limit: limit + 1)
        let shown = batches.prefix(limit)
        return .object(
            ListObject.of(
                shown.map(\.object), ids: shown.map(\.id.description), hasMore: batches.count > limit))
    }
}
#endif
