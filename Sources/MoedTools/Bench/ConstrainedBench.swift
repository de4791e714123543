import MoedCore
import MoedEngine
import MoedGrammar
import MoedHost
import MoedLocal
import MoedWeights

/// `moed bench --constrained`: time of token masks, and of sweeps with and without constraints in turns.
struct ConstrainedBench {
    /// Constraints of the measurement by name.
    private static let constraints: [(name: String, make: @Sendable () throws -> CompiledGrammar)] = [
        ("record", { try schema(record) }),
        ("list", { try schema("{\"type\": \"array\", \"items\": \(record), \"maxItems\": 50}") }),
        ("any object", { try schema(#"{"type": "object"}"#) }),
        ("choices", { try CompiledGrammar(choices: labels) }),
        ("pattern", { try CompiledGrammar(regex: "[A-Z]{2}-[0-9]{4}( [a-z]+){1,20}") }),
        ("grammar", { try CompiledGrammar(gbnf: expressions) }),
    ]

    private static let labels = (0..<200).map { "label \($0)" }
    private static let record = #"""
        {"type": "object", "properties": {
          "name": {"type": "string", "maxLength": 60}, "age": {"type": "integer", "minimum": 0, "maximum": 150},
          "email": {"type": "string", "format": "email"},
          "tags": {"type": "array", "items": {"enum": ["new", "old", "lost"]}},
          "note": {"type": "string"}, "sizes": {"type": "array", "items": {"type": "number"}}},
         "required": ["name", "age", "note"], "additionalProperties": false}
        """#
    private static let expressions = #"""
        root ::= sum
        sum ::= product ([+-] product)*
        product ::= value ([*/] value)*
        value ::= [0-9]+ | name | "(" sum ")" | "\"" [^"\\]* "\""
        name ::= [a-z] [a-z0-9_]*
        """#

    let vocabulary: TokenVocabulary
    let engine: Engine
    let sequences: Int
    let repeats: Int
    let show: (String) -> Void

    /// Answers of random tokens, with plenty of room and with little: each mask is timed.
    func masks() throws -> [(name: String, microseconds: Sample)] {
        var random = SplitMix(seed: 2)
        return try Self.constraints.map { name, make in
            show("masks of \(name)")
            let grammar = TokenGrammar(try make(), vocabulary: vocabulary)
            var times: [Double] = []
            for answer in 0..<(10 * repeats) {
                var constraint = GrammarConstraint(grammar)
                let room = constraint.distanceToEnd + 1 + answer % 4 * 40
                for used in 0..<room where !constraint.isFinished {
                    let start = ContinuousClock.now
                    let mask = constraint.mask(room: room - used)
                    times.append((ContinuousClock.now - start).seconds * 1e6)
                    constraint.accept(mask.member(Int.random(in: 0..<max(1, mask.count), using: &random)))
                }
            }
            return (name, Sample(times))
        }
    }

    /// Seconds of a sweep in which each sequence gets a token: free ones and constrained ones, in turns.
    func sweeps(context: Int) throws -> (free: Sample, constrained: Sample) {
        var rows = try Rows(self, context: context)
        defer { for number in 0..<sequences { engine.close(SequenceID(number)) } }
        let count = SweepBench.sweeps(batch: sequences)
        var times: [Bool: [Double]] = [:]
        for turn in 0..<repeats + 1 {
            show("sweeps, turn \(turn) of \(repeats)")
            for isConstrained in turn % 2 == 0 ? [false, true] : [true, false] {
                let start = ContinuousClock.now
                for _ in 0..<count { try rows.sweep(isConstrained) }
                // The first turn warms up.
                let seconds = (ContinuousClock.now - start).seconds / Double(count)
                if turn > 0 { times[isConstrained, default: []].append(seconds) }
            }
        }
        return (Sample(times[false] ?? [0]), Sample(times[true] ?? [0]))
    }

    /// Tokens that each sequence decodes.
    static func decoded(sequences: Int, repeats: Int) -> Int {
        SweepBench.sweeps(batch: sequences) * 2 * (repeats + 1)
    }

    /// Sequences that decode random tokens: with and without constraints the layers do the same work.
    private struct Rows {
        let engine: Engine
        let beginning: GrammarConstraint
        var constraints: [GrammarConstraint]
        var random = SplitMix(seed: 3)

        init(_ bench: ConstrainedBench, context: Int) throws {
            engine = bench.engine
            beginning = GrammarConstraint(
                TokenGrammar(try ConstrainedBench.schema(ConstrainedBench.record), vocabulary: bench.vocabulary))
            constraints = [GrammarConstraint](repeating: beginning, count: bench.sequences)
            let room = ConstrainedBench.decoded(sequences: bench.sequences, repeats: bench.repeats)
            for number in constraints.indices {
                let prompt = tokens(context)
                try engine.open(
                    SequenceID(number),
                    SequenceOpening(
                        prompt: prompt, tokensMax: context + room, sampling: .greedy, choice: 0))
                for start in stride(from: 0, to: context, by: engine.limits.rowsPerSweepMax) {
                    let part = Array(prompt[start..<min(start + engine.limits.rowsPerSweepMax, context)])
                    _ = try engine.sweep([SequenceStep(sequence: SequenceID(number), tokens: part, samples: false)])
                }
            }
        }

        private mutating func tokens(_ count: Int) -> [TokenID] {
            let limit = engine.model.configuration.vocabulary
            return (0..<count).map { _ in TokenID(Int.random(in: 0..<limit, using: &random)) }
        }

        mutating func sweep(_ isConstrained: Bool) throws {
            let next = tokens(constraints.count)
            let steps = constraints.indices.map { number in
                SequenceStep(
                    sequence: SequenceID(number), tokens: [next[number]], samples: true,
                    allowed: isConstrained ? AllowedTokens(constraints[number], room: 200) : nil)
            }
            let outputs = try engine.sweep(steps)
            guard isConstrained else { return }
            for (number, output) in outputs.enumerated() {
                if let token = output.token { constraints[number].accept(token) }
                if constraints[number].isFinished { constraints[number] = beginning }
            }
        }
    }

    private static func schema(_ text: String) throws -> CompiledGrammar {
        try CompiledGrammar(schema: try JSONValue(parsing: text))
    }
}
