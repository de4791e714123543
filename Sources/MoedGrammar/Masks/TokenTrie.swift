import MoedCore

/// Tokens as a tree of their bytes, in depth-first order.
struct TokenTrie: Sendable {
    private(set) var bytes: [UInt8] = []
    private(set) var depths: [UInt8] = []
    /// Token that ends in a node; -1 for none.
    private(set) var tokens: [TokenID] = []
    /// Node behind the last one of a node's subtree.
    private(set) var ends: [Int32] = []
    /// Further tokens of equal bytes, by the first one.
    private(set) var equals: [TokenID: [TokenID]] = [:]
    private(set) var depthMax = 0
    /// Node of each first byte; -1 for none.
    private var roots = [Int32](repeating: -1, count: 256)

    var count: Int { bytes.count }

    /// - Parameter tokens: none is empty or longer than 255 bytes.
    init(_ tokens: [(id: TokenID, bytes: [UInt8])]) {
        let sorted = tokens.sorted { left, right in
            left.bytes.lexicographicallyPrecedes(right.bytes)
                || left.bytes == right.bytes && left.id < right.id
        }
        var open: [Int] = []
        var previous: [UInt8] = []
        for (id, text) in sorted {
            if text == previous, let node = open.last {
                equals[self.tokens[node], default: []].append(id)
                continue
            }
            var common = 0
            while common < min(text.count, previous.count), text[common] == previous[common] { common += 1 }
            while open.count > common { ends[open.removeLast()] = Int32(bytes.count) }
            for index in common..<text.count {
                open.append(bytes.count)
                bytes.append(text[index])
                depths.append(UInt8(index))
                self.tokens.append(-1)
                ends.append(0)
            }
            self.tokens[bytes.count - 1] = id
            previous = text
            depthMax = max(depthMax, text.count)
        }
        while let node = open.popLast() { ends[node] = Int32(bytes.count) }
        var node = 0
        while node < bytes.count {
            roots[Int(bytes[node])] = Int32(node)
            node = Int(ends[node])
        }
    }

    /// The child of a node by its byte; `node` -1 is the root.
    func child(of node: Int, _ byte: UInt8) -> Int? {
        guard node >= 0 else { return roots[Int(byte)] < 0 ? nil : Int(roots[Int(byte)]) }
        var child = node + 1
        let end = Int(ends[node])
        while child < end {
            if bytes[child] == byte { return child }
            // Children are in rising order.
            if bytes[child] > byte { return nil }
            child = Int(ends[child])
        }
        return nil
    }
}
