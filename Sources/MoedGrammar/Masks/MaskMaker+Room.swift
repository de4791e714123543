import MoedCore

/// Tokens of a configuration with the same configuration behind them.
struct TokenGroup {
    var target: Int32
    /// Nil for few tokens.
    var mask: TokenMask?
    /// True for a mask of the vocabulary.
    var isShared = false
    var tokens: [TokenID] = []
}

/// Masks where little room is left.
extension MaskMaker {
    private static let groupsMax = 256

    /// Allowed tokens behind which the answer can still be completed.
    func tight(_ matcher: Matcher, room: Int) -> TokenMask {
        var result = TokenMask(count: vocabulary.count)
        for group in groups(matcher.configuration) where isNear(group.target, room) {
            if let mask = group.mask { result.formUnion(mask) }
            for token in group.tokens { result.insert(token) }
        }
        if let token = closingToken(matcher)?.token { result.insert(token) }
        return result
    }

    /// True when the end can be reached behind a token. Where the distance depends on keys that were written, only the
    /// bound of its bytes counts.
    private func isNear(_ configuration: Int32, _ room: Int) -> Bool {
        let cost = machine.cost(configuration)
        if cost <= room - 2 { return true }
        // No token has more bytes than these.
        if cost / TokenVocabulary.lengthMax > room { return false }
        return distance(ofConfiguration: configuration).map { $0 <= room - 2 } ?? false
    }

    private func groups(_ configuration: Int32) -> [TokenGroup] {
        if let known = groups[configuration] { return known }
        let made = makeGroups(configuration)
        if groups.count >= Self.groupsMax { forget() }
        let masks = made.count { $0.mask != nil && !$0.isShared }
        let tokens = made.reduce(made.count * 8) { $0 + $1.tokens.count }
        if keeps(masks: masks, tokens: tokens) { groups[configuration] = made }
        return made
    }

    private func makeGroups(_ configuration: Int32) -> [TokenGroup] {
        var made: [TokenGroup] = []
        var trie = vocabulary.trie
        if machine.loopsOnPlainText(configuration) {
            let plain = vocabulary.slices[TokenVocabulary.pointsMax]
            made.append(TokenGroup(target: configuration, mask: plain, isShared: true))
            trie = vocabulary.restTrie
        } else if let points = machine.freePoints(configuration), points > 0 {
            var target = configuration
            for count in 1...min(points, TokenVocabulary.pointsMax) {
                target = machine.step(target, UInt8(ascii: "a"))
                made.append(TokenGroup(target: target, mask: vocabulary.exact[count], isShared: true))
            }
            trie = vocabulary.restTrie
        }
        walk(trie, from: configuration)
        let first = made.count
        for (token, target) in found { add(token, target, to: &made) }
        for token in vocabulary.long {
            let target = run(configuration, vocabulary.texts[Int(token)])
            if target >= 0 { add(token, target, to: &made) }
        }
        for index in first..<made.count {
            groupOf[Int(made[index].target)] = -1
            guard made[index].tokens.count > vocabulary.count / 32 else { continue }
            var mask = TokenMask(count: vocabulary.count)
            for token in made[index].tokens { mask.insert(token) }
            made[index] = TokenGroup(target: made[index].target, mask: mask)
        }
        return made
    }

    private func add(_ token: TokenID, _ target: Int32, to groups: inout [TokenGroup]) {
        while groupOf.count <= Int(target) { groupOf.append(-1) }
        if groupOf[Int(target)] < 0 {
            groupOf[Int(target)] = Int32(groups.count)
            groups.append(TokenGroup(target: target))
        }
        groups[Int(groupOf[Int(target)])].tokens.append(token)
    }
}
