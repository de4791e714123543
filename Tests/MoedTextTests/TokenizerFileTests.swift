import MoedCore
import MoedText
import TestSupport
import Testing

/// Tokenizer files that are spelled differently, ask for something else, or are damaged.
struct TokenizerFileTests {
    private func failure(_ json: JSONValue) -> TextError? {
        do throws(TextError) {
            _ = try SampleTokenizer.load(json)
            return nil
        } catch { return error }
    }

    @Test func mergesAsStringsAreTheSame() throws {
        let json = try SampleTokenizer.json()
        let pairs = try #require(json["model"]?["merges"]?.array)
        let strings = pairs.map {
            JSONValue.string(($0.array ?? []).compactMap(\.string).joined(separator: " "))
        }
        let tokenizer = try SampleTokenizer.load(json.setting(["model", "merges"], to: .array(strings)))
        let text = "How many times does the letter r appear in strawberry?"
        #expect(tokenizer.encode(text) == (try SampleTokenizer.load().encode(text)))
        #expect(tokenizer.encode(text).count < text.utf8.count / 2)
    }

    @Test func absentNormaliserLeavesTheTextAlone() throws {
        let tokenizer = try SampleTokenizer.load(SampleTokenizer.json().removing(["normalizer"]))
        #expect(Array(tokenizer.decode(tokenizer.encode("e\u{301}")).utf8) == Array("e\u{301}".utf8))
    }

    @Test func runsOfThreeDigits() throws {
        let json = try SampleTokenizer.json()
        let path = ["pre_tokenizer", "pretokenizers", "0", "pattern", "Regex"]
        let regex = try #require(
            json["pre_tokenizer"]?["pretokenizers"]?.array?[0]["pattern"]?["Regex"]?.string)
        let changed = regex.replacing(#"\p{N}|"#, with: #"\p{N}{1,3}|"#)
        #expect(changed != regex)
        let withMerge = try #require(json["model"]?["merges"]?.array) + [["1", "2"]]
        // The merged token must exist; any id that is free will do.
        let base = json.setting(["model", "merges"], to: .array(withMerge)).setting(
            ["model", "vocab", "12"], to: 640)
        #expect(try SampleTokenizer.load(base).encode("12").count == 2)
        #expect(try SampleTokenizer.load(base.setting(path, to: .string(changed))).encode("12") == [640])
        #expect(try SampleTokenizer.load(base.setting(path, to: .string(changed))).encode("00012").count == 4)
        #expect(try SampleTokenizer.load(base.setting(path, to: .string(changed))).encode("0012").count == 4)
    }

    @Test func wholeWordsBeforeMerges() throws {
        let json = try SampleTokenizer.json().setting(["model", "vocab", "zqzq"], to: 640)
        #expect(try SampleTokenizer.load(json).encode("zqzq").count > 1)
        #expect(
            try SampleTokenizer.load(json.setting(["model", "ignore_merges"], to: true)).encode("zqzq") == [
                640
            ])
    }

    private func adding(_ content: String, _ flags: [String]) throws -> Tokenizer {
        var object = JSONObject([
            ("id", 640), ("content", .string(content)), ("special", true), ("normalized", false),
        ])
        for flag in flags { object[flag] = true }
        let json = try SampleTokenizer.json()
        let added = try #require(json["added_tokens"]?.array) + [.object(object)]
        return try SampleTokenizer.load(json.setting(["added_tokens"], to: .array(added)))
    }

    @Test func addedTokenFlags() throws {
        let plain = try adding("é!", [])
        #expect(plain.encode("é!") == [640])
        #expect(!plain.encode("e\u{301}!").contains(640))
        #expect(plain.decode([640]) == "é!")
        let normalized = try adding("e\u{301}!", ["normalized"])
        #expect(normalized.encode("e\u{301}!x é!").filter { $0 == 640 }.count == 2)
        let strips = try adding("<x>", ["lstrip", "rstrip"])
        #expect(strips.encode("a \n<x>\t b") == strips.encode("a") + [640] + strips.encode("b"))
        let left = try adding("<x>", ["lstrip"])
        #expect(left.encode(" <x> b") == [640] + left.encode(" b"))
        let word = try adding("cat", ["single_word"])
        #expect(word.encode("cat") == [640])
        #expect(!word.encode("cats bobcat").contains(640))
        #expect(word.encode("a cat.").contains(640))
        let longest = try adding("<|im_end|>>", [])
        #expect(longest.encode("<|im_end|>>") == [640])
        #expect(longest.encode("<|im_end|>") == [637])
    }

    @Test(
        arguments: [
            (["normalizer"], ["type": "NFKC"], "NFKC"),
            (["normalizer"], ["type": "Sequence", "normalizers": [["type": "Lowercase"]]], "Lowercase"),
            (["pre_tokenizer"], ["type": "Metaspace"], "Metaspace"),
            (["pre_tokenizer", "pretokenizers", "0", "pattern", "Regex"], #"\w+"#, #"\w+"#),
            (["pre_tokenizer", "pretokenizers", "0", "behavior"], "Removed", "Removed"),
            (["pre_tokenizer", "pretokenizers", "1", "use_regex"], true, "use_regex"),
            (["pre_tokenizer", "pretokenizers", "1", "add_prefix_space"], true, "add_prefix_space"),
            (["model", "type"], "Unigram", "Unigram"),
            (["model", "dropout"], 0.1, "dropout"),
            (["model", "byte_fallback"], true, "byte_fallback"),
            (["model", "unk_token"], "<unk>", "unk_token"),
            (["model", "end_of_word_suffix"], "</w>", "end_of_word_suffix"),
            (["decoder"], ["type": "WordPiece"], "WordPiece"),
        ] as [([String], JSONValue, String)])
    func refusesOtherAlgorithmsByName(path: [String], value: JSONValue, named: String) throws {
        let error = try #require(failure(try SampleTokenizer.json().setting(path, to: value)))
        #expect(error.code == .unsupported)
        #expect(error.description.contains(named))
        #expect(error.description.hasPrefix("tokenizer.json: "))
    }

    @Test(
        arguments: [
            (["model", "vocab", "!"], "no", "model.vocab[\"!\"]"),
            (["model", "vocab", "!"], -1, "model.vocab[\"!\"]"),
            (["model", "vocab", "!"], 1, "the id 1 is taken"),
            (["model", "vocab", "!"], 637, "added token"),
            (["model", "vocab", "!"], 4_294_967_296, "4294967296"),
            (["model", "vocab", "!"], 2_000_000_000, "2000000000"),
            (["model", "vocab", "!"], 1.5, "model.vocab[\"!\"]"),
            (["model", "vocab", "a b"], 640, "alphabet"),
            (["model", "vocab", ""], 640, "alphabet"),
            (["model", "merges", "0"], ["a"], "model.merges[0]"),
            (["model", "merges", "3"], ["zzzz", "a"], "zzzz"),
            (["model", "merges", "3"], ["a", "zzzz"], "zzzz"),
            (["model", "merges", "3"], ["z", "q"], "zq"),
            (["model", "merges", "3"], "ab", "model.merges[3]"),
            (["model", "merges", "3"], "", "model.merges[3]"),
            (["model", "merges", "3"], " a", "model.merges[3]"),
            (["model", "merges", "3"], 7, "model.merges[3]"),
            (["model", "ignore_merges"], 1, "model.ignore_merges"),
            (["added_tokens", "1", "id"], 635, "the id 635 is taken"),
            (["added_tokens", "1", "id"], 5, "added token"),
            (["added_tokens", "1", "content"], "", "added_tokens[1].content"),
            (["added_tokens", "1", "content"], 5, "added_tokens[1].content"),
            (["added_tokens", "1", "special"], "yes", "added_tokens[1].special"),
            (["added_tokens", "1"], "x", "added_tokens[1]"),
        ] as [([String], JSONValue, String)])
    func namesWhatContradicts(path: [String], value: JSONValue, named: String) throws {
        let error = try #require(failure(try SampleTokenizer.json().setting(path, to: value)))
        #expect(error.code == .malformedFile)
        #expect(error.description.contains(named), "\(error)")
    }

    @Test(arguments: [
        ["model"], ["model", "vocab"], ["model", "merges"], ["pre_tokenizer"], ["model", "vocab", "a"],
    ])
    func namesWhatIsMissing(path: [String]) throws {
        let error = try #require(failure(try SampleTokenizer.json().removing(path)))
        #expect(error.code == .malformedFile)
        #expect(
            path.contains("a") ? error.reason.contains("byte 97") : error.place == path.joined(separator: ".")
        )
    }

    /// Every member in turn replaced by every kind of value: an answer each time, a trap never.
    @Test func everyWrongType() throws {
        let json = try SampleTokenizer.json()
        var paths: [[String]] = [[]]
        func collect(_ value: JSONValue, _ path: [String]) {
            switch value {
            case .object(let object):
                for member in object.members.prefix(12) {
                    paths.append(path + [member.key])
                    collect(member.value, path + [member.key])
                }
            case .array(let array):
                for index in array.indices.prefix(3) {
                    paths.append(path + ["\(index)"])
                    collect(array[index], path + ["\(index)"])
                }
            default: break
            }
        }
        collect(json, [])
        #expect(paths.count > 80)
        let values: [JSONValue] = [
            nil, true, -1, 1.5, 9_223_372_036_854_775_807, "x", [], [[]], .object(JSONObject()),
        ]
        var refusals = 0
        for path in paths {
            for value in values where failure(json.setting(path, to: value)) != nil { refusals += 1 }
        }
        #expect(refusals > paths.count * 2)
    }

    @Test func truncatedAnywhere() throws {
        let bytes = try Fixtures.bytes(SampleTokenizer.file)
        let end = try #require(bytes.lastIndex(of: UInt8(ascii: "}")))
        for cut in [0, 1, 2, 100, end / 3, end / 2, end - 1000, end - 1, end] {
            #expect(throws: TextError.self) {
                try Tokenizer(tokenizerJSON: Array(bytes[..<cut]), file: "tokenizer.json")
            }
        }
    }
}
