import MoedCore
import MoedAutomata
import MoedGrammar
import MoedText
import Synchronization

/// Compiled constraints of a worker. Jobs with equal constraints share one.
final class ConstraintCache: Sendable {
    private struct State {
        var vocabulary: TokenVocabulary?
        var grammars: [Key: TokenGrammar] = [:]
        /// Keys in the order of their last use.
        var recent: [Key] = []
    }

    private enum Key: Hashable {
        case schema(String, isStrict: Bool)
        case regex(String)
        case choices([String])
        case grammar(String)
    }

    /// Compiled constraints that are kept. Their masks share `MaskBudget`.
    private static let grammarsMax = 16
    /// Bytes of the automata that are kept for later jobs. The last one used is kept in any case.
    static let bytesMax = 16 << 20
    /// Bytes of a token's text and of its places in the trie.
    private static let tokenBytes = 220

    /// Memory of constraints, in bytes.
    ///
    /// - Parameter vocabulary: number of tokens.
    static func memory(vocabulary: Int) -> Int { bytesMax + MaskBudget.bytesMax + tokenBytes * vocabulary }

    private let state = Mutex(State())
    private let bytesMax: Int

    init(bytesMax: Int = ConstraintCache.bytesMax) { self.bytesMax = bytesMax }

    /// Compiles a constraint, or finds it. The first one takes a second more, for the vocabulary.
    ///
    /// - Throws: `RequestError` naming field, keyword and place.
    func grammar(_ requested: RequestedConstraint, _ text: TextSide) throws(RequestError) -> TokenGrammar {
        let key = Self.key(requested.constraint)
        let found: TokenGrammar? = state.withLock { state in
            guard let grammar = state.grammars[key], !grammar.isLarge else { return nil }
            state.recent.removeAll { $0 == key }
            state.recent.append(key)
            trim(&state)
            return grammar
        }
        if let found { return found }
        let vocabulary = try vocabulary(text)
        let grammar: TokenGrammar
        do throws(GrammarError) {
            let compiled = CompileMeter.$current.withValue(CompileMeter()) {
                Result { () throws(GrammarError) in try Self.compile(requested.constraint) }
            }
            grammar = TokenGrammar(try compiled.get(), vocabulary: vocabulary)
        } catch {
            throw RequestError(.invalidValue, param: requested.param, "\(requested.param): \(error)")
        }
        state.withLock { state in
            state.grammars[key] = grammar
            state.recent.removeAll { $0 == key }
            state.recent.append(key)
            trim(&state)
        }
        return grammar
    }

    /// Number of constraints that are kept.
    var count: Int { state.withLock { $0.recent.count } }

    /// Drops the constraints that were not used for longest, until the others fit. Running jobs keep theirs.
    private func trim(_ state: inout State) {
        var bytes = state.grammars.values.reduce(0) { $0 + $1.byteCount }
        while state.recent.count > 1, state.recent.count > Self.grammarsMax || bytes > bytesMax {
            bytes -= state.grammars.removeValue(forKey: state.recent.removeFirst())?.byteCount ?? 0
        }
    }

    private static func key(_ constraint: AnswerConstraint) -> Key {
        switch constraint {
        case .schema(let schema, let isStrict): .schema(schema.serialized(), isStrict: isStrict)
        case .regex(let text): .regex(text)
        case .choices(let choices): .choices(choices)
        case .grammar(let text): .grammar(text)
        }
    }

    private static func compile(_ constraint: AnswerConstraint) throws(GrammarError) -> CompiledGrammar {
        switch constraint {
        case .schema(let schema, let isStrict): try CompiledGrammar(schema: schema, isStrict: isStrict)
        case .regex(let text): try CompiledGrammar(regex: text)
        case .choices(let choices): try CompiledGrammar(choices: choices)
        case .grammar(let text): try CompiledGrammar(gbnf: text)
        }
    }

    private func vocabulary(_ text: TextSide) throws(RequestError) -> TokenVocabulary {
        let vocabulary = state.withLock { state in
            if let known = state.vocabulary { return known }
            let made = TokenVocabulary(
                texts: text.tokenizer.plainTexts(count: text.vocabularySize), endIDs: text.endIDs)
            state.vocabulary = made
            return made
        }
        if let byte = vocabulary.missingByte {
            throw RequestError(
                .unsupported,
                "the model's vocabulary has no token for the byte \(byte): answers cannot be constrained")
        }
        return vocabulary
    }
}
