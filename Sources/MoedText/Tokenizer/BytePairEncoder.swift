import MoedCore

/// Byte-pair merging of one word (Sennrich et al. 2016, over bytes). Each step merges the adjacent pair with the
/// lowest rank, leftmost first, until no pair has a rule.
struct BytePairEncoder: Sendable {
    let pairs: PairTable
    /// Token of each single byte.
    let byteTokens: [TokenID]

    /// Maximum length in bytes of words that are scanned for their lowest pair after every merge. Scanning beats any
    /// data structure on short words. Longer words use a heap, so that time stays near linear.
    private static let scanBytesMax = 64

    /// Buffers of ``appendShort``, reused for all words.
    struct Scratch {
        var tokens: [TokenID] = []
        var ranks: [UInt32] = []
    }

    func append(_ word: Span<UInt8>, to output: inout [TokenID], scratch: inout Scratch) {
        switch word.count {
        case 1: output.append(byteTokens[Int(word[0])])
        case ...Self.scanBytesMax: appendShort(word, to: &output, scratch: &scratch)
        default: appendLong(word, to: &output)
        }
    }

    private func appendShort(_ word: Span<UInt8>, to output: inout [TokenID], scratch: inout Scratch) {
        scratch.tokens.removeAll(keepingCapacity: true)
        scratch.ranks.removeAll(keepingCapacity: true)
        for index in word.indices { scratch.tokens.append(byteTokens[Int(word[index])]) }
        for index in 1..<word.count {
            scratch.ranks.append(pairs.rank(scratch.tokens[index - 1], scratch.tokens[index]))
        }
        while let place = Self.lowest(scratch.ranks) {
            scratch.tokens[place] = pairs.merged(scratch.tokens[place], scratch.tokens[place + 1])
            scratch.tokens.remove(at: place + 1)
            scratch.ranks.remove(at: place)
            if place > 0 {
                scratch.ranks[place - 1] = pairs.rank(scratch.tokens[place - 1], scratch.tokens[place])
            }
            if place < scratch.ranks.count {
                scratch.ranks[place] = pairs.rank(scratch.tokens[place], scratch.tokens[place + 1])
            }
        }
        output.append(contentsOf: scratch.tokens)
    }

    /// Position of the first lowest rank; nil when no pair has a rule.
    @inline(__always)
    private static func lowest(_ ranks: [UInt32]) -> Int? {
        var least = PairTable.noRank
        var place: Int?
        for index in ranks.indices where ranks[index] < least {
            least = ranks[index]
            place = index
        }
        return place
    }

    /// Gives the result of `appendShort` with a linked list of tokens and a heap of candidate pairs. A heap entry is
    /// stale when its rank differs from the current rank at its position in `ranks`.
    private func appendLong(_ word: Span<UInt8>, to output: inout [TokenID]) {
        let end = word.count
        precondition(end < Int(Int32.max), "a request body is far smaller than 2 GiB")
        var tokens = (0..<end).map { byteTokens[Int(word[$0])] }
        var previous = (0..<end).map { Int32($0 - 1) }
        var next = (0..<end).map { Int32($0 + 1) }
        var ranks = [UInt32](repeating: PairTable.noRank, count: end)
        var candidates: [UInt64] = []
        for place in 0..<end - 1 {
            ranks[place] = pairs.rank(tokens[place], tokens[place + 1])
            if ranks[place] != PairTable.noRank {
                candidates.append(UInt64(ranks[place]) << 32 | UInt64(place))
            }
        }
        var heap = MergeHeap(candidates)
        candidates = []
        while let entry = heap.pop() {
            let place = Int(entry & 0xFFFF_FFFF)
            guard ranks[place] == UInt32(entry >> 32) else { continue }
            let gone = Int(next[place])
            tokens[place] = pairs.merged(tokens[place], tokens[gone])
            ranks[gone] = PairTable.noRank
            let after = Int(next[gone])
            next[place] = Int32(after)
            if after < end { previous[after] = Int32(place) }
            for left in [Int(previous[place]), place] where left >= 0 {
                let right = Int(next[left])
                ranks[left] = right < end ? pairs.rank(tokens[left], tokens[right]) : PairTable.noRank
                if ranks[left] != PairTable.noRank { heap.push(UInt64(ranks[left]) << 32 | UInt64(left)) }
            }
        }
        var place = 0
        while place < end {
            output.append(tokens[place])
            place = Int(next[place])
        }
    }
}
