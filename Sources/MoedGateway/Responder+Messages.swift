#if HTTP
import HTTPTypes
import HummingbirdCore
import MoedClient
import MoedCore
import MoedOpenAI
import NIOCore

/// Batches in the form of Anthropic's API. They are batches like all others.
extension Responder {
    private static let window = "24h"
    /// Time for which the requests are kept as a file.
    private static let fileSeconds = 86_400
    private static let linesPerStatement = 200

    func messages(_ route: MessageRoute, _ request: Request, _ key: String) async throws(APIError) -> Answer {
        let origin = "http://\(request.head.authority ?? "localhost")"
        switch route {
        case .create:
            let asked = try MessageBatchRequest(try await body(of: request))
            return .object(MessageBatchObject.of(try await batch(try await create(asked, key), key), origin: origin))
        case .list(let query):
            let limit = min(query.limit ?? 20, 100)
            let after = query.after.flatMap { MessageBatchID($0) }
            if query.after != nil, after == nil { return .object(MessageBatchObject.list([], hasMore: false)) }
            let batches = try await store.batches(
                key, after: after.map { BatchID($0.uuid).description }, limit: limit + 1)
            return .object(
                MessageBatchObject.list(
                    batches.prefix(limit).map { MessageBatchObject.of($0, origin: origin) },
                    hasMore: batches.count > limit))
        case .batch(let id):
            return .object(MessageBatchObject.of(try await batch(BatchID(id.uuid), key), origin: origin))
        case .cancel(let id):
            try await store.cancel(key, BatchID(id.uuid))
            return .object(MessageBatchObject.of(try await batch(BatchID(id.uuid), key), origin: origin))
        case .results(let id): return try await results(id, key)
        }
    }

    /// Stores the requests as a file that expires, and makes a batch of it.
    private func create(_ asked: MessageBatchRequest, _ key: String) async throws(APIError) -> BatchID {
        let file = try await store.beginFile(key, name: "message_batch.jsonl")
        var slicer = LineSlicer(settings.file)
        var part = 0
        for line in asked.lines {
            for slice in try slicer.add(Array(line.utf8)) {
                try await store.addPart(key, file, part: part, slice)
                part += 1
            }
        }
        if let slice = try slicer.finish() { try await store.addPart(key, file, part: part, slice) }
        try await store.finishFile(key, file, purpose: "batch", expiry: Self.fileSeconds)
        let id = try await store.createBatch(key, BatchRequest(inputFile: file, window: Self.window))
        imports.wake()
        return id
    }

    /// Answers and errors in the order of the requests, a statement for each of both kinds and each part.
    private func results(_ id: MessageBatchID, _ key: String) async throws(APIError) -> Answer {
        let batch = try await batch(BatchID(id.uuid), key)
        guard batch.finishedAt != nil || batch.status == "cancelled" else {
            throw APIError(409, "the batch has no results yet: it has not ended")
        }
        let store = store
        return .text(type: "application/x-jsonl") { @concurrent writer in
            var line = 0
            while true {
                let answers = try await store.output(
                    key, id.uuid, answers: true, after: line, limit: Self.linesPerStatement)
                let errors = try await store.output(
                    key, id.uuid, answers: false, after: line, limit: Self.linesPerStatement)
                guard let last = [answers.last?.line, errors.last?.line].compactMap({ $0 }).max() else { return }
                line = last
                let texts = (answers + errors).filter { $0.text != nil }.sorted { $0.line < $1.line }
                let text = texts.compactMap { $0.text.flatMap(MessageResult.line) }.joined()
                if !text.isEmpty { try await writer.write(ByteBuffer(string: text)) }
            }
        }
    }
}
#endif
