package import MoedCore

/// A batch of the API, with all members of OpenAI's object.
package struct BatchObject: Sendable, Equatable {
    /// Token counts; OpenAI counts those of answers only.
    package struct Usage: Sendable, Equatable {
        package var prompt = 0
        package var cached = 0
        package var completion = 0
        package var reasoning = 0

        package init() {}
    }

    package var id: BatchID
    /// validating, failed, in_progress, completed, expired, cancelling or cancelled.
    package var status: String
    package var inputFile: UUIDText?
    package var window: String?
    package var metadata: JSONValue?
    package var model: String?
    // Unix seconds.
    package var createdAt: Int
    package var sealedAt: Int?
    package var expiresAt: Int?
    package var finishedAt: Int?
    package var cancelledAt: Int?
    package var total = 0
    package var completed = 0
    /// Jobs and lines that ended without an answer, cancelled and expired ones included.
    package var failed = 0
    package var cancelled = 0
    package var expired = 0
    package var usage = Usage()
    package var hasOutput = false
    package var hasErrors = false
    /// When its output files expire, Unix seconds.
    package var outputExpiresAt: Int?
    /// Lines of the input that are at fault: an array of OpenAI's error objects.
    package var lineErrors: JSONValue?

    package init(id: BatchID, status: String, createdAt: Int) {
        self.id = id
        self.status = status
        self.createdAt = createdAt
    }

    package static let endpoint = "/v1/chat/completions"

    package var object: JSONValue {
        .object(
            JSONObject(
                [
                    ("id", .string(id.description)), ("object", "batch"),
                    ("endpoint", .string(Self.endpoint)),
                    ("model", model.map { .string($0) } ?? .null),
                    ("errors", lineErrors.map { ["object": "list", "data": $0] } ?? .null),
                    ("input_file_id", .string(inputFile.map { FileID.upload($0).description } ?? "")),
                    ("completion_window", .string(window ?? "24h")), ("status", .string(status)),
                    (
                        "output_file_id",
                        hasOutput ? .string(FileID.output(batch: id.uuid).description) : .null
                    ),
                    ("error_file_id", hasErrors ? .string(FileID.errors(batch: id.uuid).description) : .null),
                ] + times
                    + [
                        (
                            "request_counts",
                            ["total": count(total), "completed": count(completed), "failed": count(failed)]
                        ),
                        ("usage", usageObject), ("metadata", metadata ?? .null),
                    ]))
    }

    private var times: [(String, JSONValue)] {
        func time(_ value: Int?, when holds: Bool = true) -> JSONValue {
            holds ? value.map(count) ?? .null : .null
        }
        return [
            ("created_at", count(createdAt)), ("in_progress_at", time(sealedAt)),
            ("expires_at", time(expiresAt)),
            ("finalizing_at", time(finishedAt, when: status == "completed")),
            ("completed_at", time(finishedAt, when: status == "completed")),
            ("failed_at", time(finishedAt ?? sealedAt, when: status == "failed")),
            ("expired_at", time(finishedAt, when: status == "expired")),
            ("cancelling_at", time(cancelledAt)),
            ("cancelled_at", time(finishedAt ?? cancelledAt, when: status == "cancelled")),
        ]
    }

    private var usageObject: JSONValue {
        let (sum, isTooLarge) = usage.prompt.addingReportingOverflow(usage.completion)
        return [
            "input_tokens": count(usage.prompt),
            "input_tokens_details": ["cached_tokens": count(usage.cached)],
            "output_tokens": count(usage.completion),
            "output_tokens_details": ["reasoning_tokens": count(usage.reasoning)],
            "total_tokens": count(isTooLarge ? .max : sum),
        ]
    }

    private func count(_ value: Int) -> JSONValue { .integer(Int64(value)) }
}
