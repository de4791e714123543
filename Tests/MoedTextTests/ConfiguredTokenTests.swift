import MoedCore
import MoedText
import TestSupport
import Testing

/// Tokens that only `tokenizer_config.json` names; the ids are those of transformers 5.24 with the sample model.
@Suite struct ConfiguredTokenTests {
    private func tokenizer(_ configuration: JSONValue, _ file: JSONValue? = nil) throws -> Tokenizer {
        let json = try file ?? SampleTokenizer.json()
        let described = try TokenizerConfiguration(
            Array(configuration.serialized().utf8), file: "tokenizer_config.json")
        return try Tokenizer(
            tokenizerJSON: Array(json.serialized().utf8), file: "tokenizer.json", configuration: described)
    }

    private func token(_ content: String, special: Bool = true) -> JSONValue {
        ["content": .string(content), "special": .bool(special), "normalized": false]
    }

    private func refusal(_ configuration: JSONValue) -> String {
        do { _ = try tokenizer(configuration) } catch { return "\(error)" }
        return "loaded"
    }

    @Test func everyPlaceThatNamesATokenAddsIt() throws {
        let text = "<NEW0> hi<NEW1>x"
        let one: [TokenID] = [640, 283, 72, 27, 45, 36, 54, 16, 29, 87]
        let both: [TokenID] = [640, 283, 72, 641, 87]
        let cases: [(JSONValue, [TokenID])] = [
            (["added_tokens_decoder": ["640": token("<NEW0>")]], one),
            (["additional_special_tokens": ["<NEW0>", "<NEW1>"]], both),
            (["extra_special_tokens": ["<NEW0>", "<NEW1>"]], both),
            (["extra_special_tokens": ["a_token": "<NEW0>", "b_token": "<NEW1>"]], both),
            (["extra_special_tokens": [], "additional_special_tokens": ["<NEW0>"]], one),
            (["foo_token": "<NEW0>"], one),
            (["eos_token": "<NEW0>"], one),
            (["eos_token": token("<NEW0>")], one),
            (["additional_special_tokens": ["<NEW0>", "<NEW0>", ""]], one),
            (["additional_special_tokens": ["<NEW1>"], "pad_token": "<NEW0>"], both),
            (["added_tokens_decoder": ["641": token("<NEW1>"), "640": token("<NEW0>")]], both),
        ]
        for (configuration, ids) in cases {
            let tokenizer = try tokenizer(configuration)
            #expect(tokenizer.encode(text) == ids, "\(configuration.serialized())")
            #expect(tokenizer.isSpecial(640) && tokenizer.bytes(640) == Array("<NEW0>".utf8))
            #expect(tokenizer.decode(ids, skipSpecial: true).hasPrefix(" hi"))
        }
        #expect(try tokenizer([:]).vocabularySize == 640)
    }

    @Test func wordsOfTheVocabularyKeepTheirIDs() throws {
        let tokenizer = try tokenizer(["additional_special_tokens": ["the", "ing"]])
        #expect(tokenizer.encode("the thing the") == [640, 257, 266, 220, 640])
        #expect(tokenizer.isSpecial(266))
    }

    /// The attributes of `tokenizer_config.json` win, and a token of its lists is special.
    @Test func attributesAreThoseOfTheConfiguration() throws {
        #expect(try !tokenizer([:]).isSpecial(638))
        #expect(try tokenizer(["added_tokens_decoder": ["638": token("<think>")]]).isSpecial(638))
        #expect(try tokenizer(["additional_special_tokens": ["<think>"]]).isSpecial(638))
        #expect(try !tokenizer(["added_tokens_decoder": ["637": token("<|im_end|>", special: false)]]).isSpecial(637))
        let plain = try tokenizer(["added_tokens_decoder": ["640": token("<NEW0>", special: false)]])
        #expect(plain.encode("<NEW0>") == [640] && !plain.isSpecial(640))
    }

    @Test func contradictionsAreNamed() {
        let other = refusal(["added_tokens_decoder": ["700": token("<think>")]])
        #expect(other.contains("added_tokens_decoder[700]") && other.contains("tokenizer.json has it as 638"))
        let gap = refusal(["added_tokens_decoder": ["700": token("<NEW0>")]])
        #expect(gap.contains("added_tokens_decoder[700]") && gap.contains("640"), "\(gap)")
        #expect(refusal(["added_tokens_decoder": ["x": token("<NEW0>")]]).contains("x"))
        #expect(refusal(["added_tokens_decoder": []]).contains("added_tokens_decoder"))
        #expect(refusal(["additional_special_tokens": "x"]).contains("additional_special_tokens"))
        #expect(refusal(["add_prefix_space": true]).contains("add_prefix_space"))
        #expect(refusal(["split_special_tokens": true]).contains("split_special_tokens"))
    }

    /// Canonically equivalent texts are different tokens.
    @Test func textsAreComparedExactly() throws {
        let tokenizer = try tokenizer(["additional_special_tokens": ["<\u{E9}>", "<e\u{301}>"]])
        #expect(tokenizer.id(of: "<\u{E9}>") == 640 && tokenizer.id(of: "<e\u{301}>") == 641)
        #expect(tokenizer.encode("<\u{E9}><e\u{301}>") == [640, 641])
    }
}
