import Foundation
import MoedCore
import MoedText
import TestSupport
import Testing

/// Tokenizers against ids recorded from Hugging Face's `tokenizers`: the sample model's, and the real Qwen3 one where the
/// golden data with third-party text is found.
struct TokenizerGoldenTests {
    enum Subject: CaseIterable {
        case sample, qwen

        static let found = allCases.filter { $0 == .sample || Fixtures.golden != nil }
    }

    private static let isQwenFound = ConditionTrait.enabled(
        if: Fixtures.golden != nil, Comment(rawValue: Fixtures.goldenMissing))

    /// Loaded once: the file has 11 MB.
    private static let qwen = Result {
        let golden = try #require(Fixtures.golden)
        return try Tokenizer(
            tokenizerJSON: Fixtures.gunzipped(golden.appending(path: "qwen3-tokenizer/tokenizer.json.gz")),
            file: "tokenizer.json")
    }

    private func tokenizer(_ subject: Subject) throws -> Tokenizer {
        try subject == .sample ? SampleTokenizer.load() : Self.qwen.get()
    }

    private func cases(_ name: String, _ subject: Subject) throws -> [JSONValue] {
        let golden = try #require(subject == .sample ? Fixtures.ownGolden : Fixtures.golden)
        let cases = try Fixtures.lines(golden.appending(path: "tokenizer/\(name).jsonl"))
        try #require(!cases.isEmpty)
        return cases
    }

    private func ids(_ value: JSONValue?) throws -> [TokenID] {
        try #require(value?.array).map { TokenID(try #require($0.integer)) }
    }

    @Test(arguments: Subject.found)
    func encodesEveryCase(_ subject: Subject) throws {
        let tokenizer = try tokenizer(subject)
        for example in try cases("tokenizer", subject) {
            let text = try #require(example["text"]?.string)
            #expect(tokenizer.encode(text) == (try ids(example["ids"])), "\(example.serialized())")
            if example["ids_plain"] != nil {
                #expect(
                    tokenizer.encodePlain(text) == (try ids(example["ids_plain"])),
                    "plain: \(example.serialized())")
            }
        }
    }

    @Test(arguments: Subject.found)
    func decodesEveryCase(_ subject: Subject) throws {
        let tokenizer = try tokenizer(subject)
        for example in try cases("tokenizer-decode", subject) {
            let ids = try ids(example["ids"])
            let comment = Comment(rawValue: example.serialized())
            let text = try #require(example["text"]?.string)
            // Scalars are compared: Swift's == would take canonically equivalent texts for equal.
            #expect(Array(tokenizer.decode(ids).utf8) == Array(text.utf8), comment)
            let skipped = try #require(example["text_skip_special"]?.string)
            #expect(Array(tokenizer.decode(ids, skipSpecial: true).utf8) == Array(skipped.utf8), comment)
            let hex = ids.flatMap(tokenizer.bytes).map { String(format: "%02x", $0) }.joined()
            if let recorded = example["bytes_hex"]?.string { #expect(hex == recorded, comment) }
            for skipSpecial in [false, true] {
                var stream = tokenizer.makeStream(skipSpecial: skipSpecial)
                let joined = ids.map { stream.append($0) }.joined() + stream.finish()
                #expect(Array(joined.utf8) == Array((skipSpecial ? skipped : text).utf8), comment)
            }
        }
    }

    @Test(arguments: Subject.found)
    func decodingGivesTheTextBack(_ subject: Subject) throws {
        let tokenizer = try tokenizer(subject)
        for example in try cases("tokenizer", subject) {
            let text = try #require(example["text"]?.string)
            // Swift compares strings up to canonical equivalence, and NFC changes no more than that.
            #expect(tokenizer.decode(tokenizer.encode(text)) == text)
        }
    }

    @Test(isQwenFound) func vocabulary() throws {
        let tokenizer = try Self.qwen.get()
        #expect(tokenizer.vocabularySize == 151_669)
        #expect(tokenizer.id(of: "<think>") == 151_667)
        #expect(tokenizer.id(of: "Ġthe") == 279)
        #expect(tokenizer.id(of: "<nothing>") == nil)
        #expect(tokenizer.isSpecial(151_645))
        #expect(!tokenizer.isSpecial(151_668))
        #expect(tokenizer.decode([151_669, 151_935, -1, .max]) == "")
    }

    #if !DEBUG
        /// Texts on which a quadratic step would take hours.
        @Test(
            isQwenFound, .timeLimit(.minutes(60)),
            arguments: ["a", " ", "ab1 ", "\u{301}", "\n", "=", "<", "é", "e\u{316}\u{301}", "漢"])
        func tenMegabytesOfOneThing(unit: String) throws {
            let tokenizer = try Self.qwen.get()
            let text = String(repeating: unit, count: 10_000_000 / unit.utf8.count)
            #expect(tokenizer.decode(tokenizer.encode(text)) == text)
        }
    #endif
}
