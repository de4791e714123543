/// The cache policy: a value that counts the experts that sweeps use and decides which experts stay in memory.
///
/// Layers come round and round. As long as a sweep's experts fit, recency tells best what comes again; when they do
/// not, the least recently used expert is the very one that is needed next, and recency finds nothing at all. Then
/// a fixed set pays, and everything else passes by it.
package struct ExpertCachePolicy: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// Least recently used.
        case lru
        /// Least frequently used, by decayed counts.
        case lfu
        /// A set that changes slowly, as many of each layer; others pass by.
        case pinned
        /// The engine's own: `pinned` while sweeps use more experts than there is room for, else recency, with
        /// admission by frequency.
        case moed
    }

    /// The present relation of experts used to experts that can be kept.
    package enum Regime: String, Sendable {
        /// Every expert has a place.
        case fits
        /// A sweep uses more experts than there are places.
        case saturated
        case smallBatch = "small batch"
    }

    package enum Admission: Sendable, Equatable {
        /// There is a free place.
        case keep
        case replace(Int)
        case bypass
    }

    package let kind: Kind
    /// Experts that may be kept.
    package let capacity: Int
    private let perLayer: Int
    private let layers: Int
    private var isKept: [Bool]
    private var keptInLayer: [Int]
    package private(set) var keptCount = 0
    private var recency: RecencyList
    /// Uses, each worth `weight` at its time: the weight grows, so older uses count less.
    private var counts: [Double]
    private var weight = 1.0
    private var usedInSweep = 0
    /// Experts that a sweep uses, averaged over the last ones; nil before the first has ended.
    package private(set) var distinct: Double?
    private var replacementsLeft = 0
    private var isSaturated = false

    /// A use is worth half after so many sweeps.
    private static let halfLife = 32.0
    /// Weight of a sweep in the average.
    private static let share = 0.25
    /// A pinned expert gives way only to one used clearly more often.
    private static let advantage = 1.25
    /// Part of the pinned set that a sweep may change: reads for it are reads too.
    private static let changes = 0.02

    package init(_ kind: Kind, capacity: Int, layers: Int, perLayer: Int) {
        self.kind = kind
        self.capacity = min(capacity, layers * perLayer)
        self.layers = layers
        self.perLayer = perLayer
        isKept = Array(repeating: false, count: layers * perLayer)
        keptInLayer = Array(repeating: 0, count: layers)
        counts = Array(repeating: 0, count: layers * perLayer)
        recency = RecencyList(layers * perLayer)
    }

    package var regime: Regime {
        capacity == isKept.count ? .fits : isSaturated ? .saturated : .smallBatch
    }

    package func keeps(_ key: Int) -> Bool { isKept[key] }

    /// A sweep has gone through all layers.
    package mutating func endSweep() {
        guard usedInSweep > 0 else { return }
        let last = Double(usedInSweep)
        let average = distinct.map { $0 + Self.share * (last - $0) } ?? last
        distinct = average
        usedInSweep = 0
        // Between the two borders it stays as it is.
        if average > Double(capacity) { isSaturated = true }
        if average < 0.9 * Double(capacity) { isSaturated = false }
        replacementsLeft = max(1, Int(Double(capacity) * Self.changes))
        weight *= Double.exp2(1 / Self.halfLife)
        if weight > 1e12 {
            for key in counts.indices { counts[key] /= weight }
            weight = 1
        }
    }

    /// A sweep sends rows to this expert.
    package mutating func use(_ key: Int) {
        usedInSweep += 1
        counts[key] += weight
        if isKept[key] { recency.use(key) }
    }

    /// Decides about an expert that was read for this sweep. The expert that it replaces counts as dropped at once.
    package mutating func admit(_ key: Int) -> Admission {
        guard !isKept[key], capacity > 0 else { return .bypass }
        let admission = decide(key)
        if case .replace(let victim) = admission { forget(victim) }
        if admission != .bypass {
            isKept[key] = true
            keptCount += 1
            keptInLayer[key / perLayer] += 1
            recency.use(key)
        }
        return admission
    }

    private mutating func forget(_ key: Int) {
        isKept[key] = false
        keptCount -= 1
        keptInLayer[key / perLayer] -= 1
        recency.remove(key)
    }

    private mutating func decide(_ key: Int) -> Admission {
        guard keptCount == capacity else { return .keep }
        switch kind {
        case .lru: return recency.oldest.map { .replace($0) } ?? .bypass
        case .lfu: return leastUsed(in: isKept.indices).map { .replace($0) } ?? .bypass
        case .pinned: return pin(key)
        case .moed:
            if isSaturated { return pin(key) }
            // A newcomer must be wanted as often as whom it would displace.
            guard let oldest = recency.oldest, counts[key] >= counts[oldest] else { return .bypass }
            return .replace(oldest)
        }
    }

    /// As many of each layer, so that each has something to compute while the rest of it is read.
    private mutating func pin(_ key: Int) -> Admission {
        let layer = key / perLayer
        if keptInLayer[layer] < quota(layer),
            let rich = (0..<layers).first(where: { keptInLayer[$0] > quota($0) }),
            let victim = leastUsed(in: rich * perLayer..<(rich + 1) * perLayer)
        {
            return .replace(victim)
        }
        guard replacementsLeft > 0, let victim = leastUsed(in: layer * perLayer..<(layer + 1) * perLayer),
            counts[key] > Self.advantage * counts[victim]
        else { return .bypass }
        replacementsLeft -= 1
        return .replace(victim)
    }

    private func quota(_ layer: Int) -> Int { capacity * (layer + 1) / layers - capacity * layer / layers }

    /// The least used expert that is kept; the first of equal ones.
    private func leastUsed(in range: Range<Int>) -> Int? {
        range.lazy.filter { isKept[$0] }.min { counts[$0] < counts[$1] }
    }
}

extension Double {
    /// 2 to the power of a small number, without a library: for decay, where the last bits do not matter.
    fileprivate static func exp2(_ x: Double) -> Double {
        // The exponential series in x · ln 2; |x| is below 1.
        let y = x * 0.693_147_180_559_945_3
        var (sum, term) = (1.0, 1.0)
        for n in 1...12 {
            term *= y / Double(n)
            sum += term
        }
        return sum
    }
}
