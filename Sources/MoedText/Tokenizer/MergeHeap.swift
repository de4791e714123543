/// Binary min-heap of (rank, position), packed into one word so that equal ranks pop from left to right.
struct MergeHeap {
    private var entries: [UInt64] = []

    /// Builds the heap from entries in any order, in linear time.
    init(_ unordered: [UInt64]) {
        entries = unordered
        for index in stride(from: entries.count / 2 - 1, through: 0, by: -1) { sink(from: index) }
    }

    mutating func push(_ entry: UInt64) {
        entries.append(entry)
        var index = entries.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard entry < entries[parent] else { break }
            entries[index] = entries[parent]
            index = parent
        }
        entries[index] = entry
    }

    mutating func pop() -> UInt64? {
        guard let least = entries.first, let last = entries.popLast() else { return nil }
        if !entries.isEmpty {
            entries[0] = last
            sink(from: 0)
        }
        return least
    }

    private mutating func sink(from start: Int) {
        let count = entries.count
        let entry = entries[start]
        var index = start
        while true {
            var child = index * 2 + 1
            guard child < count else { break }
            if child + 1 < count, entries[child + 1] < entries[child] { child += 1 }
            guard entries[child] < entry else { break }
            entries[index] = entries[child]
            index = child
        }
        entries[index] = entry
    }
}
