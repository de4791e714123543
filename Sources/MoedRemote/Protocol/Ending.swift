/// End of a request, as the client saw it.
package enum Ending: Sendable, Equatable {
    /// A `finish_reason` of `stop` or `length` arrived, and the counts agree with it.
    case finished(Finish, usage: ReportedUsage?)
    /// The server answered with an error before a stream began.
    case status(Int, ServerError, retryAfter: String?)
    case unreachable(String)
    case insecure(String)
    /// The stream broke: tokens so far are kept, unless their counts are wrong.
    case broken(Break)

    package enum Finish: String, Sendable {
        case stop
        case length
    }

    package enum Break: Sendable, Equatable {
        /// The connection ended without a `finish_reason`; `[DONE]` alone is the same.
        case cut
        /// An event with an error in a stream that had begun well.
        case serverError(ServerError)
        /// No event for too long; `hasBegun` tells whether a token had arrived.
        case stalled(hasBegun: Bool)
        /// The provider ended the answer by a rule of its own.
        case contentFilter
        /// A `finish_reason` that is none of an answer: `abort`, `error`, `repetition`.
        case foreignFinish(String)
        /// The engine ended at a token that moed does not end at.
        case foreignStop
        /// The engine ended at `length` before it had generated what was asked for.
        case clamped
        case malformed(String)
        /// Number of tokens and reported count differ: events were lost or came twice.
        case countsDiffer
        /// Text without token ids, or a prompt with other ids: not the token level, or another model.
        case noTokens(String)
        /// A response beyond the limits of size or of tokens.
        case tooLarge(String)
    }
}
