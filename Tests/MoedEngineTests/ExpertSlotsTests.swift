import MoedEngine
import Testing

/// The streamed sweep's decisions: every expert of every layer is computed once, in time, with any number of slots.
@Suite struct ExpertSlotsTests {
    private static let layers = 5
    private static let perLayer = 16

    /// Runs sweeps as the engine would, with reads ending in random order; some are under way afterwards.
    private func run(
        _ slots: inout ExpertSlots, sweeps: Int, _ flying: inout [ExpertSlots.Read],
        choose: (Int, Int) -> [Int]
    ) {
        var random = SplitMix(state: UInt64(sweeps))
        for sweep in 0..<sweeps {
            for layer in 0..<Self.layers {
                let experts = choose(sweep, layer)
                var left = Set(experts.map { layer * Self.perLayer + $0 })
                var group = slots.begin(layer: layer, experts: experts)
                flying += slots.takeReads()
                while true {
                    for key in group {
                        let isNew = left.remove(key) != nil
                        #expect(isNew && slots.slot(of: key) != nil)
                    }
                    slots.computed(group)
                    flying += slots.takeReads()
                    #expect(Set(flying.map(\.slot)).count == flying.count, "a slot has one read")
                    group = []
                    guard !slots.isComplete else { break }
                    guard !flying.isEmpty else {
                        Issue.record("layer \(layer) waits for nothing: \(left)")
                        return
                    }
                    let read = flying.remove(at: Int.random(in: flying.indices, using: &random))
                    if slots.arrived(read) { group = [read.key] }
                    flying += slots.takeReads()
                }
                #expect(left.isEmpty)
            }
        }
    }

    @Test(arguments: [2, 3, 4, 7, 20, 40, 79, 80, 100], ExpertCachePolicy.Kind.allCases)
    func everyLayerIsComputed(_ count: Int, _ policy: ExpertCachePolicy.Kind) {
        var flying: [ExpertSlots.Read] = []
        var slots = ExpertSlots(
            slots: count, staging: 4, layers: Self.layers, perLayer: Self.perLayer, policy: policy)
        var random = SplitMix(state: UInt64(count))
        run(&slots, sweeps: 12, &flying) { sweep, _ in
            // Full sweeps, small ones, and full ones again.
            let share = (4..<8).contains(sweep) ? 3 : 16
            return Array((0..<16).shuffled(using: &random).prefix(share).sorted())
        }
        #expect(slots.hits + slots.misses == 5 * (8 * 16 + 4 * 3))
    }

    /// Full sweeps: the hit rate is capacity / total, and recency would have none.
    @Test func saturatedSweeps() {
        for (policy, expected) in [(ExpertCachePolicy.Kind.moed, 40), (.pinned, 40), (.lru, 0)] {
            var flying: [ExpertSlots.Read] = []
            var slots = ExpertSlots(
                slots: 44, staging: 4, layers: Self.layers, perLayer: Self.perLayer, policy: policy)
            run(&slots, sweeps: 3, &flying) { _, _ in Array(0..<16) }
            let before = slots.hits
            run(&slots, sweeps: 1, &flying) { _, _ in Array(0..<16) }
            #expect(slots.hits - before == expected, "\(policy)")
            if policy == .moed {
                #expect(slots.policy.regime == .saturated)
                // As many of each layer.
                for layer in 0..<Self.layers {
                    let kept = (0..<16).count { slots.policy.keeps(layer * 16 + $0) }
                    #expect(kept == 8)
                }
            }
        }
    }

    @Test func smallSweepsKeepWhatTheyUse() {
        var flying: [ExpertSlots.Read] = []
        var slots = ExpertSlots(slots: 24, staging: 4, layers: Self.layers, perLayer: Self.perLayer)
        run(&slots, sweeps: 2, &flying) { _, layer in [layer, layer + 1, layer + 5] }
        let before = slots.misses
        run(&slots, sweeps: 5, &flying) { _, layer in [layer, layer + 1, layer + 5] }
        #expect(slots.misses == before && slots.policy.regime == .smallBatch)
    }

    @Test func aPlaceForEachIsReadOnce() {
        var flying: [ExpertSlots.Read] = []
        var slots = ExpertSlots(slots: 80, staging: 4, layers: Self.layers, perLayer: Self.perLayer)
        run(&slots, sweeps: 4, &flying) { _, _ in Array(0..<16) }
        #expect(slots.misses == 80 && slots.policy.regime == .fits)
    }

    /// A sweep may end anywhere; the next one begins at the first layer and finds room.
    @Test(arguments: [2, 3, 8, 30]) func abandonedSweeps(_ count: Int) {
        var flying: [ExpertSlots.Read] = []
        var slots = ExpertSlots(slots: count, staging: 4, layers: Self.layers, perLayer: Self.perLayer)
        for round in 0..<20 {
            run(&slots, sweeps: 1, &flying) { _, _ in Array(0..<16) }
            let group = slots.begin(layer: 0, experts: Array(0..<16))
            flying += slots.takeReads()
            slots.computed(Array(group.prefix(round % 3)))
            slots.abandon()
            let more = slots.takeReads()
            #expect(slots.isComplete && more.isEmpty)
            if round % 2 == 0, let read = flying.popLast() { slots.failed(read) }
            for read in flying {
                let isWanted = slots.arrived(read)
                #expect(!isWanted)
            }
            flying = []
        }
    }
}
