package import MoedCore

/// Consequences of an ending for the job and for the endpoint. The table of all endings is ``init(_:api:)``.
package struct Verdict: Sendable, Equatable {
    /// Kind of an error, for counts and logs.
    package enum Kind: String, Sendable, CaseIterable {
        case busy, unreachable, tls, credential, credit, model, path, request, server, cut, stalled, malformed
        case counts, tokens, clamped, filter
    }

    package enum ForJob: Sendable, Equatable {
        /// The request ended well.
        case goesOn
        /// Another request continues after the tokens so far, here or elsewhere. The job loses no attempt.
        case continues
        /// As `continues`, but the request may be to blame: the third time without a new token ends the attempt.
        case continuesAtRisk
        /// The tokens of this request are dropped; then as `continuesAtRisk`.
        case startsSegmentAgain
        /// No endpoint can run the request.
        case refused(RequestError)
    }

    package enum ForEndpoint: Sendable, Equatable {
        case healthy
        /// It refuses load: fewer requests, after a pause of `retryAfter`.
        case busy(retryAfter: String?)
        /// It may have died: the second time within a minute is `down`.
        case suspect
        /// It is probed after a pause, and takes no requests until then.
        case down
        /// An administrator must act: it is probed each minute.
        case unusable(String)
    }

    package var job: ForJob
    package var endpoint: ForEndpoint
    /// Nil when the request ended well.
    package var kind: Kind?

    private init(_ job: ForJob, _ endpoint: ForEndpoint, _ kind: Kind? = nil) {
        self.job = job
        self.endpoint = endpoint
        self.kind = kind
    }

    package init(_ ending: Ending, api: Endpoint.API) {
        self =
            switch ending {
            case .finished: Verdict(.goesOn, .healthy)
            case .status(let status, let error, let retryAfter): Self.table(status, error, retryAfter, api)
            case .unreachable: Verdict(.continues, .down, .unreachable)
            case .insecure(let reason): Verdict(.continues, .unusable("TLS: \(reason)"), .tls)
            case .broken(let reason): Self.table(reason)
            }
    }

    private static func table(
        _ status: Int, _ error: ServerError, _ retryAfter: String?, _ api: Endpoint.API
    ) -> Verdict {
        switch status {
        case 200..<300: Verdict(.continuesAtRisk, .suspect, .malformed)
        // Following a redirect would take the credential elsewhere.
        case 300..<400:
            Verdict(.continues, .unusable("it redirects (HTTP \(status)): set url to the new address"), .path)
        case 401, 403: Verdict(.continues, .unusable("it refuses the credential (HTTP \(status))"), .credential)
        case 402: Verdict(.continues, .unusable("it reports no credit (HTTP 402)"), .credit)
        case 404 where isAboutModel(error): Verdict(.continues, .unusable("it does not serve the model"), .model)
        case 404, 405: Verdict(.continues, .unusable("it has no path for api: \(api.rawValue) (HTTP \(status))"), .path)
        case 408, 504: Verdict(.continues, .busy(retryAfter: retryAfter), .stalled)
        case 429, 503, 529: Verdict(.continues, .busy(retryAfter: retryAfter), .busy)
        case 400..<500: Verdict(.refused(refusal(error, status)), .healthy, .request)
        default: Verdict(.continuesAtRisk, .suspect, .server)
        }
    }

    private static func table(_ reason: Ending.Break) -> Verdict {
        switch reason {
        case .cut: Verdict(.continuesAtRisk, .suspect, .cut)
        case .serverError(let error) where isAboutLoad(error):
            Verdict(.continues, .busy(retryAfter: nil), .busy)
        case .serverError: Verdict(.continuesAtRisk, .suspect, .server)
        case .stalled(let hasBegun): Verdict(hasBegun ? .continuesAtRisk : .continues, .down, .stalled)
        case .contentFilter: Verdict(.refused(filtered), .healthy, .filter)
        case .foreignFinish: Verdict(.continuesAtRisk, .suspect, .server)
        case .foreignStop: Verdict(.startsSegmentAgain, .unusable("it ends answers at a token of its own"), .tokens)
        case .clamped: Verdict(.continuesAtRisk, .suspect, .clamped)
        case .malformed: Verdict(.continuesAtRisk, .suspect, .malformed)
        case .countsDiffer: Verdict(.startsSegmentAgain, .suspect, .counts)
        case .noTokens(let reason): Verdict(.startsSegmentAgain, .unusable(reason), .tokens)
        case .tooLarge: Verdict(.startsSegmentAgain, .suspect, .malformed)
        }
    }

    private static let filtered = RequestError(.contentFilter, "the endpoint's content filter ended the answer")

    private static func isAboutModel(_ error: ServerError) -> Bool {
        error.type == "NotFoundError" || error.code == "model_not_found"
            || error.message.lowercased().contains("model")
    }

    /// Providers send the status of a refusal inside of a stream that has begun.
    private static func isAboutLoad(_ error: ServerError) -> Bool { ["429", "503", "529"].contains(error.code) }

    /// The error of a request that the server refuses. Its message is the server's.
    private static func refusal(_ error: ServerError, _ status: Int) -> RequestError {
        let text = error.message.lowercased()
        let isTooLong =
            ["input_tokens", "max_tokens", "prompt"].contains(error.param) || status == 413
            || text.contains("maximum context length") || text.contains("context window")
            || error.code == "context_length_exceeded"
        return RequestError(
            isTooLong ? .contextLengthExceeded : .invalidValue, param: error.param,
            "the endpoint refuses the request (HTTP \(status)): \(error.message)")
    }
}
