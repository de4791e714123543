package import MoedCore

/// Bytes of request bodies: part of the memory plan.
extension RequestPreparer {
    /// Bytes of the bodies of all jobs that wait for their preparation. One body of any accepted length always fits.
    package static let waitingBytes = 16 << 20

    /// Memory of one preparation as a multiple of the body: text, parsed values, prompt, normalised bytes, tokens.
    /// A body of combining marks takes the most: 17 times its bytes.
    private static let copies = 18

    /// Bytes of all texts that the template makes, as a multiple of the body. Qwen's templates copy a message up to
    /// seven times.
    private static let templateCopies = 10

    /// Maximum number of JSON values in a body: each takes memory that its text does not show.
    var bodyValuesMax: Int { max(1 << 16, 2 * min(limits.contextLength, RequestLimit.bodyBytesMax)) }

    var templateBytes: Int { Self.templateCopies * bodyBytesMax }

    private var bodyBytesMax: Int {
        RequestLimit.bodyBytes(context: min(limits.contextLength, limits.kvTokens))
    }

    /// Room of a runner without started jobs.
    package var requestRoom: RequestRoom { RequestRoom(bodyMax: bodyBytesMax, bytes: Self.waitingBytes) }

    /// Error of a job whose body was not fetched.
    var bodyTooLarge: RequestError {
        RequestError(
            .promptTooLarge,
            "the request is longer than \(bodyBytesMax) bytes: no prompt of that size fits the context of "
                + "\(min(limits.contextLength, limits.kvTokens)) tokens; split it")
    }

    /// Error of a job whose body has more members, elements or token ids than a prompt needs.
    var bodyHasTooManyValues: RequestError {
        RequestError(
            .promptTooLarge,
            "the request has more than \(bodyValuesMax) JSON values: no prompt of that size fits the context of "
                + "\(min(limits.contextLength, limits.kvTokens)) tokens; split it")
    }

    /// Memory that the bodies of a claim, one preparation and constraints take at most, in bytes. Rows of a claim exist
    /// twice: as the server's answer and as text.
    package static func memory(context tokens: Int, vocabulary: Int) -> Int {
        let body = RequestLimit.bodyBytes(context: tokens)
        return 2 * (waitingBytes + body) + copies * body + ConstraintCache.memory(vocabulary: vocabulary)
    }
}
