/// The query of a list: how many objects, after which one, in which order.
package struct ListQuery: Sendable, Equatable {
    package var limit: Int?
    package var after: String?
    package var isOldestFirst = false
    package var purpose: String?

    package static let limitMax = 10_000

    package init(_ query: String) throws(APIError) {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? PercentText.decoded(String(parts[1])) : ""
            switch parts[0] {
            case "limit":
                guard let number = Int(value), (1...Self.limitMax).contains(number) else {
                    throw .invalid("limit must be a whole number in 1…\(Self.limitMax)", param: "limit")
                }
                limit = number
            case "after", "after_id": after = value.isEmpty ? nil : value
            case "before_id" where !value.isEmpty:
                throw .invalid(
                    "before_id is not supported: use after_id", param: "before_id", code: "unsupported_parameter")
            case "order":
                guard ["asc", "desc"].contains(value) else {
                    throw .invalid("order must be asc or desc", param: "order")
                }
                isOldestFirst = value == "asc"
            case "purpose": purpose = value.isEmpty ? nil : value
            // Unknown members of a query are passed over, as OpenAI's API does.
            default: break
            }
        }
    }
}
