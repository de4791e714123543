import MoedCore

/// The number of tokens to the end.
extension MaskMaker {
    /// Distances that are kept.
    private static let distancesMax = 20_000

    /// Tokens of a short way to the end. Each is the longest token that the way's text begins with.
    ///
    /// The way from behind the first of these tokens is the rest of this way, so it has one token less.
    func distance(_ matcher: Matcher) -> Int {
        guard matcher.configuration >= 0 else { return 0 }
        if let known = distance(ofConfiguration: matcher.configuration) { return known }
        return exactDistance(matcher)
    }

    /// Distance of a configuration; nil when its way begins a key that may repeat another one.
    func distance(ofConfiguration configuration: Int32) -> Int? {
        var way: [Int32] = []
        var current = configuration
        var total = 0
        while true {
            if let known = configurationDistances[current] {
                total = known
                break
            }
            guard !machine.isAccepting(current) else { break }
            guard let next = closingStep(current) else {
                total = -1
                break
            }
            way.append(current)
            current = next
        }
        if configurationDistances.count + way.count > Self.distancesMax { configurationDistances.removeAll() }
        for place in way.reversed() {
            if total >= 0 { total += 1 }
            configurationDistances[place] = total
        }
        return total < 0 ? nil : total
    }

    /// Configuration behind the next token of the short way; nil where the way needs the text.
    private func closingStep(_ configuration: Int32) -> Int32? {
        var current = configuration
        var node = -1
        var best: Int32?
        while let byte = machine.closing(current), let child = vocabulary.trie.child(of: node, byte) {
            current = machine.step(current, byte)
            guard current >= 0 else { return nil }
            node = child
            if vocabulary.trie.tokens[node] >= 0 { best = current }
        }
        return best
    }

    private func exactDistance(_ matcher: Matcher) -> Int {
        var way: [Matcher] = []
        var current = matcher
        var total = 0
        while true {
            if let known = distances[current] {
                total = known
                break
            }
            guard let (_, next) = closingToken(current) else { break }
            way.append(current)
            current = next
        }
        if distances.count + way.count > Self.distancesMax { distances.removeAll() }
        for place in way.reversed() {
            total += 1
            distances[place] = total
        }
        return total
    }

    /// The next token of the short way, and the place behind it; nil at the end.
    func closingToken(_ matcher: Matcher) -> (token: TokenID, next: Matcher)? {
        var current = matcher
        var node = -1
        var best: (token: TokenID, next: Matcher)?
        while current.configuration >= 0, let byte = machine.closing(current.configuration),
            let child = vocabulary.trie.child(of: node, byte)
        {
            guard current.take(byte, machine) else { break }
            node = child
            if vocabulary.trie.tokens[node] >= 0 { best = (vocabulary.trie.tokens[node], current) }
        }
        return best
    }

    /// Text of the short way.
    func closingText(_ matcher: Matcher) -> [UInt8] {
        var current = matcher
        var text: [UInt8] = []
        while current.configuration >= 0, text.count < Program.documentBytesMax,
            let byte = machine.closing(current.configuration), current.take(byte, machine)
        { text.append(byte) }
        return text
    }
}
