/// Tokens that may be sampled at one place. The engine asks for them on the thread that samples.
package struct AllowedTokens: Sendable, Equatable {
    /// Nil for free text and inside of a thought.
    private let constraint: (any TokenConstraint)?
    /// Tokens that still fit, the next one included.
    private let room: Int
    /// A token that the constraint does not know and that may come here: the beginning of a thought.
    private let other: TokenID?
    /// Tokens that may not come. Where nothing else would be left, the constraint counts.
    private let excluded: Set<TokenID>

    package init(
        _ constraint: any TokenConstraint, room: Int, other: TokenID? = nil, allBut excluded: Set<TokenID> = []
    ) {
        self.constraint = constraint
        self.room = room
        self.other = other
        self.excluded = excluded
    }

    /// All tokens but some.
    package init(allBut excluded: Set<TokenID>) {
        constraint = nil
        room = 0
        other = nil
        self.excluded = excluded
    }

    /// The excluded tokens where all others are allowed; nil where a constraint decides.
    package var exclusions: Set<TokenID>? { constraint == nil ? excluded : nil }

    /// - Parameter count: number of ids that may be sampled.
    package func mask(count: Int) -> TokenMask {
        guard let constraint else { return TokenMask(count: count, allBut: excluded) }
        var mask = constraint.mask(room: room)
        if let other { mask.insert(other) }
        guard !excluded.isEmpty else { return mask }
        var rest = mask
        for token in excluded { rest.remove(token) }
        return rest.count > 0 ? rest : mask
    }

    package static func == (left: AllowedTokens, right: AllowedTokens) -> Bool {
        left.mask(count: 64) == right.mask(count: 64) && left.excluded == right.excluded
    }
}
