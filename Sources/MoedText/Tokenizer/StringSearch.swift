/// Finds where strings begin in a text, in time linear in the text whatever the strings are.
///
/// This is Aho and Corasick's automaton over the reversed strings. It reads the text from its end, so that each place
/// shows all strings that begin there.
struct StringSearch: Sendable {
    struct Match: Equatable {
        var place: Int32
        /// Index of the longest string that begins at the place.
        var string: Int32
    }

    /// Trie over the reversed strings: (node, byte) → node; node 0 is the root.
    private var edges: [UInt64: Int32] = [:]
    /// Node of the longest proper suffix of each node's bytes.
    private var suffixes: [Int32] = [0]
    /// Longest string that is a suffix of each node's bytes; −1 for none.
    private var longest: [Int32] = [-1]
    private var lastBytes = [Bool](repeating: false, count: 256)

    /// - Parameter strings: of equal ones the last counts; empty ones are never found.
    init(_ strings: [[UInt8]]) {
        var parents: [(node: Int32, byte: UInt8)] = [(0, 0)]
        var depths = [0]
        for (index, string) in strings.enumerated() where !string.isEmpty {
            var node: Int32 = 0
            lastBytes[Int(string[string.count - 1])] = true
            for byte in string.reversed() {
                if let child = edges[Self.edge(node, byte)] {
                    node = child
                    continue
                }
                let child = Int32(parents.count)
                edges[Self.edge(node, byte)] = child
                parents.append((node, byte))
                depths.append(depths[Int(node)] + 1)
                longest.append(-1)
                node = child
            }
            longest[Int(node)] = Int32(index)
        }
        suffixes = [Int32](repeating: 0, count: parents.count)
        // A node's suffix is nearer to the root: it is done before.
        for node in parents.indices.dropFirst().sorted(by: { depths[$0] < depths[$1] }) {
            let (parent, byte) = parents[node]
            if parent != 0 { suffixes[node] = next(after: suffixes[Int(parent)], byte) }
            if longest[node] < 0 { longest[node] = longest[Int(suffixes[node])] }
        }
    }

    private static func edge(_ node: Int32, _ byte: UInt8) -> UInt64 {
        UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
    }

    private func next(after node: Int32, _ byte: UInt8) -> Int32 {
        var node = node
        while true {
            if let child = edges[Self.edge(node, byte)] { return child }
            if node == 0 { return 0 }
            node = suffixes[Int(node)]
        }
    }

    /// All places at which a string begins, from the last to the first.
    func matchesFromEnd(_ text: Span<UInt8>) -> [Match] {
        var matches: [Match] = []
        var node: Int32 = 0
        var at = text.count
        while at > 0 {
            at -= 1
            if node == 0, !lastBytes[Int(text[at])] { continue }
            node = next(after: node, text[at])
            let string = longest[Int(node)]
            if string >= 0 { matches.append(Match(place: Int32(clamping: at), string: string)) }
        }
        return matches
    }
}
