import MoedAutomata

/// Shortest ways from the states of a text automaton to the end of an accepted text.
struct TextCosts: Sendable {
    static let infinite = Int(Int32.max)

    /// Bytes as they are written in JSON.
    let bytes: [Int32]
    /// Code points that the way adds.
    let points: [Int32]
    /// First byte of the way; 0 where it has ended.
    let closing: [UInt8]

    /// - Parameters:
    ///   - isJSON: true when quotes, backslashes and control characters are escaped.
    ///   - fewestPoints: true prefers few code points to few bytes.
    ///   - isEnd: tells which labels end the text.
    init(_ dfa: DFA, isJSON: Bool, fewestPoints: Bool, isEnd: (Int32) -> Bool) {
        let representatives = Self.representatives(dfa, isJSON: isJSON)
        var sources = [[(state: Int32, byte: UInt8)]](repeating: [], count: dfa.count)
        for state in 0..<dfa.count {
            for byte in representatives {
                let target = dfa.step(Int32(state), byte)
                if target >= 0 { sources[Int(target)].append((Int32(state), byte)) }
            }
        }
        var bytes = [Int32](repeating: Int32.max, count: dfa.count)
        var points = [Int32](repeating: Int32.max, count: dfa.count)
        var closing = [UInt8](repeating: 0, count: dfa.count)
        // Buckets by the first criterion; the second one is settled by repeating a bucket.
        var queue = CostQueue()
        func rank(_ bytes: Int32, _ points: Int32) -> Int {
            fewestPoints ? Int(points) << 32 | Int(bytes) : Int(bytes) << 32 | Int(points)
        }
        for state in 0..<dfa.count where dfa.labels[state] >= 0 && isEnd(dfa.labels[state]) {
            bytes[state] = 0
            points[state] = 0
            queue.push(0, Int32(state))
        }
        while let (cost, state) = queue.pop() {
            guard cost == rank(bytes[Int(state)], points[Int(state)]) else { continue }
            for (source, byte) in sources[Int(state)] {
                let newBytes = bytes[Int(state)] + (isJSON ? Int32(JSONText.length(byte)) : 1)
                let newPoints = points[Int(state)] + (byte & 0xC0 == 0x80 ? 0 : 1)
                let better =
                    bytes[Int(source)] == Int32.max
                    || rank(newBytes, newPoints) < rank(bytes[Int(source)], points[Int(source)])
                guard better else { continue }
                bytes[Int(source)] = newBytes
                points[Int(source)] = newPoints
                closing[Int(source)] = byte
                queue.push(rank(newBytes, newPoints), source)
            }
        }
        self.bytes = bytes
        self.points = points
        self.closing = closing
    }

    /// The most readable byte of each class that costs least.
    private static func representatives(_ dfa: DFA, isJSON: Bool) -> [UInt8] {
        var best = [UInt8?](repeating: nil, count: dfa.classCount)
        func order(_ byte: UInt8) -> Int {
            let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            return (isJSON ? JSONText.length(byte) : 1) * 1024 + (isLetter ? 0 : isDigit ? 256 : 512)
                + Int(byte)
        }
        for byte in UInt8(0)...255 {
            let index = Int(dfa.classes[Int(byte)])
            if let known = best[index], order(known) <= order(byte) { continue }
            best[index] = byte
        }
        return best.compactMap { $0 }
    }
}

/// Smallest cost first; equal costs by state.
struct CostQueue {
    private var heap: [(cost: Int, state: Int32)] = []

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        (heap[a].cost, heap[a].state) < (heap[b].cost, heap[b].state)
    }

    mutating func push(_ cost: Int, _ state: Int32) {
        heap.append((cost, state))
        var child = heap.count - 1
        while child > 0, isBefore(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> (cost: Int, state: Int32)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) {
                least = child
            }
            guard least != parent else { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}

/// Spelling of text inside JSON strings.
enum JSONText {
    /// Bytes that a byte of text takes in its shortest spelling.
    static func length(_ byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), 8, 9, 10, 12, 13: 2
        case 0..<0x20: 6
        default: 1
        }
    }

    static func length(_ text: String) -> Int { text.utf8.reduce(2) { $0 + length($1) } }

    /// The escaped spelling of a byte that cannot stand for itself.
    static func escape(_ byte: UInt8) -> [UInt8] {
        for (letter, value) in simpleEscapes where value == byte && byte != UInt8(ascii: "/") {
            return [UInt8(ascii: "\\"), letter]
        }
        let hex = Array("0123456789abcdef".utf8)
        return Array("\\u00".utf8) + [hex[Int(byte >> 4)], hex[Int(byte & 15)]]
    }

    /// Letters behind a backslash and the bytes that they stand for.
    static let simpleEscapes: [(letter: UInt8, value: UInt8)] = [
        (UInt8(ascii: "n"), 10), (UInt8(ascii: "t"), 9), (UInt8(ascii: "\""), 0x22),
        (UInt8(ascii: "\\"), 0x5C),
        (UInt8(ascii: "/"), 0x2F), (UInt8(ascii: "b"), 8), (UInt8(ascii: "f"), 12), (UInt8(ascii: "r"), 13),
    ]
}
