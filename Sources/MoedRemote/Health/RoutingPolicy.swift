/// Choice of an endpoint for a request, among those that can take it. The raw values are those of `routing.policy`.
package enum RoutingPolicy: String, Sendable, CaseIterable {
    /// The first in the order of the list.
    case failover
    /// The lowest expected cost. An endpoint without prices costs nothing.
    case cheapest
    /// The shortest expected time, by measured tokens per second. An endpoint that was not measured comes first.
    case fastest
    /// The lowest expected cost among those that end the job before its deadline; the fastest when none does. An
    /// endpoint that was not measured counts as in time.
    case deadline

    /// An endpoint that can take the request.
    package struct Candidate: Sendable, Equatable {
        /// Place in the list.
        package var index: Int
        /// Expected cost; nil without prices.
        package var cost: Double?
        /// Expected seconds to the end of the request; nil before the first measurement.
        package var seconds: Double?

        package init(index: Int, cost: Double? = nil, seconds: Double? = nil) {
            (self.index, self.cost, self.seconds) = (index, cost, seconds)
        }
    }

    /// Equal candidates are taken in the order of the list. Nil without a candidate.
    ///
    /// - Parameter left: seconds until the job's deadline; nil without one.
    package func choose(_ candidates: [Candidate], left: Double? = nil) -> Int? {
        var candidates = candidates
        var policy = self
        if self == .deadline {
            let inTime = candidates.filter { ($0.seconds ?? 0) <= left ?? .infinity }
            policy = inTime.isEmpty ? .fastest : .cheapest
            if !inTime.isEmpty { candidates = inTime }
        }
        return candidates.min { (policy.rank($0), $0.index) < (policy.rank($1), $1.index) }?.index
    }

    private func rank(_ candidate: Candidate) -> Double {
        switch self {
        case .failover, .deadline: 0
        case .cheapest: candidate.cost ?? 0
        case .fastest: candidate.seconds ?? 0
        }
    }
}
