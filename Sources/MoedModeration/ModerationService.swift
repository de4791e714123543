package import MoedRemoteHTTP

/// A service with OpenAI's `/v1/moderations`, as the configuration names it.
package struct ModerationService: Sendable, Equatable {
    package var address: HTTPEndpoint
    /// Model that is named in requests; nil names none.
    package var model: String?
    /// Time for the answer to one request, with its repetitions.
    package var timeLimit: Duration
    package var inFlightMax: Int

    package init(
        address: HTTPEndpoint, model: String? = nil, timeLimit: Duration = .seconds(30), inFlightMax: Int = 8
    ) {
        self.address = address
        self.model = model
        self.timeLimit = timeLimit
        self.inFlightMax = inFlightMax
    }
}
