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

    /// Compiles a grammar in GBNF that the whole answer matches.
    package init(gbnf: String) throws(GrammarError) {
        var program = Program()
        let (table, start) = try RuleBuilder.build(try GBNFParser.parse(gbnf))
        program.rules = table
        program.root = Frame(.rule)
        program.root.position = start
        self.program = program
        warnings = []
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

    /// An allowed text on a shortest way; nil when it is longer.
    package func shortestText(bytesMax: Int) -> [UInt8]? {
        var configuration = machine.start
        var text: [UInt8] = []
        while configuration >= 0, !machine.isAccepting(configuration) {
            guard text.count < bytesMax, let byte = machine.closing(configuration) else { return nil }
            text.append(byte)
            configuration = machine.step(configuration, byte)
        }
        return configuration < 0 ? nil : text
    }

    /// Number of leading bytes that some allowed text begins with.
    package func validPrefix(_ bytes: [UInt8]) -> Int {
        var matcher = Matcher(machine)
        return bytes.firstIndex { !matcher.take($0, machine) } ?? bytes.count
    }
}
