/// Random numbers without state: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
/// 2011).
///
/// A block of four words is a function of key and counter alone, so a token is the
/// same when it is drawn again. A crash and other jobs change nothing.
package enum Philox {
    package typealias Block = (UInt32, UInt32, UInt32, UInt32)

    package static func block(counter: Block, key: (UInt32, UInt32)) -> Block {
        var (c, k) = (counter, key)
        for round in 0..<10 {
            if round > 0 { k = (k.0 &+ 0x9E37_79B9, k.1 &+ 0xBB67_AE85) }
            let first = UInt64(c.0) * 0xD251_1F53
            let second = UInt64(c.2) * 0xCD9E_8D57
            c = (
                UInt32(truncatingIfNeeded: second >> 32) ^ c.1 ^ k.0, UInt32(truncatingIfNeeded: second),
                UInt32(truncatingIfNeeded: first >> 32) ^ c.3 ^ k.1, UInt32(truncatingIfNeeded: first)
            )
        }
        return c
    }

    /// Uniform in [0, 1), 53 bits: keyed by a job's seed, counted by the token's position and the choice.
    package static func uniform(seed: UInt64, choice: Int, position: Int) -> Double {
        let words = block(
            counter: (
                UInt32(truncatingIfNeeded: position), UInt32(truncatingIfNeeded: position >> 32),
                UInt32(truncatingIfNeeded: choice), 0
            ),
            key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
        return Double((UInt64(words.0) << 32 | UInt64(words.1)) >> 11) * 0x1p-53
    }
}
