package import MoedCore

/// A batch in the form of Anthropic's API.
package enum MessageBatchObject {
    /// - Parameter origin: scheme and host of the request, for the address of the results.
    package static func of(_ batch: BatchObject, origin: String) -> JSONValue {
        let id = MessageBatchID(batch.id.uuid).description
        let hasEnded = ["completed", "failed", "expired", "cancelled"].contains(batch.status)
        let isCancelled = batch.cancelledAt != nil
        let errored = batch.failed - batch.cancelled - batch.expired
        return [
            "id": .string(id), "type": "message_batch",
            "processing_status": hasEnded ? "ended" : isCancelled ? "canceling" : "in_progress",
            "request_counts": [
                "processing": count(batch.total - batch.completed - batch.failed), "succeeded": count(batch.completed),
                "errored": count(errored), "canceled": count(batch.cancelled), "expired": count(batch.expired),
            ],
            "created_at": time(batch.createdAt), "expires_at": time(batch.expiresAt ?? batch.createdAt),
            "ended_at": hasEnded ? time(batch.finishedAt ?? batch.cancelledAt ?? batch.createdAt) : .null,
            "cancel_initiated_at": batch.cancelledAt.map(time) ?? .null, "archived_at": .null,
            "results_url": hasEnded ? .string("\(origin)/v1/messages/batches/\(id)/results") : .null,
        ]
    }

    /// The list of batches.
    package static func list(_ objects: [JSONValue], hasMore: Bool) -> JSONValue {
        [
            "data": .array(objects), "has_more": .bool(hasMore), "first_id": objects.first?["id"] ?? .null,
            "last_id": objects.last?["id"] ?? .null,
        ]
    }

    /// The body of an error.
    package static func error(_ error: APIError, requestID: String) -> JSONValue {
        let type =
            switch error.status {
            case 401: "authentication_error"
            case 403: "permission_error"
            case 404: "not_found_error"
            case 413: "request_too_large"
            case 429: "rate_limit_error"
            case 500...: "api_error"
            default: "invalid_request_error"
            }
        return [
            "type": "error", "error": ["type": .string(type), "message": .string(error.message)],
            "request_id": .string(requestID),
        ]
    }

    private static func count(_ value: Int) -> JSONValue { .integer(Int64(max(0, value))) }

    /// RFC 3339 in UTC.
    private static func time(_ seconds: Int) -> JSONValue {
        let days = seconds / 86_400
        let (rest, date) = (seconds % 86_400, CivilDate(day: days))
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return .string(
            "\(date.year)-\(two(date.month))-\(two(date.day))T"
                + "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z")
    }
}

/// A day of the proleptic Gregorian calendar.
struct CivilDate: Equatable {
    var year: Int
    var month: Int
    var day: Int

    /// - Parameter day: days since 1970-01-01, not negative.
    init(day number: Int) {
        // Years begin in March, so that the leap day is the last one.
        let shifted = number + 719_468
        let era = shifted / 146_097
        let place = shifted % 146_097
        let year = (place - place / 1460 + place / 36_524 - place / 146_096) / 365
        let dayOfYear = place - (365 * year + year / 4 - year / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        self.year = year + era * 400 + (month <= 2 ? 1 : 0)
    }
}

/// The id of a batch in Anthropic's API.
package struct MessageBatchID: Sendable, Equatable, CustomStringConvertible {
    package var uuid: UUIDText

    private static let mark = "msgbatch_"

    package init(_ uuid: UUIDText) { self.uuid = uuid }

    /// Reads an id; nil when the text is none.
    package init?(_ text: some StringProtocol) {
        guard text.hasPrefix(Self.mark), let id = UUIDText(compact: text.dropFirst(Self.mark.count)) else { return nil }
        uuid = id
    }

    package var description: String { Self.mark + uuid.compact }
}
