/// State of an endpoint as its worker sees it.
package struct EndpointReport: Sendable, Equatable {
    package enum State: String, Sendable {
        /// The next probe decides.
        case unknown
        /// It takes requests.
        case up
        /// It takes none until the end of a pause.
        case out
    }

    package var name: String
    package var api: String
    /// Name of the model at the endpoint.
    package var model: String
    package var state = State.unknown
    /// Time since the last change of `state`.
    package var age = Duration.zero
    /// Reason why it takes no requests.
    package var reason: String?
    /// Time until the end of the pause; nil without one.
    package var cooldown: Duration?
    package var inFlight = 0
    /// Number of requests that may be in flight.
    package var window = 0
    package var tokensPerSecond = 0.0
    package var requests = 0
    package var tokens = 0
    /// Tenants whose jobs it may run; nil: all that may leave the house.
    package var trusted: [String]?
    package var isOutside = false
    /// Failed requests by kind.
    package var errors: [String: Int] = [:]

    package init(name: String, api: String, model: String) {
        (self.name, self.api, self.model) = (name, api, model)
    }
}
