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
    /// Masks that are kept. One of a vocabulary of 151,936 tokens has 19 kB.
    private static let wholesMax = 512
    private static let cutsMax = 1024

    let machine: StackMachine
    let vocabulary: TokenVocabulary
    private var wholes: [Int32: Whole] = [:]
    private var cuts: [Int32: Cut] = [:]
    private var path: [Int32]
    var distances: [Matcher: Int] = [:]
    /// Distances of configurations; -1 where they depend on the text.
    var configurationDistances: [Int32: Int] = [:]

    init(_ machine: StackMachine, _ vocabulary: TokenVocabulary) {
        self.machine = machine
        self.vocabulary = vocabulary
        path = [Int32](repeating: 0, count: TokenVocabulary.lengthMax + 1)
    }

    /// Tokens that may follow.
    ///
    /// - Parameter room: tokens that fit, the next one and the end token included.
    func mask(_ matcher: Matcher, room: Int) -> TokenMask {
        guard matcher.configuration >= 0 else { return ends(TokenMask(count: vocabulary.count)) }
        let whole = whole(matcher.configuration)
        var mask = room - 2 >= whole.costMax ? whole.mask : tight(matcher, whole.mask, room: room)
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
        if wholes.count >= Self.wholesMax { wholes.removeAll() }
        wholes[configuration] = whole
        return whole
    }

    private func run(_ configuration: Int32, _ bytes: [UInt8]) -> Int32 {
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
        if let points = machine.freePoints(short), points > 0 {
            cut.mask = vocabulary.slices[min(points, TokenVocabulary.pointsMax)]
            cut.costMax = machine.certainCost(short)
            trie = vocabulary.restTrie
        }
        walk(trie, from: short) { token, target in
            if machine.isCertain(target) {
                cut.mask.insert(token)
                cut.costMax = max(cut.costMax, machine.certainCost(target))
            } else {
                cut.undecided.append(token)
            }
        }
        if cuts.count >= Self.cutsMax { cuts.removeAll() }
        cuts[short] = cut
        return cut
    }

    /// Calls `visit` for each token of the trie that is allowed, with the configuration behind it.
    private func walk(_ trie: TokenTrie, from configuration: Int32, _ visit: (TokenID, Int32) -> Void) {
        path[0] = configuration
        var node = 0
        let count = trie.count
        while node < count {
            let depth = Int(trie.depths[node])
            let target = machine.step(path[depth], trie.bytes[node])
            guard target >= 0 else {
                node = Int(trie.ends[node])
                continue
            }
            path[depth + 1] = target
            let token = trie.tokens[node]
            if token >= 0 {
                visit(token, target)
                if let more = trie.equals[token] { for other in more { visit(other, target) } }
            }
            node += 1
        }
    }

    // MARK: Little room

    /// Tokens of the mask behind which the answer can still be completed.
    private func tight(_ matcher: Matcher, _ mask: TokenMask, room: Int) -> TokenMask {
        var result = TokenMask(count: vocabulary.count)
        let configuration = matcher.configuration
        func consider(_ token: TokenID, _ target: Int32) {
            if let isNear = isNear(target, room) {
                if isNear { result.insert(token) }
                return
            }
            var after = matcher
            guard vocabulary.texts[Int(token)].allSatisfy({ after.take($0, machine) }) else { return }
            if distance(after) <= room - 2 { result.insert(token) }
        }
        var trie = vocabulary.trie
        if let points = machine.freePoints(configuration), points > 0, machine.needsNoPoints(configuration),
            isNear(configuration, room) == true
        {
            result = vocabulary.slices[min(points, TokenVocabulary.pointsMax)]
            trie = vocabulary.restTrie
        }
        walk(trie, from: configuration, consider)
        for token in vocabulary.long where mask.contains(token) {
            let target = run(configuration, vocabulary.texts[Int(token)])
            if target >= 0 { consider(token, target) }
        }
        return result
    }

    /// True when the end can be reached behind a token; nil when that depends on the text.
    private func isNear(_ configuration: Int32, _ room: Int) -> Bool? {
        let cost = machine.cost(configuration)
        if cost <= room - 2 { return true }
        // No token has more bytes than these.
        if cost / TokenVocabulary.lengthMax > room { return false }
        return distance(ofConfiguration: configuration).map { $0 <= room - 2 }
    }
}
