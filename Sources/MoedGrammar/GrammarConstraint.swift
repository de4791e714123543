package import MoedCore
import Synchronization

/// A compiled constraint for one vocabulary. Jobs with equal constraints share it.
package final class TokenGrammar: Sendable {
    /// Remarks about what is not enforced.
    package let warnings: [String]
    private let maker: Mutex<MaskMaker>

    package init(_ grammar: CompiledGrammar, vocabulary: TokenVocabulary) {
        warnings = grammar.warnings
        maker = Mutex(MaskMaker(StackMachine(grammar.program), vocabulary))
    }

    /// True when so much is remembered that a new grammar should take over for new jobs.
    package var isLarge: Bool { with { $0.machine.isLarge } }

    /// Bytes of its automata, nearly; its masks are in the vocabulary's budget.
    package var byteCount: Int { with { $0.machine.byteCount } }

    func with<Result>(_ body: (MaskMaker) -> sending Result) -> Result { maker.withLock { body($0) } }
}

/// The place of an answer in its grammar.
package struct GrammarConstraint: TokenConstraint {
    private let grammar: TokenGrammar
    private var matcher: Matcher
    /// Line feeds that may still come in front of the answer.
    private var leading: Int

    /// - Parameter leadingLineFeeds: line feeds that a model may write in front of the answer.
    package init(_ grammar: TokenGrammar, leadingLineFeeds: Int = 0) {
        self.grammar = grammar
        (matcher, leading) = grammar.with { maker in
            let matcher = Matcher(maker.machine)
            // Where the grammar itself begins with a line feed, it belongs to the answer.
            let isOwn = maker.machine.step(matcher.configuration, UInt8(ascii: "\n")) >= 0
            return (matcher, isOwn ? 0 : leadingLineFeeds)
        }
    }

    package func mask(room: Int) -> TokenMask {
        grammar.with { maker in
            var mask = maker.mask(matcher, room: room)
            guard leading > 0, maker.distance(matcher) <= room - 2 else { return mask }
            for (id, count) in maker.vocabulary.lineFeeds where count <= leading { mask.insert(id) }
            return mask
        }
    }

    package mutating func accept(_ token: TokenID) {
        let (matcher, leading) = (matcher, leading)
        (self.matcher, self.leading) = grammar.with { maker in
            var (matcher, leading) = (matcher, leading)
            guard token >= 0, Int(token) < maker.vocabulary.texts.count else { return (matcher, leading) }
            let text = maker.vocabulary.texts[Int(token)]
            if leading > 0, !text.isEmpty, text.count <= leading,
                text.allSatisfy({ $0 == UInt8(ascii: "\n") })
            {
                leading -= text.count
                return (matcher, leading)
            }
            for byte in text where !matcher.take(byte, maker.machine) { break }
            return (matcher, 0)
        }
    }

    package var distanceToEnd: Int { grammar.with { $0.distance(matcher) } }

    package var isComplete: Bool {
        matcher.configuration < 0 || grammar.with { $0.machine.isAccepting(matcher.configuration) }
    }

    package var isFinished: Bool {
        matcher.configuration < 0 || grammar.with { $0.machine.isFinished(matcher.configuration) }
    }

    /// True when a token outside of the mask was taken.
    package var hasFailed: Bool { matcher.configuration < 0 }
}
