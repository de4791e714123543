import MoedCore
import MoedSampling

/// A sequence's state between sweeps.
final class OpenSequence {
    let opening: SequenceOpening
    /// Its adapter; nil for the base alone.
    let adapter: LoadedAdapter?
    /// Room that it may use.
    private(set) var blocksReserved: Int
    /// Blocks that hold its tokens or will; some may be shared with other sequences.
    private(set) var blocks: [UInt32] = []
    /// Tokens in it so far.
    private(set) var length = 0
    private(set) var history = TokenHistory()
    /// The block of its prompt that it computes for waiting sequences.
    var prefixPromise: KVBlocks.Key?
    /// Number of its first blocks that are known by their contents, and the number of that prefix.
    private var knownBlocks = 0
    private var prefix: KVBlocks.Prefix
    /// Tokens it got from others since it was last asked.
    private var tokensTaken = 0
    private let remembers: Bool

    init(_ opening: SequenceOpening, adapter: LoadedAdapter?) {
        self.opening = opening
        self.adapter = adapter
        prefix = adapter.map { KVBlocks.start(adapter: $0.number) } ?? KVBlocks.start
        blocksReserved = KVCache.blocks(for: opening.kvTokens)
        remembers = TokenHistory.isNeeded(by: opening.sampling)
        if remembers { for token in opening.prompt { history.append(token, inPrompt: true) } }
    }

    /// The blocks that hold the sequence once `count` tokens more are in it.
    func usedBlocks(for count: Int) -> [UInt32] { Array(blocks.prefix(KVCache.blocks(for: length + count))) }

    func append(_ tokens: [TokenID]) {
        if remembers {
            let output = tokens.dropFirst(max(0, opening.prompt.count - length))
            for token in output { history.append(token, inPrompt: false) }
        }
        length += tokens.count
    }

    /// Reserves more room; fewer blocks than before change nothing.
    func reserve(blocks: Int) { blocksReserved = max(blocksReserved, blocks) }

    /// Takes the rest of the room reserved for it; false when there is none.
    func takeRoom(_ all: inout KVBlocks) -> Bool {
        guard let room = all.take(blocksReserved - blocks.count) else { return false }
        blocks += room
        return true
    }

    /// The first block of the prompt that is not known yet; nil when the prompt does not fill it.
    var nextKey: KVBlocks.Key? {
        let first = knownBlocks * KVCache.blockTokens
        guard first + KVCache.blockTokens <= opening.prompt.count else { return nil }
        return KVBlocks.Key(previous: prefix, tokens: opening.prompt[first..<first + KVCache.blockTokens])
    }

    /// True when that block may be taken from others: nothing of it is computed, and it is not the prompt's end. The
    /// last token of a prompt is always computed, to know what follows it.
    var canShareNext: Bool {
        opening.takesPrefix && length == knownBlocks * KVCache.blockTokens
            && length + KVCache.blockTokens < opening.prompt.count
    }

    /// Takes over all that is known of the prompt's continuation.
    func takeKnown(_ all: inout KVBlocks) {
        while canShareNext, let key = nextKey, let known = all.find(key) {
            use(known, &all)
            length += KVCache.blockTokens
            tokensTaken += KVCache.blockTokens
        }
    }

    /// Makes the blocks known that the prompt has filled.
    func publish(_ all: inout KVBlocks) {
        while (knownBlocks + 1) * KVCache.blockTokens <= length, let key = nextKey {
            use(all.publish(blocks[knownBlocks], as: key), &all)
        }
    }

    func reportTaken() -> Int {
        defer { tokensTaken = 0 }
        return tokensTaken
    }

    /// Puts a known block in the next place. The bits in it are those that the sequence has or would compute:
    /// they depend on the tokens alone.
    private func use(_ known: KVBlocks.Known, _ all: inout KVBlocks) {
        if knownBlocks == blocks.count {
            all.share(known.block)
            blocks.append(known.block)
        } else if blocks[knownBlocks] != known.block {
            all.share(known.block)
            all.giveBack([blocks[knownBlocks]])
            blocks[knownBlocks] = known.block
        }
        knownBlocks += 1
        prefix = known.prefix
    }
}
