import MoedCaching
import MoedEngine
import Testing

@Suite struct ExpertCachePolicyTests {
    /// Uses and admits experts like a sweep; returns the number of hits.
    @discardableResult
    private func sweep(_ policy: inout ExpertCachePolicy, _ keys: [Int]) -> Int {
        var hits = 0
        for key in keys {
            policy.use(key)
            if policy.keeps(key) { hits += 1 } else { _ = policy.admit(key) }
        }
        policy.endSweep()
        #expect(policy.keptCount <= policy.capacity)
        return hits
    }

    @Test func recencyGivesUpTheOldest() {
        var policy = ExpertCachePolicy(.lru, capacity: 2, layers: 1, perLayer: 8)
        var admissions: [ExpertCachePolicy.Admission] = []
        for key in [0, 1, 0, 2] {
            policy.use(key)
            admissions.append(policy.admit(key))
        }
        #expect(admissions == [.keep, .keep, .bypass, .replace(1)])
        #expect(policy.keeps(0) && !policy.keeps(1) && policy.keeps(2))
    }

    @Test func frequencyGivesUpTheRarest() {
        var policy = ExpertCachePolicy(.lfu, capacity: 2, layers: 1, perLayer: 8)
        for _ in 0..<3 { sweep(&policy, [0]) }
        sweep(&policy, [1])
        policy.use(2)
        let admission = policy.admit(2)
        #expect(admission == .replace(1))
    }

    /// An expert used once does not displace experts that every sweep uses.
    @Test func passersByAreNotAdmitted() {
        var policy = ExpertCachePolicy(.moed, capacity: 4, layers: 1, perLayer: 64)
        for _ in 0..<10 { sweep(&policy, [0, 1, 2]) }
        sweep(&policy, [3])
        for guest in 10..<40 {
            let hits = sweep(&policy, [0, 1, 2, guest])
            #expect(hits >= 3)
        }
    }

    @Test func regimesFollowTheUse() {
        var policy = ExpertCachePolicy(.moed, capacity: 10, layers: 2, perLayer: 16)
        for _ in 0..<3 { sweep(&policy, Array(0..<4) + Array(16..<20)) }
        #expect(policy.regime == .smallBatch && policy.distinct == 8)
        for _ in 0..<12 { sweep(&policy, Array(0..<32)) }
        #expect(policy.regime == .saturated)
        for _ in 0..<30 { sweep(&policy, [0, 16]) }
        #expect(policy.regime == .smallBatch)
        #expect(ExpertCachePolicy(.moed, capacity: 32, layers: 2, perLayer: 16).regime == .fits)
    }

    /// Once the routing changes, the pinned set follows, a little with each sweep.
    @Test func pinnedSetsFollowTheRouting() {
        var policy = ExpertCachePolicy(.pinned, capacity: 16, layers: 2, perLayer: 16)
        let (first, second) = (Array(0..<8) + Array(16..<24), Array(8..<16) + Array(24..<32))
        for _ in 0..<10 { sweep(&policy, first) }
        #expect(first.allSatisfy(policy.keeps))
        for _ in 0..<400 { sweep(&policy, second) }
        #expect(second.allSatisfy(policy.keeps))
    }

    /// With every expert used alike, the set stays as it is.
    @Test func equalUseChangesNothing() {
        var policy = ExpertCachePolicy(.moed, capacity: 16, layers: 2, perLayer: 16)
        for _ in 0..<20 { sweep(&policy, Array(0..<32)) }
        let kept = (0..<32).filter(policy.keeps)
        for _ in 0..<100 {
            let hits = sweep(&policy, Array(0..<32))
            #expect(hits == 16)
        }
        #expect((0..<32).filter(policy.keeps) == kept)
    }
}
