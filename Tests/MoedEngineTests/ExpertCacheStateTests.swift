import MoedCaching
import MoedCore
import MoedEngine
import TestSupport
import Testing

/// The streamed sweep's decisions: every expert of every layer is computed once, in time, with any number of places.
@Suite struct ExpertCacheStateTests {
    private static let layers = 5
    private static let perLayer = 16

    /// Runs sweeps as the engine would, with reads ending in random order; some are under way afterwards.
    private func run(
        _ cache: inout ExpertCacheState, sweeps: Int, _ flying: inout [ExpertRead],
        choose: (Int, Int) -> [Int]
    ) {
        var random = SplitMix(seed: UInt64(sweeps))
        for sweep in 0..<sweeps {
            for layer in 0..<Self.layers {
                let experts = choose(sweep, layer)
                var left = Set(experts.map { layer * Self.perLayer + $0 })
                var group = cache.begin(layer: layer, experts: experts)
                flying += cache.takeReads()
                while true {
                    for key in group {
                        let isNew = left.remove(key) != nil
                        #expect(isNew && cache.place(of: key) != nil)
                    }
                    cache.computed(group)
                    flying += cache.takeReads()
                    #expect(Set(flying.map(\.place)).count == flying.count, "a place has one read")
                    group = []
                    guard !cache.isComplete else { break }
                    guard !flying.isEmpty else {
                        Issue.record("layer \(layer) waits for nothing: \(left)")
                        return
                    }
                    let read = flying.remove(at: Int.random(in: flying.indices, using: &random))
                    if cache.arrived(read) { group = [read.key] }
                    flying += cache.takeReads()
                }
                #expect(left.isEmpty)
            }
        }
    }

    @Test(arguments: [2, 3, 4, 7, 20, 40, 79, 80, 100], ExpertCachePolicy.Kind.allCases)
    func everyLayerIsComputed(_ count: Int, _ policy: ExpertCachePolicy.Kind) {
        var flying: [ExpertRead] = []
        var cache = ExpertCacheState(
            places: count, staging: 4, layers: Self.layers, perLayer: Self.perLayer, policy: policy)
        var random = SplitMix(seed: UInt64(count))
        run(&cache, sweeps: 12, &flying) { sweep, _ in
            // Full sweeps, small ones, and full ones again.
            let share = (4..<8).contains(sweep) ? 3 : 16
            return Array((0..<16).shuffled(using: &random).prefix(share).sorted())
        }
        #expect(cache.hits + cache.misses == 5 * (8 * 16 + 4 * 3))
    }

    /// Full sweeps: the hit rate is capacity / total, and recency would have none.
    @Test func saturatedSweeps() {
        for (policy, expected) in [(ExpertCachePolicy.Kind.moed, 40), (.pinned, 40), (.lru, 0)] {
            var flying: [ExpertRead] = []
            var cache = ExpertCacheState(
                places: 44, staging: 4, layers: Self.layers, perLayer: Self.perLayer, policy: policy)
            run(&cache, sweeps: 3, &flying) { _, _ in Array(0..<16) }
            let before = cache.hits
            run(&cache, sweeps: 1, &flying) { _, _ in Array(0..<16) }
            #expect(cache.hits - before == expected, "\(policy)")
            if policy == .moed {
                #expect(cache.policy.regime == .saturated)
                // As many of each layer.
                for layer in 0..<Self.layers {
                    let kept = (0..<16).count { cache.policy.keeps(layer * 16 + $0) }
                    #expect(kept == 8)
                }
            }
        }
    }

    @Test func smallSweepsKeepWhatTheyUse() {
        var flying: [ExpertRead] = []
        var cache = ExpertCacheState(places: 24, staging: 4, layers: Self.layers, perLayer: Self.perLayer)
        run(&cache, sweeps: 2, &flying) { _, layer in [layer, layer + 1, layer + 5] }
        let before = cache.misses
        run(&cache, sweeps: 5, &flying) { _, layer in [layer, layer + 1, layer + 5] }
        #expect(cache.misses == before && cache.policy.regime == .smallBatch)
    }

    @Test func aPlaceForEachIsReadOnce() {
        var flying: [ExpertRead] = []
        var cache = ExpertCacheState(places: 80, staging: 4, layers: Self.layers, perLayer: Self.perLayer)
        run(&cache, sweeps: 4, &flying) { _, _ in Array(0..<16) }
        #expect(cache.misses == 80 && cache.policy.regime == .fits)
    }

    /// A sweep may end at any layer. The next one begins at the first layer and finds free expert places.
    @Test(arguments: [2, 3, 8, 30]) func abandonedSweeps(_ count: Int) {
        var flying: [ExpertRead] = []
        var cache = ExpertCacheState(places: count, staging: 4, layers: Self.layers, perLayer: Self.perLayer)
        for round in 0..<20 {
            run(&cache, sweeps: 1, &flying) { _, _ in Array(0..<16) }
            let group = cache.begin(layer: 0, experts: Array(0..<16))
            flying += cache.takeReads()
            cache.computed(Array(group.prefix(round % 3)))
            cache.abandon()
            let more = cache.takeReads()
            #expect(cache.isComplete && more.isEmpty)
            if round % 2 == 0, let read = flying.popLast() { cache.failed(read) }
            for read in flying {
                let isWanted = cache.arrived(read)
                #expect(!isWanted)
            }
            flying = []
        }
    }
}
