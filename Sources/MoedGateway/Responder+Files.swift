#if HTTP
import HTTPTypes
import HummingbirdCore
import MoedClient
import MoedCore
import MoedOpenAI
import NIOCore

extension Responder {
    /// Stores an upload slice by slice. A broken upload leaves a file that is never shown and that is deleted later.
    func upload(_ request: Request, _ key: String) async throws(APIError) -> Answer {
        // A file of that size has a form around it.
        if let length = request.headers[.contentLength].flatMap({ Int($0) }),
            length > settings.file.bytes.clampedSum(1 << 20)
        {
            throw APIError(413, "the file has more than \(settings.file.bytes) bytes", param: "file")
        }
        var form = try UploadForm(contentType: request.headers[.contentType], limits: settings.file)
        var file: UUIDText?
        var parts = 0
        func store(_ slice: LineSlicer.Slice, _ name: String) async throws(APIError) {
            let id: UUIDText
            if let file { id = file } else { id = try await self.store.beginFile(key, name: name) }
            file = id
            try await self.store.addPart(key, id, part: parts, slice)
            parts += 1
        }
        do {
            for try await buffer in request.body {
                metrics.received(buffer.readableBytes)
                for slice in try form.add(buffer.readableBytesView) {
                    try await store(slice, form.fileName ?? "")
                }
            }
        } catch let error as APIError {
            throw error
        } catch {
            throw .invalid("the upload ended early")
        }
        if let slice = try form.finish() { try await store(slice, form.fileName ?? "") }
        let purpose = try form.purpose()
        let id: UUIDText
        if let file {
            id = file
        } else {
            id = try await self.store.beginFile(key, name: form.fileName ?? "")
        }
        try await self.store.finishFile(key, id, purpose: purpose, expiry: try form.expiry())
        return .object(try await self.file(.upload(id), key).object)
    }

    /// An uploaded file, or an output file as long as its batch has one.
    func file(_ id: FileID, _ key: String) async throws(APIError) -> FileObject {
        let missing = APIError.missing("file", id.description)
        switch id {
        case .upload(let uuid):
            guard let file = try await store.file(key, uuid) else { throw missing }
            return file
        case .output(let uuid), .errors(let uuid):
            let isOutput = id == .output(batch: uuid)
            guard let batch = try await store.batch(key, BatchID(uuid)),
                isOutput ? batch.hasOutput : batch.hasErrors
            else { throw missing }
            // The size is known once it is written, line by line.
            var file = FileObject(
                id: id, name: "\(batch.id)_\(isOutput ? "output" : "error").jsonl",
                purpose: "batch_output",
                bytes: 0,
                createdAt: batch.finishedAt ?? batch.createdAt)
            file.expiresAt = batch.outputExpiresAt
            return file
        }
    }

    func files(_ query: ListQuery, _ key: String) async throws(APIError) -> Answer {
        let limit = query.limit ?? ListQuery.limitMax
        let files = try await store.files(key, query, limit: limit + 1)
        let shown = files.prefix(limit)
        return .object(
            ListObject.of(
                shown.map(\.object), ids: shown.map(\.id.description), hasMore: files.count > limit)
        )
    }

    func delete(_ id: FileID, _ key: String) async throws(APIError) -> Answer {
        guard try await store.delete(key, id) else { throw .missing("file", id.description) }
        return .object(FileObject.deleted(id))
    }

    /// Parts of an upload, or lines of an output, a statement each. A slow client holds no connection to the database.
    func content(_ id: FileID, _ key: String) async throws(APIError) -> Answer {
        _ = try await file(id, key)
        let store = store
        switch id {
        case .upload(let uuid):
            return .text(type: "application/octet-stream") { @concurrent writer in
                var part = 0
                while let text = try await store.part(key, uuid, part) {
                    try await writer.write(ByteBuffer(string: text))
                    part += 1
                }
            }
        case .output(let batch), .errors(let batch):
            return .text(type: "application/jsonl") { @concurrent writer in
                var line = 0
                while true {
                    let lines = try await store.output(
                        key, batch, answers: id == .output(batch: batch), after: line,
                        limit: Self.linesPerStatement)
                    guard let last = lines.last else { return }
                    line = last.line
                    let text = lines.compactMap { $0.text.map { $0 + "\n" } }.joined()
                    if !text.isEmpty { try await writer.write(ByteBuffer(string: text)) }
                }
            }
        }
    }

    private static let linesPerStatement = 200
}

extension Int {
    fileprivate func clampedSum(_ other: Int) -> Int {
        let (sum, isTooLarge) = addingReportingOverflow(other)
        return isTooLarge ? .max : sum
    }
}
#endif
