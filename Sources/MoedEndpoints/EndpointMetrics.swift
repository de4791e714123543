package import MoedFront
import MoedHost
package import MoedRemote

/// Status text about endpoints.
package enum EndpointStatus {
    private static let shownMax = 3

    /// Endpoints that take no requests, each with its reason and since when; nil when all take requests.
    package static func outages(_ snapshot: RemoteRunner.Snapshot?) -> String? {
        guard let snapshot else { return nil }
        let out = snapshot.endpoints.filter { !$0.breaker.isClosed && $0.breaker.reason != nil }
        guard !out.isEmpty else { return nil }
        let shown = out.prefix(shownMax).map { endpoint in
            let seconds = Int((snapshot.now - endpoint.breaker.since).seconds)
            return "endpoint \(endpoint.endpoint.name): \(endpoint.breaker.reason ?? "") for \(seconds) s"
        }
        let more = out.count > shownMax ? ["\(out.count - shownMax) more endpoints out"] : []
        return (shown + more).joined(separator: ", ")
    }
}

/// Figures of endpoints as metrics.
package enum EndpointMetrics {
    package static func all(_ endpoints: [EndpointState]) -> [Metric] {
        guard !endpoints.isEmpty else { return [] }
        func values(_ value: (EndpointState) -> Int) -> [Metric.Sample] {
            endpoints.map { .init(Double(value($0)), [("endpoint", $0.endpoint.name)]) }
        }
        let errors = endpoints.flatMap { endpoint in
            Verdict.Kind.allCases.map { kind in
                Metric.Sample(
                    Double(endpoint.errors[kind] ?? 0), [("endpoint", endpoint.endpoint.name), ("kind", kind.rawValue)])
            }
        }
        return [
            Metric(
                "moed_endpoint_up", .gauge, "1 while the endpoint takes requests.",
                values { $0.breaker.isClosed ? 1 : 0 }),
            Metric("moed_endpoint_in_flight", .gauge, "Requests in flight.", values(\.inFlight)),
            Metric("moed_endpoint_window", .gauge, "Requests that may be in flight.", values(\.window.limit)),
            Metric("moed_endpoint_requests_total", .counter, "Requests sent.", values(\.requests)),
            Metric("moed_endpoint_tokens_total", .counter, "Tokens received.", values(\.tokensReceived)),
            Metric(
                "moed_endpoint_spent_total", .counter, "Known cost of ended requests; moed.spent_daily is exact.",
                endpoints.map { .init($0.spent, [("endpoint", $0.endpoint.name)]) }),
            Metric("moed_endpoint_errors_total", .counter, "Requests that failed, by kind.", errors),
        ]
    }
}
