package import MoedAutomata
package import MoedCore

/// A compiled constraint, independent of any vocabulary.
package struct CompiledGrammar: Sendable {
    let program: Program
    /// Remarks about what is not enforced.
    package let warnings: [String]

    /// Compiles a JSON Schema.
    ///
    /// - Parameter isStrict: false turns some refusals into warnings.
    package init(schema: JSONValue, isStrict: Bool = true) throws(GrammarError) {
        (program, warnings) = try ProgramBuilder.build(schema, isStrict: isStrict)
    }

    /// Compiles a regular expression that the whole answer matches.
    package init(regex: String) throws(GrammarError) {
        try self.init(DFABuilder.build(try RegexParser.parse(regex), searches: false))
    }

    /// An answer that is one of the choices.
    package init(choices: [String]) throws(GrammarError) {
        try self.init(DFABuilder.words(choices))
    }

    private init(_ dfa: DFA) throws(GrammarError) {
        guard !dfa.isEmpty else { throw GrammarError(.unsatisfiable, "no answer satisfies the constraint") }
        var program = Program()
        program.dfas = [dfa]
        program.byteCosts = [TextCosts(dfa, isJSON: false, fewestPoints: false) { _ in true }]
        program.root = Frame(.bytes, machine: 0)
        guard Int(program.byteCosts[0].bytes[0]) <= Program.documentBytesMax else {
            throw GrammarError(.tooLarge, "the shortest answer has \(program.byteCosts[0].bytes[0]) bytes")
        }
        self.program = program
        warnings = []
    }
}

/// Answers questions about whole texts. One thread at a time may use it.
package final class TextAcceptor {
    private let machine: StackMachine

    package init(_ grammar: CompiledGrammar) { machine = StackMachine(grammar.program) }

    /// True when the bytes are a whole allowed text.
    package func accepts(_ bytes: [UInt8]) -> Bool {
        var matcher = Matcher(machine)
        return bytes.allSatisfy { matcher.take($0, machine) } && machine.isAccepting(matcher.configuration)
    }

    /// Number of leading bytes that some allowed text begins with.
    package func validPrefix(_ bytes: [UInt8]) -> Int {
        var matcher = Matcher(machine)
        return bytes.firstIndex { !matcher.take($0, machine) } ?? bytes.count
    }
}
