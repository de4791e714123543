package import MoedCaching
import MoedEngine
package import MoedLocal

/// Replays a recorded routing through a cache policy and counts hits and misses.
package struct RoutingReplay: Sendable, Equatable {
    package enum Policy: Sendable, Equatable {
        case online(ExpertCachePolicy.Kind)
        /// Knows the future: gives up what is needed latest, and keeps nothing that is needed later still. No policy
        /// has more hits.
        case belady

        package init?(_ word: String) {
            if word == "belady" { self = .belady } else if let kind = ExpertCachePolicy.Kind(rawValue: word) {
                self = .online(kind)
            } else {
                return nil
            }
        }

        package var word: String {
            switch self {
            case .online(let kind): kind.rawValue
            case .belady: "belady"
            }
        }

        package static let words = ExpertCachePolicy.Kind.allCases.map(\.rawValue) + ["belady"]
    }

    package var capacity: Int
    package var hits = 0
    package var misses = 0

    package var hitRate: Double { hits + misses > 0 ? Double(hits) / Double(hits + misses) : 0 }

    /// - Parameter capacity: experts that can be kept.
    package init(_ trace: RoutingTrace, _ policy: Policy, capacity: Int) {
        self.capacity = capacity
        switch policy {
        case .online(let kind): run(trace, kind)
        case .belady: runKnowing(trace)
        }
    }

    /// As `ExpertCacheState` does it: a layer's experts that are kept are used before others take their places.
    private mutating func run(_ trace: RoutingTrace, _ kind: ExpertCachePolicy.Kind) {
        let header = trace.header
        var cache = ExpertCachePolicy(
            kind, capacity: capacity, layers: header.layers, perLayer: header.perLayer)
        var last = -1
        for visit in trace.visits {
            if visit.layer <= last { cache.endSweep() }
            last = visit.layer
            let keys = visit.experts.map { visit.layer * header.perLayer + $0 }
            for key in keys { cache.use(key) }
            let missed = keys.filter { !cache.keeps($0) }
            hits += keys.count - missed.count
            misses += missed.count
            for key in missed { _ = cache.admit(key) }
        }
    }

    private mutating func runKnowing(_ trace: RoutingTrace) {
        let header = trace.header
        let uses = trace.visits.flatMap { visit in
            visit.experts.map { visit.layer * header.perLayer + $0 }
        }
        // For each use, when the same expert is used next.
        var next = [Int](repeating: .max, count: uses.count)
        var seen = [Int](repeating: .max, count: header.layers * header.perLayer)
        for time in uses.indices.reversed() {
            next[time] = seen[uses[time]]
            seen[uses[time]] = time
        }
        var kept: Set<Int> = []
        var due = [Int](repeating: .max, count: seen.count)
        var latest = LatestFirst()
        for (time, key) in uses.enumerated() {
            due[key] = next[time]
            if kept.contains(key) {
                hits += 1
                latest.add(key, due: due[key])
                continue
            }
            misses += 1
            if kept.count == capacity {
                guard let victim = latest.first(where: { kept.contains($0) && due[$0] == $1 }),
                    victim.due > due[key]
                else { continue }
                latest.removeFirst()
                kept.remove(victim.key)
            }
            guard capacity > 0 else { continue }
            kept.insert(key)
            latest.add(key, due: due[key])
        }
    }
}

/// Experts by when they are due, the latest first. Entries that are out of date are dropped when they come up.
private struct LatestFirst {
    typealias Entry = (due: Int, key: Int)
    private var heap: [Entry] = []

    mutating func add(_ key: Int, due: Int) {
        heap.append((due, key))
        var child = heap.count - 1
        while child > 0, heap[(child - 1) / 2].due < heap[child].due {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// The latest one that is still true; those before it are forgotten.
    mutating func first(where isTrue: (Int, Int) -> Bool) -> Entry? {
        while let entry = heap.first {
            if isTrue(entry.key, entry.due) { return entry }
            removeFirst()
        }
        return nil
    }

    mutating func removeFirst() {
        guard let last = heap.popLast(), !heap.isEmpty else { return }
        heap[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { return }
            let right = left + 1
            let child = right < heap.count && heap[right].due > heap[left].due ? right : left
            guard heap[child].due > heap[parent].due else { return }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
