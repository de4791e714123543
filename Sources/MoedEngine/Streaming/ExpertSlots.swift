/// Who lies in which slot, and what is read next: the streamed sweep's decisions, without file, thread or clock.
///
/// A sweep goes layer by layer. `begin` tells which of a layer's experts can be computed at once; `takeReads` what to
/// read into free slots, this layer's missing ones first and then, where the last sweeps used nearly all of them, the
/// next layer's. What has arrived is computed and then kept or passed by, as the policy says.
package struct ExpertSlots: Sendable {
    package typealias Key = ExpertBank.Key

    package struct Read: Sendable, Hashable {
        package var key: Key
        package var slot: Int

        package init(key: Key, slot: Int) {
            self.key = key
            self.slot = slot
        }
    }

    private enum Content: Equatable {
        case empty
        case loading(Key)
        case ready(Key)
    }

    package private(set) var policy: ExpertCachePolicy
    private let layers: Int
    private let perLayer: Int
    private var contents: [Content]
    private var slotOf: [Int]
    private var free: [Int]
    /// Experts of the current layer that are not computed yet.
    private var waiting: Set<Key> = []
    /// Those of them to be read, in order, from `nextRead` on.
    private var missing: [Key] = []
    private var nextRead = 0
    private var layer = 0
    /// Whether each expert was used in the last sweep that came to its layer.
    private var usedLast: [Bool]
    private var usedLastCount: [Int]
    private var aheadDone = false
    private var isAbandoned = false
    /// Experts that were in memory when their layer began, and that were not.
    package private(set) var hits = 0
    package private(set) var misses = 0

    /// One is computed while the next is read.
    package static let least = 2
    /// Reads under way at once at most: no disk was seen to want more.
    package static let readsMax = 8
    /// Two for each read, so that one can be computed meanwhile, and as many again that stay: with fewer slots a fast
    /// disk stands still while experts are computed.
    package static let useful = 4 * readsMax
    /// Part of a layer's experts that must have been used for the next sweep's to count as known.
    package static let nearlyAll = 0.9

    /// - Parameters:
    ///   - staging: slots that are never kept, so that there is always room to read.
    package init(
        slots: Int, staging: Int, layers: Int, perLayer: Int, policy kind: ExpertCachePolicy.Kind = .moed
    ) {
        precondition(slots >= Self.least && staging >= 1)
        let all = layers * perLayer
        // With a place for each there is nothing to stage.
        let capacity = slots >= all ? all : slots - min(staging, slots - 1)
        self.layers = layers
        self.perLayer = perLayer
        policy = ExpertCachePolicy(kind, capacity: capacity, layers: layers, perLayer: perLayer)
        contents = Array(repeating: .empty, count: slots)
        slotOf = Array(repeating: -1, count: all)
        free = Array((0..<slots).reversed())
        usedLast = Array(repeating: false, count: all)
        usedLastCount = Array(repeating: 0, count: layers)
    }

    package var isComplete: Bool { waiting.isEmpty }
    package var freeCount: Int { free.count }

    /// The slot of an expert that has been read whole.
    package func slot(of key: Key) -> Int? {
        let slot = slotOf[key]
        guard slot >= 0, contents[slot] == .ready(key) else { return nil }
        return slot
    }

    /// A layer's rows go to these experts. Returns those in memory.
    ///
    /// - Precondition: the layer before is complete or was abandoned.
    package mutating func begin(layer: Int, experts: [Int]) -> [Key] {
        precondition(waiting.isEmpty, "the layer before is not complete")
        if layer <= self.layer { policy.endSweep() }
        self.layer = layer
        aheadDone = layers < 2
        isAbandoned = false
        let keys = experts.map { layer * perLayer + $0 }
        waiting = Set(keys)
        for key in layer * perLayer..<(layer + 1) * perLayer { usedLast[key] = false }
        usedLastCount[layer] = keys.count
        var ready: [Key] = []
        missing = []
        nextRead = 0
        for key in keys {
            usedLast[key] = true
            policy.use(key)
            // Read ahead is read all the same: only what was kept is a hit.
            if policy.keeps(key) { hits += 1 } else { misses += 1 }
            if slot(of: key) != nil { ready.append(key) } else if slotOf[key] < 0 { missing.append(key) }
        }
        dropUnwanted()
        return ready
    }

    /// What was read ahead for this layer in vain.
    private mutating func dropUnwanted() {
        for key in layer * perLayer..<(layer + 1) * perLayer
        where slot(of: key) != nil && !waiting.contains(key) && !policy.keeps(key) { empty(key) }
    }

    private mutating func empty(_ key: Key) {
        let slot = slotOf[key]
        contents[slot] = .empty
        slotOf[key] = -1
        free.append(slot)
    }

    /// What to read next; the slots are theirs from here on.
    package mutating func takeReads() -> [Read] {
        var reads: [Read] = []
        while !free.isEmpty, let key = nextMissing() {
            let slot = free.removeLast()
            contents[slot] = .loading(key)
            slotOf[key] = slot
            reads.append(Read(key: key, slot: slot))
        }
        return reads
    }

    private mutating func nextMissing() -> Key? {
        if nextRead < missing.count {
            nextRead += 1
            return missing[nextRead - 1]
        }
        guard !aheadDone else { return nil }
        let next = (layer + 1) % layers
        // A sweep that uses few of this layer's will use few of the next one's.
        let least = Self.nearlyAll * Double(perLayer)
        guard Double(min(usedLastCount[next], usedLastCount[layer])) >= least else { return nil }
        let keys = next * perLayer..<(next + 1) * perLayer
        guard let key = keys.first(where: { usedLast[$0] && slotOf[$0] < 0 }) else {
            aheadDone = true
            return nil
        }
        return key
    }

    /// A read has ended well. Returns whether the expert is waited for.
    package mutating func arrived(_ read: Read) -> Bool {
        precondition(contents[read.slot] == .loading(read.key))
        contents[read.slot] = .ready(read.key)
        if waiting.contains(read.key) { return true }
        // Ahead of its layer, unless the sweep that wanted it was abandoned or went without it.
        if isAbandoned || layers < 2 || read.key / perLayer != (layer + 1) % layers { empty(read.key) }
        return false
    }

    /// A read has failed: its slot is free again.
    package mutating func failed(_ read: Read) {
        precondition(contents[read.slot] == .loading(read.key))
        empty(read.key)
    }

    /// The experts' rows are done: each is kept, or its slot recycled.
    package mutating func computed(_ keys: [Key]) {
        waiting.subtract(keys)
        // Settled first: a newcomer may take the place of one of them that was kept.
        let newcomers = keys.filter { !policy.keeps($0) }
        for key in newcomers {
            switch policy.admit(key) {
            case .keep: break
            case .replace(let victim): empty(victim)
            case .bypass: empty(key)
            }
        }
    }

    /// The sweep ends here. What is being read still arrives, for nobody.
    package mutating func abandon() {
        missing = []
        nextRead = 0
        aheadDone = true
        isAbandoned = true
        waiting = []
        for content in contents {
            if case .ready(let key) = content, !policy.keeps(key) { empty(key) }
        }
    }
}
