package import MoedPacks
import MoedWeights

/// The contents of the expert places and the reads to come: the decisions of a streamed sweep as a value, without file,
/// thread or clock.
///
/// A sweep goes layer by layer. `begin` returns the experts of a layer that lie in memory. `takeReads` returns reads
/// into free places: first of this layer's missing experts, then of the next layer's, if the last sweeps used nearly
/// all of them. An expert that has arrived is computed, then kept or passed by, as the policy says.
package struct ExpertCacheState: Sendable {
    package typealias Key = ExpertTable.Key

    private enum Content: Equatable {
        case empty
        case loading(Key)
        case ready(Key)
    }

    package private(set) var policy: ExpertCachePolicy
    private let layers: Int
    private let perLayer: Int
    private var contents: [Content]
    private var placeOf: [Int]
    private var free: [Int]
    /// Experts of the current layer that are not computed yet.
    private var waiting: Set<Key> = []
    /// Waiting experts that must be read, in order, from `nextRead` on.
    private var missing: [Key] = []
    private var nextRead = 0
    private var layer = 0
    /// True for each expert that was used in the last sweep that came to its layer.
    private var usedLast: [Bool]
    private var usedLastCount: [Int]
    private var aheadDone = false
    private var isAbandoned = false
    /// Experts that were in memory when their layer began, and experts that were not.
    package private(set) var hits = 0
    package private(set) var misses = 0

    /// Fewest places to run with: one expert is computed while the next is read.
    package static let least = 2
    /// Most reads under way at once; no disk was seen to want more.
    package static let readsMax = 8
    /// Places that keep a fast disk busy while experts are computed: two for each read, and as many again that stay.
    package static let useful = 4 * readsMax
    /// Part of a layer's experts whose use makes the next layer's reads predictable.
    package static let nearlyAll = 0.9

    /// - Parameters:
    ///   - staging: places whose experts are never kept, so that there is always room to read.
    package init(
        places: Int, staging: Int, layers: Int, perLayer: Int, policy kind: ExpertCachePolicy.Kind = .moed
    ) {
        precondition(places >= Self.least && staging >= 1)
        let all = layers * perLayer
        // With a place for each there is nothing to stage.
        let capacity = places >= all ? all : places - min(staging, places - 1)
        self.layers = layers
        self.perLayer = perLayer
        policy = ExpertCachePolicy(kind, capacity: capacity, layers: layers, perLayer: perLayer)
        contents = Array(repeating: .empty, count: places)
        placeOf = Array(repeating: -1, count: all)
        free = Array((0..<places).reversed())
        usedLast = Array(repeating: false, count: all)
        usedLastCount = Array(repeating: 0, count: layers)
    }

    package var isComplete: Bool { waiting.isEmpty }
    package var freeCount: Int { free.count }

    /// The place of an expert that has been read whole.
    package func place(of key: Key) -> Int? {
        let place = placeOf[key]
        guard place >= 0, contents[place] == .ready(key) else { return nil }
        return place
    }

    /// Begins a layer whose rows go to these experts. Returns those in memory.
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
            if place(of: key) != nil { ready.append(key) } else if placeOf[key] < 0 { missing.append(key) }
        }
        dropUnwanted()
        return ready
    }

    /// Drops experts of this layer that were read ahead and are not used.
    private mutating func dropUnwanted() {
        for key in layer * perLayer..<(layer + 1) * perLayer
        where place(of: key) != nil && !waiting.contains(key) && !policy.keeps(key) { empty(key) }
    }

    private mutating func empty(_ key: Key) {
        let place = placeOf[key]
        contents[place] = .empty
        placeOf[key] = -1
        free.append(place)
    }

    /// Reads to begin; each takes its place from here on.
    package mutating func takeReads() -> [ExpertRead] {
        var reads: [ExpertRead] = []
        while !free.isEmpty, let key = nextMissing() {
            let place = free.removeLast()
            contents[place] = .loading(key)
            placeOf[key] = place
            reads.append(ExpertRead(key: key, place: place))
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
        guard let key = keys.first(where: { usedLast[$0] && placeOf[$0] < 0 }) else {
            aheadDone = true
            return nil
        }
        return key
    }

    /// A read has ended well. Returns whether the expert is waited for.
    package mutating func arrived(_ read: ExpertRead) -> Bool {
        precondition(contents[read.place] == .loading(read.key))
        contents[read.place] = .ready(read.key)
        if waiting.contains(read.key) { return true }
        // Ahead of its layer, unless the sweep that wanted it was abandoned or went without it.
        if isAbandoned || layers < 2 || read.key / perLayer != (layer + 1) % layers { empty(read.key) }
        return false
    }

    /// A read has failed: its place is free again.
    package mutating func failed(_ read: ExpertRead) {
        precondition(contents[read.place] == .loading(read.key))
        empty(read.key)
    }

    /// Records that the experts' rows are done: each expert is kept, or its place recycled.
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

    /// Ends the sweep early. Reads under way still arrive; no one waits for them.
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
