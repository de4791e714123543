import MoedAutomata
import MoedCore
import MoedGrammar
import Testing

/// The work of a compilation is bounded.
struct CompileMeterTests {
    private func compile(_ schema: JSONValue, stepsMax: Int) throws -> Int {
        let meter = CompileMeter(stepsMax: stepsMax)
        _ = try CompileMeter.$current.withValue(meter) { try CompiledGrammar(schema: schema) }
        return meter.steps
    }

    @Test func aCompilationBeyondItsStepsIsRefused() throws {
        let schema: JSONValue = [
            "type": "object", "properties": ["a": ["type": "string", "pattern": "^(a|b)*a(a|b){6}$"]], "required": ["a"],
        ]
        let steps = try compile(schema, stepsMax: CompileMeter.stepsMax)
        #expect(steps > 1_000)
        #expect(try compile(schema, stepsMax: steps) == steps)
        let error = #expect(throws: GrammarError.self) { try compile(schema, stepsMax: steps - 1) }
        #expect(error?.code == .tooLarge && error?.reason.contains("takes too long to compile") == true)
    }

    /// Many patterns, each below the limits of one automaton.
    @Test func manyCostlyPatternsAreRefusedTogether() {
        let properties = (0..<200).map { index in
            ("p\(index)", ["type": "string", "pattern": .string("(a|b)*a(a|b){11}c\(index)")] as JSONValue)
        }
        let schema: JSONValue = ["type": "object", "properties": .object(JSONObject(properties))]
        #expect(throws: GrammarError.self) { try compile(schema, stepsMax: 2_000_000) }
    }
}
