/// Requests of Anthropic's API for batches.
package enum MessageRoute: Sendable, Equatable {
    case create
    case list(ListQuery)
    case batch(MessageBatchID)
    case results(MessageBatchID)
    case cancel(MessageBatchID)

    init(_ method: String, _ path: String, _ rest: [String], _ query: String) throws(APIError) {
        guard let text = rest.first else {
            try Route.require(method, ["GET", "POST"], path)
            self = method == "POST" ? .create : .list(try ListQuery(query))
            return
        }
        guard let id = MessageBatchID(text) else { throw .missing("batch", Route.shown(text)) }
        switch rest.dropFirst() {
        case []:
            try Route.require(method, ["GET"], path)
            self = .batch(id)
        case ["results"]:
            try Route.require(method, ["GET"], path)
            self = .results(id)
        case ["cancel"]:
            try Route.require(method, ["POST"], path)
            self = .cancel(id)
        default: throw Route.unknown(path)
        }
    }
}
