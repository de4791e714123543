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

    /// - Parameters:
    ///   - window: bytes of a very long word that are merged at a time.
    ///   - goesOn: gets the number of tokens so far after each window; false ends the word.
    func append(
        _ word: Span<UInt8>, to output: inout [TokenID], scratch: inout Scratch, window: Int, goesOn: (Int) -> Bool
    ) {
        switch word.count {
        case 1: output.append(byteTokens[Int(word[0])])
        case ...Self.scanBytesMax: appendShort(word, to: &output, scratch: &scratch)
        default: appendLong(word, to: &output, window: window, goesOn: goesOn)
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

    // MARK: Long words

    /// Bytes of a long word that are merged at a time; memory is in proportion to them.
    static let windowBytes = 1 << 16

    /// Appends the tokens of a word of any length, window by window.
    ///
    /// A window's last tokens may merge with what follows. So the next window begins at an earlier token, behind the
    /// *seam*. Merges never cross the seam when the two tokens beside it stay two tokens by themselves: a merge across
    /// it would depend on these two tokens alone. Without a seam the window grows.
    ///
    /// - Complexity: O(n log n) time, O(window) memory where seams exist.
    private func appendLong(
        _ word: Span<UInt8>, to output: inout [TokenID], window: Int, goesOn: (Int) -> Bool
    ) {
        var size = max(window, 1)
        var done = 0
        var part = merged(word.extracting(..<min(size, word.count)))
        while done + part.bytes < word.count {
            if let (kept, next) = seam(part, word, from: done, size: size) {
                output.append(contentsOf: part.tokens[..<kept])
                guard goesOn(output.count) else { return }
                done += Int(part.starts[kept])
                part = next
            } else {
                size *= 2
                part = merged(word.extracting(done..<min(done + size, word.count)))
            }
        }
        output.append(contentsOf: part.tokens)
    }

    /// Tokens of a part of a word.
    private struct Part {
        var tokens: [TokenID] = []
        /// First byte of each token.
        var starts: [Int32] = []
        var bytes = 0
    }

    /// Looks for a seam in the second half of a part.
    ///
    /// - Returns: number of the part's tokens before the seam, and the window behind it.
    private func seam(_ part: Part, _ word: Span<UInt8>, from start: Int, size: Int) -> (Int, Part)? {
        var distance = 4
        while distance <= part.tokens.count / 2 {
            let kept = part.tokens.count - distance
            let place = start + Int(part.starts[kept])
            let next = merged(word.extracting(place..<min(place + size, word.count)))
            let nextLength = next.tokens.count > 1 ? Int(next.starts[1]) : next.bytes
            let both = merged(word.extracting(start + Int(part.starts[kept - 1])..<place + nextLength))
            if both.tokens == [part.tokens[kept - 1], next.tokens[0]] { return (kept, next) }
            distance *= 2
        }
        return nil
    }

    /// Gives the result of `appendShort` with a linked list of tokens and a heap of candidate pairs. A heap entry is
    /// stale when its rank differs from the current rank at its position in `ranks`.
    private func merged(_ word: Span<UInt8>) -> Part {
        let end = word.count
        precondition(end < Int(Int32.max), "a request body is far smaller than 2 GiB")
        var tokens = (0..<end).map { byteTokens[Int(word[$0])] }
        var previous = (0..<end).map { Int32($0 - 1) }
        var next = (0..<end).map { Int32($0 + 1) }
        var ranks = [UInt32](repeating: PairTable.noRank, count: end)
        var heap = MergeHeap(firstCandidates(tokens, &ranks))
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
        var part = Part(bytes: end)
        var place = 0
        while place < end {
            part.tokens.append(tokens[place])
            part.starts.append(Int32(place))
            place = Int(next[place])
        }
        return part
    }

    private func firstCandidates(_ tokens: [TokenID], _ ranks: inout [UInt32]) -> [UInt64] {
        var candidates: [UInt64] = []
        for place in tokens.indices.dropLast() {
            ranks[place] = pairs.rank(tokens[place], tokens[place + 1])
            if ranks[place] != PairTable.noRank {
                candidates.append(UInt64(ranks[place]) << 32 | UInt64(place))
            }
        }
        return candidates
    }
}
