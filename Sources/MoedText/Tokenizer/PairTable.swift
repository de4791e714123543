import MoedCore

/// Merge rules: (left token, right token) → (rank, merged token). The table uses open addressing in one array of
/// keys and one of values. A lookup is the innermost step of encoding.
struct PairTable: Sendable {
    /// Rank of a pair without a rule; higher than every other rank.
    static let noRank = UInt32.max

    private static let free = UInt64.max
    private var keys: [UInt64]
    private var values: [UInt64]
    private let shift: UInt64

    init(capacity: Int) {
        var bits: UInt64 = 4
        while 1 << bits < capacity * 2 { bits += 1 }
        keys = [UInt64](repeating: Self.free, count: 1 << bits)
        values = [UInt64](repeating: 0, count: 1 << bits)
        shift = 64 - bits
    }

    @inline(__always)
    private func slot(of key: UInt64) -> Int {
        var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift)
        while keys[slot] != key && keys[slot] != Self.free { slot = (slot &+ 1) & (keys.count &- 1) }
        return slot
    }

    @inline(__always)
    private static func key(_ left: TokenID, _ right: TokenID) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    mutating func insert(_ left: TokenID, _ right: TokenID, rank: UInt32, merged: TokenID) {
        let key = Self.key(left, right)
        let slot = slot(of: key)
        keys[slot] = key
        values[slot] = UInt64(rank) << 32 | UInt64(UInt32(bitPattern: merged))
    }

    /// Rank of the pair's rule, or ``noRank``.
    @inline(__always)
    func rank(_ left: TokenID, _ right: TokenID) -> UInt32 {
        let slot = slot(of: Self.key(left, right))
        return keys[slot] == Self.free ? Self.noRank : UInt32(truncatingIfNeeded: values[slot] >> 32)
    }

    /// Merged token of a pair with a rule.
    @inline(__always)
    func merged(_ left: TokenID, _ right: TokenID) -> TokenID {
        TokenID(truncatingIfNeeded: values[slot(of: Self.key(left, right))] & 0xFFFF_FFFF)
    }
}
