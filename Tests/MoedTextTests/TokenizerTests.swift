import Foundation
import MoedCore
import MoedText
import TestSupport
import Testing

/// The sample model's tokenizer, checked against recorded ids and against slow oracles.
struct TokenizerTests {
    private func prompts() throws -> [JSONValue] {
        try Fixtures.lines(Fixtures.sampleModel.appending(path: "prompts.jsonl"))
    }

    private func ids(_ value: JSONValue?) throws -> [TokenID] {
        try #require(value?.array).map { TokenID(try #require($0.integer)) }
    }

    @Test func recordedPromptsAndAnswers() throws {
        let tokenizer = try SampleTokenizer.load()
        var checked = 0
        for line in try prompts() {
            for mode in ["thinking", "direct"] {
                guard let example = line[mode], let question = line["question"]?.string else { continue }
                let system = line["system"]?.string.map { "<|im_start|>system\n\($0)<|im_end|>\n" } ?? ""
                let opening = mode == "direct" ? "<think>\n\n</think>\n\n" : ""
                let prompt =
                    system + "<|im_start|>user\n\(question)<|im_end|>\n<|im_start|>assistant\n" + opening
                #expect(tokenizer.encode(prompt) == (try ids(example["prompt_ids"])))
                let output = try ids(example["output_ids"])
                #expect(tokenizer.decode(output) == example["text"]?.string)
                checked += 1
            }
        }
        #expect(checked > 100)
    }

    @Test func addedTokens() throws {
        let tokenizer = try SampleTokenizer.load()
        #expect(tokenizer.vocabularySize == 640)
        #expect(tokenizer.id(of: "</think>") == 639)
        #expect(tokenizer.encode("<think></think><|im_end|>") == [638, 639, 637])
        #expect(!tokenizer.encodePlain("<think></think><|im_end|>").contains { $0 > 634 })
        #expect(tokenizer.decode(tokenizer.encodePlain("<think>")) == "<think>")
        #expect(tokenizer.decode([637, 638], skipSpecial: true) == "<think>")
        #expect(tokenizer.encode("").isEmpty)
        #expect(tokenizer.bytes(640).isEmpty)
        #expect(tokenizer.bytes(-1).isEmpty)
    }

    private static let mark: Unicode.Scalar = "\u{F0000}"

    /// A marked text has the ids of its plain text, wherever it stands.
    @Test(arguments: [
        "<|im_end|>", "a<|im_end|>", "<|im_end|>b", "<|im_end|><|im_start|>user\nHi", "<<|im_end|>>",
        "<think>x</think>", "</think", "<|im_end|>\u{338}", "e\u{301}<think>e\u{301}", "<|im_<|im_end|>end|>",
    ])
    func markedTokensAreText(text: String) throws {
        let tokenizer = try SampleTokenizer.load()
        let marked = tokenizer.marking(text, with: Self.mark) ?? text
        #expect(tokenizer.encode(marked, mark: Self.mark) == tokenizer.encodePlain(text))
        let inside = "<|im_start|>\(marked)<|im_end|>"
        #expect(
            tokenizer.encode(inside, mark: Self.mark)
                == tokenizer.encode("<|im_start|>") + tokenizer.encodePlain(text) + [637])
    }

    @Test func onlyAddedTokensAreMarked() throws {
        let tokenizer = try SampleTokenizer.load()
        #expect(tokenizer.marking("a < b <think", with: Self.mark) == nil)
        #expect(tokenizer.marking("<think>", with: Self.mark, onlySpecial: true) == nil)
        #expect(tokenizer.marking("<think><|im_end|>", with: Self.mark, onlySpecial: true) != nil)
    }

    /// Tokens that overlap, begin with the same letters, are searched in the normalised text, or are one character.
    @Test func tokensOfEveryKindAreMarked() throws {
        func added(_ id: Int64, _ content: String, _ isNormalized: Bool) -> JSONValue {
            ["id": .integer(id), "content": .string(content), "normalized": .bool(isNormalized), "special": false]
        }
        let json = try SampleTokenizer.json()
        let extra: [JSONValue] = [
            added(640, "<ab>", false), added(641, "b>cd", false), added(642, "<ab>c", false),
            added(643, "\u{E9}!", true), added(644, "\u{B6}", false),
        ]
        let tokens = (json["added_tokens"]?.array ?? []) + extra
        let tokenizer = try SampleTokenizer.load(json.setting(["added_tokens"], to: .array(tokens)))
        #expect(tokenizer.encode("<ab>cd e\u{301}!").contains(642))
        #expect(tokenizer.encode("e\u{301}!") == [643])
        for text in ["<ab>cd", "<ab>", "b>cd", "e\u{301}!", "\u{E9}! <ab>c"] {
            let marked = try #require(tokenizer.marking(text, with: Self.mark))
            let ids = tokenizer.encode(marked, mark: Self.mark)
            #expect(ids == tokenizer.encodePlain(text), "\(text)")
        }
        #expect(tokenizer.marking("\u{B6}", with: Self.mark) == nil)
    }

    /// An added token is cut out before normalisation: `>` does not merge with the U+0338 after it.
    @Test func addedTokensAreCutFromTheRawText() throws {
        let tokenizer = try SampleTokenizer.load()
        #expect(tokenizer.encode("<|im_end|>\u{338}") == [637] + tokenizer.encodePlain("\u{338}"))
        #expect(Array(tokenizer.decode(tokenizer.encodePlain(">\u{338}")).utf8) == Array("\u{226F}".utf8))
    }

    /// Compares words with those of ICU's regular expressions. The pattern spells `\s` out, because ICU's `\s` omits
    /// U+000B and U+0085.
    @Test func wordsAreThoseOfThePattern() throws {
        let tokenizer = try SampleTokenizer.load()
        let pattern = try NSRegularExpression(
            pattern:
                #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*"#
                + #"|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"#)
        let letters = Array(
            " \n\r\t'sStTrReEvVmMlLdDſthe,.!<>019٣½²漢字éß\u{A0}\u{85}\u{B}\u{2028}\u{3000}\u{301}\u{200D}😀_-"
                .unicodeScalars)
        var random = SplitMix(seed: 7)
        for _ in 0..<3000 {
            var scalars = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 1...24, using: &random) {
                scalars.append(try #require(letters.randomElement(using: &random)))
            }
            let text = String(scalars).precomposedStringWithCanonicalMapping
            let whole = text as NSString
            let matches = pattern.matches(in: text, range: NSRange(location: 0, length: whole.length))
            let words = matches.map { whole.substring(with: $0.range) }
            #expect(words.joined().utf8.elementsEqual(text.utf8))
            #expect(
                tokenizer.encodePlain(text) == words.flatMap { tokenizer.encodePlain($0) },
                "\(text.debugDescription) is \(words)")
        }
    }

    @Test func normalisationIsFoundations() throws {
        let tokenizer = try SampleTokenizer.load()
        let ranges: [ClosedRange<UInt32>] = [
            0x20...0x2FF, 0x300...0x345, 0x316...0x333, 0x370...0x3FF, 0x590...0x6FF, 0x900...0xDFF,
            0xF00...0xFBC,
            0x1100...0x11FF, 0xAC00...0xAC60, 0x1E00...0x1FFF, 0x2000...0x2400, 0x3000...0x30FF,
            0xF900...0xFB50,
            0x1D15E...0x1D16E, 0x11099...0x110BA, 0x2F800...0x2F820,
        ]
        var random = SplitMix(seed: 11)
        for _ in 0..<3000 {
            var scalars = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let range = try #require(ranges.randomElement(using: &random))
                if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) {
                    scalars.append(scalar)
                }
            }
            let text = String(scalars)
            let normalized = tokenizer.decode(tokenizer.encodePlain(text))
            #expect(
                normalized.utf8.elementsEqual(text.precomposedStringWithCanonicalMapping.utf8),
                "\(text.unicodeScalars.map { String($0.value, radix: 16) })")
        }
    }

    /// Compares with merging by definition: each step applies the lowest rule anywhere in the word. The words lie on
    /// both sides of the length at which the encoder switches its method.
    @Test(arguments: [2, 17, 63, 64, 65, 66, 200, 700])
    func mergesByDefinition(length: Int) throws {
        let tokenizer = try SampleTokenizer.load()
        let model = try #require(try SampleTokenizer.json()["model"])
        var ranks: [[String]: Int] = [:]
        for (rank, merge) in try #require(model["merges"]?.array).enumerated() {
            ranks[try #require(merge.array).compactMap(\.string)] = rank
        }
        var random = SplitMix(seed: UInt64(length))
        for letters in ["a", "etaoinshr", "thequickbrownfxjmpsvlazydg"] {
            let word = String((0..<length).compactMap { _ in letters.randomElement(using: &random) })
            var parts = word.map(String.init)
            while let best = (1..<parts.count).compactMap({ place in
                ranks[[parts[place - 1], parts[place]]].map { ($0, place) }
            }).min(by: <) {
                parts[best.1 - 1] += parts.remove(at: best.1)
            }
            #expect(
                tokenizer.encode(word) == parts.compactMap { model["vocab"]?[$0]?.integer.map(TokenID.init) })
        }
    }

    @Test func invalidBytesBecomeReplacementCharacters() throws {
        let tokenizer = try SampleTokenizer.load()
        let byteTokens = try (UInt8.min...UInt8.max).map { byte in
            try #require((0..<TokenID(635)).first { tokenizer.bytes($0) == [byte] })
        }
        var random = SplitMix(seed: 3)
        let leads: [UInt8] = [
            0x41, 0x80, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xA0, 0xED, 0x9F, 0xEF, 0xF0, 0x90, 0xF4, 0x8F, 0xF5,
            0xFF,
        ]
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                leads.randomElement(using: &random) ?? 0
            }
            let ids = bytes.map { byteTokens[Int($0)] }
            let expected = String(decoding: bytes, as: UTF8.self)
            #expect(tokenizer.decode(ids).utf8.elementsEqual(expected.utf8), "\(bytes)")
            var stream = tokenizer.makeStream(skipSpecial: false)
            #expect(
                (ids.map { stream.append($0) }.joined() + stream.finish()).utf8.elementsEqual(expected.utf8))
        }
    }

    @Test func aStreamGivesCharactersWholeAndErrorsAtOnce() throws {
        let tokenizer = try SampleTokenizer.load()
        let byteToken = { (byte: UInt8) in
            try #require((0..<TokenID(635)).first { tokenizer.bytes($0) == [byte] })
        }
        var stream = tokenizer.makeStream(skipSpecial: true)
        #expect(try stream.append(byteToken(0xF0)) == "")
        #expect(try stream.append(byteToken(0x9F)) == "")
        #expect(stream.append(637) == "")
        #expect(try stream.append(byteToken(0x98)) == "")
        #expect(try stream.append(byteToken(0x80)) == "😀")
        #expect(try stream.append(byteToken(0xE2)) == "")
        #expect(try stream.append(byteToken(0x41)) == "\u{FFFD}A")
        #expect(try stream.append(byteToken(0xFF)) == "\u{FFFD}")
        #expect(try stream.append(byteToken(0xC3)) == "")
        #expect(stream.finish() == "\u{FFFD}")
        #expect(stream.finish() == "")
    }
}
