import MoedCore

/// Makes the masks of one grammar. One thread at a time may use it.
///
/// The mask of a configuration depends on its upper levels, but for the few tokens that end more of them. So masks
/// are made for configurations cut off below, and the other tokens are decided for the whole one.
final class MaskMaker {
    /// Allowed tokens of a configuration, and the tokens that need more of it to be decided.
    struct Cut {
        var mask: TokenMask
        var undecided: [TokenID]
        /// Most bytes to the end of the upper levels behind an allowed token.
        var costMax: Int
    }

    /// Allowed tokens of a configuration, and the most bytes to the end behind one of them.
    struct Whole {
        var mask: TokenMask
        var costMax: Int
    }

    private static let levels = 2
    /// Masks that are kept at most. One of a vocabulary of 151,936 tokens has 19 kB.
    private static let wholesMax = 512
    private static let cutsMax = 1024

    let machine: StackMachine
    let vocabulary: TokenVocabulary
    private var wholes: [Int32: Whole] = [:]
    private var cuts: [Int32: Cut] = [:]
    var groups: [Int32: [TokenGroup]] = [:]
    /// Bytes of both, taken from the vocabulary's budget.
    private var keptBytes = 0
    private let path: [Int32]
    /// Allowed tokens of the last walk.
    private(set) var found: [(token: TokenID, target: Int32)] = []
    /// Number of the group with each target, while groups are made.
    var groupOf: [Int32] = []
    var distances: [Matcher: Int] = [:]
    /// Distances of configurations; -1 where they depend on the text.
    var configurationDistances: [Int32: Int] = [:]

    init(_ machine: StackMachine, _ vocabulary: TokenVocabulary) {
        self.machine = machine
        self.vocabulary = vocabulary
        path = [Int32](repeating: 0, count: TokenVocabulary.lengthMax + 1)
    }

    deinit { vocabulary.budget.give(keptBytes) }

    /// Takes bytes for a mask from the budget. Where it lacks them, the kept masks make room.
    ///
    /// - Returns: false when the mask cannot be kept.
    func keeps(masks: Int = 1, tokens: Int = 0) -> Bool {
        let bytes = masks * (vocabulary.count / 8) + tokens * MemoryLayout<TokenID>.size + 128
        if !vocabulary.budget.take(bytes) {
            forget()
            guard vocabulary.budget.take(bytes) else { return false }
        }
        keptBytes += bytes
        return true
    }

    func forget() {
        groups.removeAll()
        wholes.removeAll()
        cuts.removeAll()
        vocabulary.budget.give(keptBytes)
        keptBytes = 0
    }

    /// Tokens that may follow.
    ///
    /// - Parameter room: tokens that fit, the next one and the end token included.
    func mask(_ matcher: Matcher, room: Int) -> TokenMask {
        guard matcher.configuration >= 0 else { return ends(TokenMask(count: vocabulary.count)) }
        let whole = whole(matcher.configuration)
        var mask = room - 2 >= whole.costMax ? whole.mask : tight(matcher, room: room)
        if machine.isAccepting(matcher.configuration) { mask = ends(mask) }
        return mask
    }

    private func ends(_ mask: TokenMask) -> TokenMask {
        var mask = mask
        for id in vocabulary.endIDs { mask.insert(id) }
        return mask
    }

    // MARK: Whole configurations

    private func whole(_ configuration: Int32) -> Whole {
        if let known = wholes[configuration] { return known }
        let cut = cut(configuration)
        var whole = Whole(mask: cut.mask, costMax: 0)
        whole.costMax = Saturating.sum(cut.costMax, machine.costMaxBelow(configuration, levels: Self.levels))
        for token in cut.undecided {
            let target = run(configuration, vocabulary.texts[Int(token)])
            guard target >= 0 else { continue }
            whole.mask.insert(token)
            whole.costMax = max(whole.costMax, machine.cost(target))
        }
        if wholes.count >= Self.wholesMax { forget() }
        if keeps() { wholes[configuration] = whole }
        return whole
    }

    func run(_ configuration: Int32, _ bytes: [UInt8]) -> Int32 {
        var configuration = configuration
        for byte in bytes {
            configuration = machine.step(configuration, byte)
            if configuration < 0 { return configuration }
        }
        return configuration
    }

    // MARK: Cut configurations

    private func cut(_ configuration: Int32) -> Cut {
        let short = machine.cut(configuration, levels: Self.levels)
        if let known = cuts[short] { return known }
        var cut = Cut(mask: TokenMask(count: vocabulary.count), undecided: vocabulary.long, costMax: 0)
        var trie = vocabulary.trie
        if machine.loopsOnPlainText(short) {
            cut.mask = vocabulary.slices[TokenVocabulary.pointsMax]
            cut.costMax = machine.certainCost(short)
            trie = vocabulary.restTrie
        } else if let points = machine.freePoints(short) ?? machine.freeKeyPoints(short), points > 0 {
            cut.mask = vocabulary.slices[min(points, TokenVocabulary.pointsMax)]
            // A key that equals a named one needs a character more.
            cut.costMax = machine.certainCost(short) + 1 + machine.extraKeyCost(short)
            trie = vocabulary.restTrie
        }
        walk(trie, from: short)
        // Most tokens of a walk lead to few different configurations.
        var last: (target: Int32, isCertain: Bool) = (-1, false)
        for (token, target) in found {
            if target != last.target {
                last = (target, machine.isCertain(target))
                if last.isCertain { cut.costMax = max(cut.costMax, machine.certainCost(target)) }
            }
            if last.isCertain { cut.mask.insert(token) } else { cut.undecided.append(token) }
        }
        if cuts.count >= Self.cutsMax { forget() }
        if keeps(tokens: cut.undecided.count) { cuts[short] = cut }
        return cut
    }

    /// Puts the tokens of the trie that are allowed into `found`, with the configurations behind them.
    func walk(_ trie: TokenTrie, from configuration: Int32) {
        var found = found
        self.found = []
        found.removeAll(keepingCapacity: true)
        var path = path
        // The table is taken out of the machine, so that a step is two reads.
        var steps = StepTable()
        swap(&steps, &machine.steps)
        path[0] = configuration
        var node = 0
        let count = trie.count
        while node < count {
            let depth = Int(trie.depths[node])
            var target = steps[path[depth], trie.bytes[node]]
            if target == StepTable.unknown {
                swap(&steps, &machine.steps)
                target = machine.makeStep(path[depth], trie.bytes[node])
                swap(&steps, &machine.steps)
            }
            guard target >= 0 else {
                node = Int(trie.ends[node])
                continue
            }
            path[depth + 1] = target
            let token = trie.tokens[node]
            if token >= 0 {
                found.append((token, target))
                if let more = trie.equals[token] { for other in more { found.append((other, target)) } }
            }
            node += 1
        }
        swap(&steps, &machine.steps)
        self.found = found
    }
}
