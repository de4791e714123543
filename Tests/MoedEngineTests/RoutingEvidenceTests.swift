import MoedReading
import MoedCaching
import MoedCore
import MoedEngine
import MoedLocal
import MoedTools
import MoedWeights
import TestSupport
import Testing

/// Compares the engine's expert cache with `moed replay` on the sample model's own routing.
@Suite struct RoutingEvidenceTests {
    private let folder: TemporaryFolder
    private let scene: PackScene

    init() throws {
        folder = try TemporaryFolder()
        scene = try PackScene(folder)
    }

    #if DEBUG
        private static let newTokens = 40
    #else
        private static let newTokens = 120
    #endif

    /// Arguments: batch size and number of expert places.
    @Test(arguments: [1, 3, 32], [22, 40, 64]) func asReplayed(_ sequences: Int, _ slots: Int) async throws {
        try await onOwnThread { [scene] in
            let engine = try scene.engine(places: slots)
            var visits: [RoutingTrace.Visit] = []
            engine.observeRouting { visits.append(.init(layer: $0.layer, rows: $0.rows, experts: $0.experts)) }
            // Several rounds, so that the cold start weighs little.
            let prompts = try SamplePrompt.all()
            for round in 0..<(sequences > 3 ? 1 : 4) {
                let requests = (0..<sequences).map { index in
                    TestRequest(
                        prompt: prompts[(round * sequences + index) % prompts.count].promptIDs,
                        newTokens: Self.newTokens)
                }
                _ = try engine.generate(requests, prefillChunk: 512)
            }
            let figures = engine.streaming.current
            let expertByteCount = engine.expertByteCount
            let trace = RoutingTrace(
                header: .init(layers: 6, perLayer: 16, expertByteCount: expertByteCount), visits: visits)
            func replay(_ policy: RoutingReplay.Policy) -> RoutingReplay {
                RoutingReplay(trace, policy, capacity: figures.capacity)
            }
            let ours = replay(.online(.moed))
            let label = "\(sequences) sequences, \(figures.capacity) of 96 kept, \(figures.regime.rawValue)"
            let rate = try #require(figures.hitRate)
            let read = figures.bytesRead / expertByteCount
            let inVain = Self.readInVain(trace)
            print(
                "\(label): \(rate) hits, replayed \(ours.hitRate); \(figures.misses) missed, \(read) read, \(inVain) in vain"
            )
            // For any routing, all uses are counted, each miss is one read, and all further reads are read-ahead. Reads
            // end in any order, so the kept experts vary a little.
            #expect(figures.hits + figures.misses == ours.hits + ours.misses, "\(label)")
            #expect(figures.bytesRead % expertByteCount == 0 && read >= figures.misses, "\(label): \(read)")
            #expect(read <= figures.misses + inVain, "\(label): \(read)")
            #expect(abs(rate - ours.hitRate) < 0.02, "\(label)")
        }
    }

    /// Upper bound of unused read-ahead experts: a layer used them in the last sweep and not in this one. Counted only
    /// where this layer and the one before used nearly all experts.
    private static func readInVain(_ trace: RoutingTrace) -> Int {
        let (layers, perLayer) = (trace.header.layers, trace.header.perLayer)
        let least = ExpertCacheState.nearlyAll * Double(perLayer)
        var last = [Set<Int>](repeating: [], count: layers)
        var ahead = [Set<Int>](repeating: [], count: layers)
        var count = 0
        for visit in trace.visits {
            let used = Set(visit.experts)
            count += ahead[visit.layer].subtracting(used).count
            ahead[visit.layer] = []
            last[visit.layer] = used
            let next = (visit.layer + 1) % layers
            if Double(min(used.count, last[next].count)) >= least { ahead[next] = last[next] }
        }
        return ahead.reduce(count) { $0 + $1.count }
    }
}
