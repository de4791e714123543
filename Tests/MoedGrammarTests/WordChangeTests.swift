import MoedAutomata
import Testing

/// Automata without single words.
struct WordChangeTests {
    @Test(
        arguments: [
            ("[a-c]*", ["", "a", "abc", "ccc"]), ("(ab|abc|b)+", ["ab", "abab", "bb"]), ("a|b|c", ["a", "b", "c"]),
            (".*", ["", "é", "aé", "日本"]),
        ]) func aWordIsTakenOutAlone(_ pattern: String, _ words: [String]) throws {
        let whole = try DFABuilder.build(try RegexParser.parse("^(\(pattern))$"), searches: false)
        let texts = words + ["", "a", "b", "ab", "abc", "ba", "é", "éa", "aé", "日本", "日本x", "abb", "cc", "abcab"]
        var rest = whole
        for word in words {
            rest = rest.changing(Array(word.utf8)) { label, isWord in isWord ? nil : label }
        }
        for text in texts {
            #expect(rest.accepts(text) == (whole.accepts(text) && !words.contains(text)), "\(text)")
        }
    }

    @Test func nothingIsLeftOfAnAutomatonWithoutItsOnlyWord() {
        let word = Array("word".utf8)
        let one = DFABuilder.words([(word, 3)])
        #expect(one.changing(word) { _, isWord in isWord ? nil : 1 }.isEmpty)
        #expect(one.changing(Array("wo".utf8)) { label, _ in label + 1 }.accepts("word"))
    }
}
