package import MoedCore

/// Sequences of tokens that must not be generated (`bad_words`), a function of the output alone.
package struct TokenBans: Sendable, Equatable {
    private let sequences: [[TokenID]]

    package init(_ sequences: [[TokenID]]) { self.sequences = sequences.filter { !$0.isEmpty } }

    /// Tokens that would complete a sequence.
    func tokens(after output: [TokenID]) -> Set<TokenID> {
        var banned: Set<TokenID> = []
        for sequence in sequences {
            guard let last = sequence.last, output.count >= sequence.count - 1,
                output.suffix(sequence.count - 1).elementsEqual(sequence.dropLast())
            else { continue }
            banned.insert(last)
        }
        return banned
    }
}
