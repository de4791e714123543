import MoedCore
package import MoedFront
import Synchronization

/// Counts of a gateway's requests since it began. The names of routes are the document's, so their number is bounded.
package final class GatewayMetrics: Sendable {
    private struct State {
        var requests: [String: [Int: Int]] = [:]
        var times: [String: Histogram] = [:]
        var openRequests = 0
        var openStreams = 0
        var received = 0
        var sent = 0
    }

    private let state = Mutex(State())
    /// Upper bounds of the time until an answer begins, in seconds.
    private static let bounds: [Double] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120, 600]

    package init() {}

    package func began() { state.withLock { $0.openRequests += 1 } }

    /// An answer begins: its status is known.
    package func answered(_ route: String, status: Int, after time: Duration) {
        let (whole, atto) = time.components
        state.withLock {
            $0.requests[route, default: [:]][status, default: 0] += 1
            $0.times[route, default: Histogram(Self.bounds)].add(Double(whole) + Double(atto) * 1e-18)
        }
    }

    package func ended() { state.withLock { $0.openRequests -= 1 } }

    package func streamBegan() { state.withLock { $0.openStreams += 1 } }
    package func streamEnded() { state.withLock { $0.openStreams -= 1 } }

    package func received(_ bytes: Int) { state.withLock { $0.received += bytes } }
    package func sent(_ bytes: Int) { state.withLock { $0.sent += bytes } }

    package var metrics: [Metric] {
        let state = state.withLock { $0 }
        let requests = state.requests.sorted { $0.key < $1.key }.flatMap { route, statuses in
            statuses.sorted { $0.key < $1.key }.map { status, count in
                Metric.Sample(Double(count), [("route", route), ("status", String(status))])
            }
        }
        let times = state.times.sorted { $0.key < $1.key }.flatMap { route, histogram in
            Metric.Sample.histogram(
                bounds: histogram.bounds, counts: histogram.counts, sum: histogram.sum, [("route", route)])
        }
        return [
            Metric("moed_gateway_build_info", .gauge, "Version.", [.init(1, [("version", Version.text)])]),
            Metric(
                "moed_gateway_requests_total", .counter, "Requests that were answered, by route and status.", requests),
            Metric(
                "moed_gateway_request_seconds", .histogram,
                "Time from a request's headers to its answer's headers.", times),
            Metric("moed_gateway_requests_open", .gauge, "Requests whose answers have not ended.", state.openRequests),
            Metric("moed_gateway_streams_open", .gauge, "Streams of events among them.", state.openStreams),
            Metric("moed_gateway_received_bytes_total", .counter, "Bytes of bodies of requests.", state.received),
            Metric("moed_gateway_sent_bytes_total", .counter, "Bytes of bodies of answers.", state.sent),
        ]
    }
}
