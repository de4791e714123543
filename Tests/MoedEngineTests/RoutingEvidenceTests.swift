import MoedCore
import MoedEngine
import MoedWeights
import TestSupport
import Testing

/// What the engine's cache does with the sample model's own routing, beside what `moed replay` says about it.
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

    /// Sequences that decode together, and slots.
    @Test(arguments: [1, 3, 32], [22, 40, 64]) func asReplayed(_ sequences: Int, _ slots: Int) async throws {
        try await onOwnThread { [scene] in
            let engine = try scene.engine(places: slots)
            var visits: [RoutingTrace.Visit] = []
            engine.observeRouting { visits.append(.init(layer: $0.layer, rows: $0.rows, experts: $0.experts)) }
            // Several rounds, so that what comes first at the start weighs little.
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
            let read = Double(figures.bytesRead) / Double(ours.misses * expertByteCount)
            let rate = try #require(figures.hitRate)
            print("\(label): \(rate) hits, replayed \(ours.hitRate); \(read) of the replayed bytes")
            #expect((0.95...1.05).contains(read), "\(label): \(read)")
            #expect(abs(rate - ours.hitRate) < 0.02, "\(label)")
            if figures.regime == .saturated {
                #expect(rate > Double(figures.capacity) / 96 - 0.03, "\(label): \(rate)")
            }
            let others = [ExpertCachePolicy.Kind.lru, .lfu, .pinned].map { replay(.online($0)).hitRate }
            #expect(rate > (others.max() ?? 1) - 0.05, "\(label): \(rate) of \(others)")
        }
    }
}
