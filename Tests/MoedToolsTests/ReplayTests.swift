import MoedCaching
import MoedCore
import MoedEngine
import MoedLocal
import MoedTools
import MoedWeights
import Testing

@Suite struct ReplayTests {
    private static let trace = RoutingTrace(
        header: .init(layers: 2, perLayer: 8, expertByteCount: 1_000_000),
        visits: (0..<50).flatMap { _ in
            (0..<2).map { RoutingTrace.Visit(layer: $0, rows: 9, experts: Array(0..<8)) }
        })

    @Test func aTableOfPolicies() {
        let lines = Replay.report(
            Self.trace, shares: [50], policies: [.online(.lru), .online(.moed), .belady])
        #expect(lines[0].contains("50 sweeps, 2 layers of 8 experts"))
        #expect(lines.count == 6)
        // 50 sweeps of 16 experts, none of them ever there.
        #expect(lines[3].split(separator: " ").map(String.init) == ["lru", "50", "%", "8", "0", "%", "0.8", "16"])
        #expect(lines[4].hasPrefix("moed") && !lines[4].contains(" 0 %"), "\(lines[4])")
    }

    @Test func curves() {
        let plot = HitRatePlot(curves: [.init(name: "moed", points: [(5, 0.1), (100, 1)])])
        #expect(plot.svg.hasPrefix("<svg ") && plot.svg.contains(">moed</text>"))
        #expect(plot.svg.contains("77.0,338.0 590.0,50.0"))
    }

    @Test func options() throws {
        #expect(try Replay.shares("25%,50%") == [25, 50])
        #expect(try Replay.policies("lru,belady") == [.online(.lru), .belady])
        for bad in ["", "25", "101%", "25%,"] {
            #expect(throws: ConfigurationProblem.self) { try Replay.shares(bad) }
        }
        #expect(throws: ConfigurationProblem.self) { try Replay.policies("lru,fifo") }
    }
}
