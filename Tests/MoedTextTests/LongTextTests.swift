import Foundation
import MoedCore
import MoedText
import Synchronization
import TestSupport
import Testing

/// Texts of any length and shape: encoding ends at its limits, and no text costs more than n log n. Quadratic code does
/// not end within hours here.
@Suite struct LongTextTests {
    /// Counts the questions, which come after every 64 KiB of text.
    private final class Questions: Sendable {
        private let count = Mutex(0)
        let most: Int

        init(most: Int = .max) { self.most = most }

        var asked: Int { count.withLock { $0 } }

        func limits(tokens: Int = .max) -> EncodingLimits {
            EncodingLimits(tokensMax: tokens) {
                self.count.withLock { count in
                    count += 1
                    return count <= self.most
                }
            }
        }
    }

    /// Repeated to a megabyte: one word, many words, digits, white space, marks, added tokens.
    static let parts = [
        "a", "ab ", "7", " ", "\n", "e\u{301}", "\u{301}\u{316}", "\u{1F82}", "漢", "<|im_end|>", "<|im_", "/ no",
    ]

    private func text(_ part: String) -> String { String(repeating: part, count: (1 << 20) / part.utf8.count) }

    @Test(arguments: parts) func encodingEndsAtTheLimit(part: String) throws {
        let tokenizer = try SampleTokenizer.load()
        let questions = Questions()
        #expect(throws: EncodingEnd.tooManyTokens) {
            try tokenizer.encode(text(part), limits: questions.limits(tokens: 1000))
        }
        // A token has at most a few bytes, so 1000 of them are seen within the first pieces of the text.
        #expect(questions.asked < 8)
    }

    @Test(arguments: parts) func encodingEndsWhenItIsNotWanted(part: String) throws {
        let tokenizer = try SampleTokenizer.load()
        let questions = Questions(most: 0)
        #expect(throws: EncodingEnd.notWanted) {
            try tokenizer.encode(text(part), limits: questions.limits())
        }
        #expect(questions.asked == 1)
    }

    @Test func aTextWithinTheLimitIsWhole() throws {
        let tokenizer = try SampleTokenizer.load()
        let ids = tokenizer.encode("Hello world, hello.")
        #expect(try tokenizer.encode("Hello world, hello.", limits: EncodingLimits(tokensMax: ids.count)) == ids)
        #expect(throws: EncodingEnd.tooManyTokens) {
            try tokenizer.encode("Hello world, hello.", limits: EncodingLimits(tokensMax: ids.count - 1))
        }
    }

    /// A long word is merged window by window, with the tokens of the whole word.
    @Test(arguments: [65, 80, 100, 257]) func windowsGiveTheTokensOfTheWholeWord(window: Int) throws {
        let whole = try SampleTokenizer.load()
        var windowed = whole
        windowed.wordWindow = window
        var random = SplitMix(seed: UInt64(window))
        for letters in ["a", "ab", "the", "etaoinshr", "thequickbrownfxjmpsvlazydg", "éüß", "漢字"] {
            for length in [window - 1, window, window + 1, 700, 3000] {
                let word = String((0..<length).compactMap { _ in letters.randomElement(using: &random) })
                #expect(windowed.encode(word) == whole.encode(word), "\(letters), \(length)")
            }
        }
    }

    @Test func aWordOfManyWindowsIsEncoded() throws {
        let tokenizer = try SampleTokenizer.load()
        let word = String(repeating: "thequickbrownfox", count: 1 << 14)
        let ids = tokenizer.encode(word)
        #expect(tokenizer.decode(ids) == word)
        #expect(Array(ids.prefix(1000)) == Array(tokenizer.encode(String(word.prefix(20_000))).prefix(1000)))
    }

    /// Texts that are longer than one piece of the normalisation. Each part begins with a letter, which nothing before it
    /// changes, so the parts can be normalised one by one.
    @Test func longTextsAreNormalisedAsTheirParts() throws {
        let tokenizer = try SampleTokenizer.load()
        let ranges: [ClosedRange<UInt32>] = [
            0x41...0x7A, 0xC0...0x17F, 0x300...0x345, 0x390...0x3FF, 0x5D0...0x6FF, 0x915...0x94D, 0x1100...0x11FF,
            0xAC00...0xAC60, 0x1E00...0x1FFF, 0x3041...0x30FF, 0x4E00...0x4E80, 0xF900...0xFB50, 0x1D15E...0x1D16E,
        ]
        var random = SplitMix(seed: 5)
        var (text, expected) = ("", "")
        while text.utf8.count < 200_000 {
            var scalars = String.UnicodeScalarView("x".unicodeScalars)
            for _ in 0..<Int.random(in: 0...5, using: &random) {
                let range = try #require(ranges.randomElement(using: &random))
                if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) { scalars.append(scalar) }
            }
            text += String(scalars)
            expected += tokenizer.decode(tokenizer.encodePlain(String(scalars)))
        }
        #expect(tokenizer.decode(tokenizer.encodePlain(text)).utf8.elementsEqual(expected.utf8))
    }

    /// A run of marks that is longer than a piece stays one run.
    @Test func aLongRunOfMarksIsSorted() throws {
        let tokenizer = try SampleTokenizer.load()
        let text = "a" + String(repeating: "\u{301}\u{316}", count: 6000) + "b"
        let expected = "a" + String(repeating: "\u{316}", count: 6000) + String(repeating: "\u{301}", count: 6000) + "b"
        // The first mark of its class is not blocked by those of the lower class.
        let composed = "\u{E1}" + String(repeating: "\u{316}", count: 6000)
            + String(repeating: "\u{301}", count: 5999) + "b"
        #expect(expected.unicodeScalars.count == composed.unicodeScalars.count + 1)
        #expect(tokenizer.decode(tokenizer.encodePlain(text)).utf8.elementsEqual(composed.utf8))
    }

    // MARK: Added tokens

    private func added(_ contents: [String], _ members: [(String, JSONValue)] = []) throws -> Tokenizer {
        let json = try SampleTokenizer.json()
        let extra = contents.enumerated().map { index, content in
            JSONValue.object(
                JSONObject(
                    [
                        ("id", .integer(Int64(640 + index))), ("content", .string(content)), ("normalized", false),
                        ("special", true),
                    ] + members))
        }
        return try SampleTokenizer.load(
            json.setting(["added_tokens"], to: .array((json["added_tokens"]?.array ?? []) + extra)))
    }

    /// An added token that nearly begins at every place of a long text.
    @Test func nearlyAddedTokensCostNoMore() throws {
        let long = String(repeating: "a", count: 60_000)
        let tokenizer = try added([long + "b", "a", long + "c"])
        let text = String(repeating: "a", count: 1 << 20)
        #expect(tokenizer.encode(text).count == 1 << 20)
        #expect(tokenizer.marking(text + long + "b", with: "\u{F0000}") != nil)
    }

    /// A token that takes the white space before it, and is white space.
    @Test func tokensThatStripWhiteSpaceCostNoMore() throws {
        let tokenizer = try added(["\n"], [("lstrip", true)])
        #expect(tokenizer.encode(String(repeating: "\n", count: 1 << 20)).count == 1 << 20)
        #expect(tokenizer.encode("a \n\n \n") == tokenizer.encode("a") + [640, 640, 640])
    }

    /// Leftmost first, then longest, as by trying every token at every place.
    @Test func overlappingTokensAreFoundAsByTryingAll() throws {
        var random = SplitMix(seed: 9)
        func word(_ most: Int) -> String {
            String((0..<Int.random(in: 1...most, using: &random)).compactMap { _ in "ab#".randomElement(using: &random) })
        }
        for _ in 0..<60 {
            let contents = Array(Set((0..<6).map { _ in word(5) + "#" })).sorted()
            let tokenizer = try added(contents)
            for _ in 0..<20 {
                let text = word(40)
                var (expected, plain, rest): ([TokenID], String, Substring) = ([], "", text[...])
                while !rest.isEmpty {
                    if let found = contents.filter({ rest.hasPrefix($0) }).max(by: { $0.count < $1.count }) {
                        expected += tokenizer.encodePlain(plain) + [try #require(tokenizer.id(of: found))]
                        plain = ""
                        rest = rest.dropFirst(found.count)
                    } else {
                        plain.append(rest.removeFirst())
                    }
                }
                #expect(tokenizer.encode(text) == expected + tokenizer.encodePlain(plain), "\(text) \(contents)")
            }
        }
    }
}
