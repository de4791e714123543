import MoedCore

/// Byte strings of all tokens, indexed by id and by content.
struct TokenTable: Sendable {
    /// Concatenated bytes of all tokens.
    private var text: [UInt8] = []
    private var starts: [UInt32]
    private var lengths: [UInt32]
    /// Hash table by content with open addressing; −1 is free.
    private var slots: [TokenID]
    private let mask: Int
    private static let free: TokenID = -1

    /// - Parameters:
    ///   - count: highest id + 1.
    ///   - bytes: reserved capacity for the bytes of all tokens.
    init(count: Int, bytes: Int) {
        starts = [UInt32](repeating: 0, count: count)
        lengths = [UInt32](repeating: 0, count: count)
        var size = 16
        while size < count * 2 { size *= 2 }
        slots = [TokenID](repeating: Self.free, count: size)
        mask = size - 1
        text.reserveCapacity(bytes)
    }

    var count: Int { starts.count }

    /// Stores a token. With `findable`, the token can be looked up by content, and no earlier findable token may have
    /// this content.
    mutating func store(_ content: [UInt8], as id: TokenID, findable: Bool) {
        starts[Int(id)] = UInt32(text.count)
        lengths[Int(id)] = UInt32(content.count)
        text.append(contentsOf: content)
        guard findable else { return }
        var slot = Self.hash(content.span) & mask
        while slots[slot] != Self.free { slot = (slot + 1) & mask }
        slots[slot] = id
    }

    /// Bytes of a token; empty for an id without a token.
    func bytes(of id: TokenID) -> ArraySlice<UInt8> {
        guard id >= 0, Int(id) < starts.count else { return [] }
        let start = Int(starts[Int(id)])
        return text[start..<start + Int(lengths[Int(id)])]
    }

    /// The findable token with this content; nil when there is none.
    func find(_ content: Span<UInt8>) -> TokenID? {
        var slot = Self.hash(content) & mask
        while slots[slot] != Self.free {
            if holds(slots[slot], content) { return slots[slot] }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private func holds(_ id: TokenID, _ content: Span<UInt8>) -> Bool {
        guard Int(lengths[Int(id)]) == content.count else { return false }
        let start = Int(starts[Int(id)])
        for index in content.indices where text[start + index] != content[index] { return false }
        return true
    }

    /// FNV-1a with the upper half folded in, because only the lower bits select the index.
    private static func hash(_ content: Span<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in content.indices { hash = (hash ^ UInt64(content[index])) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: (hash ^ hash >> 32) & 0x7FFF_FFFF)
    }
}
