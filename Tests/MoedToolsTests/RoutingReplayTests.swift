import MoedCaching
import MoedCore
import MoedEngine
import MoedLocal
import MoedTools
import TestSupport
import Testing

@Suite struct RoutingReplayTests {
    private static let header = RoutingTrace.Header(layers: 4, perLayer: 12, expertByteCount: 5 << 20)

    private func trace(sweeps: Int, _ choose: (Int, Int) -> [Int]) -> RoutingTrace {
        RoutingTrace(
            header: Self.header,
            visits: (0..<sweeps).flatMap { sweep in
                (0..<4).map { .init(layer: $0, rows: sweep + 1, experts: choose(sweep, $0).sorted()) }
            })
    }

    @Test func tracesAreReadAsWritten() throws {
        let trace = trace(sweeps: 20) { sweep, layer in Array(Set([(sweep + layer) % 12, 11 - layer])) }
        var bytes = trace.header.bytes + trace.visits.flatMap(trace.header.bytes(of:))
        #expect(try RoutingTrace(bytes, path: "t") == trace)
        #expect(trace.sweeps == 20)
        // The process ended while it wrote.
        bytes.removeLast(3)
        #expect(try RoutingTrace(bytes, path: "t").visits == trace.visits.dropLast())
        for damaged in [[], Array(bytes.prefix(20)), [UInt8](repeating: 7, count: 100)] {
            #expect(throws: EngineError.self) { try RoutingTrace(damaged, path: "t") }
        }
        bytes[trace.header.bytes.count] = 9  // A layer that there is not.
        #expect(throws: EngineError.self) { try RoutingTrace(bytes, path: "t") }
    }

    /// Every sweep uses all experts: any fixed set has the hit rate capacity / total, which is optimal; LRU has 0.
    @Test func fullSweeps() {
        let trace = trace(sweeps: 200) { _, _ in Array(0..<12) }
        func rate(_ policy: RoutingReplay.Policy) -> Double {
            RoutingReplay(trace, policy, capacity: 24).hitRate
        }
        #expect(rate(.online(.lru)) == 0)
        for policy in [RoutingReplay.Policy.online(.moed), .online(.pinned), .belady] {
            #expect(abs(rate(policy) - 0.5) < 0.03, "\(policy.word): \(rate(policy))")
        }
    }

    /// Random routing with favourites: knowing the future is best, and ours is near the best of the others.
    @Test(arguments: [6, 12, 24, 36]) func skewedRouting(_ capacity: Int) {
        var random = SplitMix(seed: 7)
        let trace = trace(sweeps: 400) { _, layer in
            // Low numbers are the favourites.
            let chosen = (0..<2).map { _ in
                let share = (0..<2).map { _ in Double.random(in: 0..<1, using: &random) }
                return (Int(12 * share[0] * share[1]) + layer) % 12
            }
            return Array(Set(chosen))
        }
        func rate(_ policy: RoutingReplay.Policy) -> Double {
            RoutingReplay(trace, policy, capacity: capacity).hitRate
        }
        let others = [ExpertCachePolicy.Kind.lru, .lfu, .pinned].map { rate(.online($0)) }
        let ours = rate(.online(.moed))
        #expect(ours >= (others.max() ?? 1) - 0.05, "\(ours) of \(others)")
        for other in others + [ours] { #expect(other <= rate(.belady) + 1e-9) }
        #expect(RoutingReplay(trace, .belady, capacity: 48).misses <= 48)
    }
}
