/// Choice of an endpoint for a request, among those that can take it. The raw values are those of `routing.policy`.
package enum RoutingPolicy: String, Sendable, CaseIterable {
    /// The first in the order of the list.
    case failover
    /// The lowest expected cost. An endpoint without prices costs nothing.
    case cheapest
    /// The shortest expected time, by measured tokens per second. An endpoint that was not measured comes first.
    case fastest

    /// An endpoint that can take the request.
    package struct Candidate: Sendable, Equatable {
        /// Place in the list.
        package var index: Int
        /// Expected cost; nil without prices.
        package var cost: Double?
        /// Tokens per second of one request; nil before the first measurement.
        package var speed: Double?

        package init(index: Int, cost: Double? = nil, speed: Double? = nil) {
            (self.index, self.cost, self.speed) = (index, cost, speed)
        }
    }

    /// Equal candidates are taken in the order of the list. Nil without a candidate.
    package func choose(_ candidates: [Candidate]) -> Int? {
        candidates.min { (rank($0), $0.index) < (rank($1), $1.index) }?.index
    }

    private func rank(_ candidate: Candidate) -> Double {
        switch self {
        case .failover: 0
        case .cheapest: candidate.cost ?? 0
        case .fastest: candidate.speed.map { 1 / max($0, 1e-9) } ?? 0
        }
    }
}
