import MoedAutomata
import MoedCore
import TestSupport
import Testing

/// `\b` and `\B` in patterns: boundaries of words of ASCII characters, as RE2 and ECMAScript have them.
struct WordBoundaryTests {
    private static func finds(_ pattern: String, in text: String) throws -> Bool {
        try DFABuilder.build(try RegexParser.parse(pattern), searches: true).accepts(text)
    }

    @Test(
        arguments: [
            (#"\bcat\b"#, "a cat sat", true), (#"\bcat\b"#, "concat", false), (#"\bcat\b"#, "cat", true),
            (#"\bcat\b"#, "cat_", false), (#"\bcat\b"#, "écaté", true), (#"\bcat\b"#, "écat cat", true),
            (#"\bcat\b"#, "ü cat ü", true), (#"\bécat"#, "écat", false), (#"é\bcat"#, "écat", true),
            (#"\Bcat"#, "concat", true), (#"\Bcat"#, "cat", false), (#"\B"#, "", true), (#"\b"#, "", false),
            (#"^\b"#, "a", true), (#"\b^a"#, "a", true), (#"a$\b"#, "a", true), (#"\b$"#, "a.", false),
            (#"é\B"#, "é", true), (#"\Bé"#, "é", true), (#"(\b|x)a"#, "xa", true), (#"(\b|x)a"#, "ba", false),
            (#"^(\w+\b[ .]?)+$"#, "so it is.", true), (#"^(?!.*\bno\b)\w+$"#, "noon", true),
            (#"^(?!.*\bno\b).+$"#, "say no more", false), (#"(?i)\bheron\b"#, "A HERON!", true), (#"[\b]"#, "\u{8}", true),
        ])
    func boundariesAreFound(_ pattern: String, _ text: String, _ isFound: Bool) throws {
        #expect(try Self.finds(pattern, in: text) == isFound, "\(pattern) in \(text)")
    }

    /// Random patterns over few characters, against the regular expressions of Swift.
    @Test func randomPatternsAgreeWithAnotherEngine() throws {
        var random = SplitMix(seed: 7)
        let parts = [#"\b"#, #"\B"#, "a", "b", "-", "é", ".", "a*", "(?:a|-)", "(?:b-)?", "^", "$"]
        let letters = ["a", "b", "-", "é"]
        for _ in 0..<300 {
            let pattern = (0..<Int(random.next() % 5 + 1)).map { _ in parts[Int(random.next() % 12)] }.joined()
            let other = try Regex(pattern).wordBoundaryKind(.simple).asciiOnlyCharacterClasses()
                .matchingSemantics(.unicodeScalar)
            for _ in 0..<20 {
                let text = (0..<Int(random.next() % 6)).map { _ in letters[Int(random.next() % 4)] }.joined()
                #expect(try Self.finds(pattern, in: text) == (text.firstMatch(of: other) != nil), "\(pattern) in \(text)")
            }
        }
    }
}
