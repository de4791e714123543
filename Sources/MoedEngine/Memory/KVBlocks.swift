package import MoedCore

/// The users of each KV block, and the blocks that hold beginnings of prompts for others to share.
///
/// A block is free, or used by one or more sequences, or idle: it holds a known prefix that nobody uses now.
/// Idle blocks are room like free ones; when there are no free ones, the one idle for longest is forgotten.
///
/// A known block is found by the block before it and its own 32 tokens, compared token by token. The block
/// before is named by a number that is never given twice. A chain of blocks so stands for all tokens from position 0
/// on. Successors of a forgotten block are never found again.
package struct KVBlocks {
    /// The contents of a known block: the tokens up to its end.
    package typealias Prefix = Int

    /// The number of the empty prefix.
    package static let start: Prefix = 0
    /// The number of the empty prefix of an adapter's sequences: they share nothing with others.
    package static func start(adapter: Int) -> Prefix { -1 - adapter }

    package struct Key: Hashable {
        package var previous: Prefix
        package var tokens: ArraySlice<TokenID>

        package init(previous: Prefix, tokens: ArraySlice<TokenID>) {
            self.previous = previous
            self.tokens = tokens
        }
    }

    package struct Known {
        package var prefix: Prefix
        package var block: UInt32
    }

    private struct State {
        /// Sequences that use it.
        var users = 0
        /// By what it is known.
        var key: Key?
        /// Neighbours in the list of idle blocks.
        var older: UInt32?
        var newer: UInt32?
    }

    private var states: [State]
    private var free: [UInt32]
    private var known: [Key: Known] = [:]
    private var nextPrefix = start + 1
    private var oldest: UInt32?
    private var newest: UInt32?
    package private(set) var idleCount = 0

    package init(count: Int) {
        states = Array(repeating: State(), count: count)
        free = (0..<UInt32(count)).reversed()
    }

    package var count: Int { states.count }
    /// Blocks that nobody uses.
    package var availableCount: Int { free.count + idleCount }

    /// The known block with these contents; it is not used by that.
    package func find(_ key: Key) -> Known? { known[key] }

    /// Uses a known block.
    package mutating func share(_ block: UInt32) {
        if states[Int(block)].users == 0 { removeIdle(block) }
        states[Int(block)].users += 1
    }

    /// Uses `count` blocks with contents of no meaning; nil when so many are not available.
    package mutating func take(_ count: Int) -> [UInt32]? {
        guard count <= availableCount else { return nil }
        return (0..<count).map { _ in
            if free.isEmpty, let oldest { forget(oldest) }
            let block = free.removeLast()
            states[Int(block)].users = 1
            return block
        }
    }

    /// Makes a used block known by its contents.
    ///
    /// - Returns: the block with these contents: another one when it was known before.
    package mutating func publish(_ block: UInt32, as key: Key) -> Known {
        if let known = known[key] { return known }
        let new = Known(prefix: nextPrefix, block: block)
        nextPrefix += 1
        // A copy of its own: a slice would keep the whole prompt.
        let key = Key(previous: key.previous, tokens: Array(key.tokens)[...])
        known[key] = new
        states[Int(block)].key = key
        return new
    }

    /// Ends a sequence's use of its blocks, which are in the order of its tokens.
    package mutating func giveBack(_ blocks: [UInt32]) {
        // Last ones first: a block is forgotten before those that it hangs on.
        for block in blocks.reversed() {
            states[Int(block)].users -= 1
            guard states[Int(block)].users == 0 else { continue }
            if states[Int(block)].key == nil { free.append(block) } else { appendIdle(block) }
        }
    }

    private mutating func forget(_ block: UInt32) {
        removeIdle(block)
        if let key = states[Int(block)].key { known[key] = nil }
        states[Int(block)].key = nil
        free.append(block)
    }

    private mutating func appendIdle(_ block: UInt32) {
        states[Int(block)].older = newest
        states[Int(block)].newer = nil
        if let newest { states[Int(newest)].newer = block } else { oldest = block }
        newest = block
        idleCount += 1
    }

    private mutating func removeIdle(_ block: UInt32) {
        let (older, newer) = (states[Int(block)].older, states[Int(block)].newer)
        if let older { states[Int(older)].newer = newer } else { oldest = newer }
        if let newer { states[Int(newer)].older = older } else { newest = older }
        states[Int(block)].older = nil
        states[Int(block)].newer = nil
        idleCount -= 1
    }
}
