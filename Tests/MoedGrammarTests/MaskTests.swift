import MoedCore
import MoedGrammar
import TestSupport
import Testing

/// Masks over a vocabulary of all bytes and of tokens that cross the borders of a document's parts.
struct MaskTests {
    private static let end: TokenID = 256
    private static let words = [
        "\",\"", "\":\"", "\"},{\"", "\":{", "}}", "]}", "true", "false", "null", "name", " \"", ", ", "\n  ",
        "\"}", "ab",
        "cd", "12", "\\u00", "{\"", "[{", "é", "日本", "            ",
    ]
    static let vocabulary: TokenVocabulary = {
        var texts = (0...255).map { [UInt8($0)] }
        texts.append([])
        texts += words.map { Array($0.utf8) }
        return TokenVocabulary(texts: texts, endIDs: [end])
    }()

    private static let schemas: [JSONValue] = [
        true, ["type": "object"],
        [
            "type": "object",
            "properties": [
                "name": ["type": "string", "minLength": 2, "maxLength": 6],
                "tags": [
                    "type": "array", "items": ["enum": ["ab", "cd", "abc"]], "minItems": 1, "maxItems": 3,
                ],
                "next": ["anyOf": [["$ref": "#"], ["type": "null"]]],
            ],
            "required": ["name", "next"],
            "additionalProperties": ["type": "number", "minimum": 3, "maximum": 99.5],
        ],
        [
            "type": "array", "items": ["type": "string", "pattern": "^[a-c]+(-[0-9]{2})?$", "maxLength": 9],
            "minItems": 2,
        ],
        [
            "oneOf": [
                ["type": "object", "properties": ["a": ["const": 1]], "required": ["a"]],
                ["type": "string", "format": "date"],
            ]
        ],
        ["type": "object", "minProperties": 3, "additionalProperties": ["type": "boolean"]],
        [
            "type": "array", "items": ["type": "string"], "uniqueItems": true, "minItems": 2, "maxItems": 40,
        ],
    ]

    /// Arrays of different strings that are few, or of a form.
    private static let lists: [JSONValue] = [
        ["type": "array", "items": ["enum": ["ab", "cd", "", "é", "\""]], "uniqueItems": true, "minItems": 3],
        [
            "type": "object",
            "properties": [
                "name": [
                    "type": "array", "items": ["type": "string", "pattern": "^[a-c]*1?$", "maxLength": 2],
                    "uniqueItems": true, "minItems": 4,
                ]
            ],
            "required": ["name"],
        ],
    ]

    /// Random tokens by mask only: every answer ends in time and satisfies the schema.
    @Test(arguments: schemas + lists) func randomAnswersAreWholeAndValid(_ schema: JSONValue) throws {
        try Self.checkRandomAnswers(try CompiledGrammar(schema: schema))
    }

    static func checkRandomAnswers(_ compiled: CompiledGrammar) throws {
        let acceptor = TextAcceptor(compiled)
        let grammar = TokenGrammar(compiled, vocabulary: Self.vocabulary)
        var random = SplitMix(seed: 5)
        for round in 0..<40 {
            var constraint = GrammarConstraint(grammar)
            var tokens: [TokenID] = []
            let max = constraint.distanceToEnd + 1 + round % 4 * 9
            while tokens.count < max, tokens.last != Self.end {
                let allowed = constraint.mask(room: max - tokens.count).tokens
                let token = try #require(
                    allowed.isEmpty ? nil : allowed[Int(random.next() % UInt64(allowed.count))])
                tokens.append(token)
                if token != Self.end { constraint.accept(token) }
            }
            let text = tokens.flatMap { $0 == Self.end ? [] : Self.text($0) }
            #expect(tokens.last == Self.end, "\(String(decoding: text, as: UTF8.self)) was cut off at \(max)")
            #expect(acceptor.accepts(text), "\(String(decoding: text, as: UTF8.self))")
        }
    }

    private static func text(_ token: TokenID) -> [UInt8] {
        token < 256 ? [UInt8(token)] : Array(words[Int(token) - 257].utf8)
    }

    /// A mask has exactly the tokens behind which the text can still become an allowed one.
    @Test(arguments: schemas) func masksAreExact(_ schema: JSONValue) throws {
        try Self.checkMasks(try CompiledGrammar(schema: schema))
    }

    static func checkMasks(_ compiled: CompiledGrammar) throws {
        let acceptor = TextAcceptor(compiled)
        let grammar = TokenGrammar(compiled, vocabulary: Self.vocabulary)
        var random = SplitMix(seed: 9)
        var constraint = GrammarConstraint(grammar)
        var text: [UInt8] = []
        for _ in 0..<60 where !constraint.isFinished {
            let mask = constraint.mask(room: 100_000)
            for token in 0..<TokenID(Self.words.count + 257) where token != Self.end {
                let longer = text + Self.text(token)
                #expect(
                    mask.contains(token) == (acceptor.validPrefix(longer) == longer.count),
                    "\(String(decoding: longer, as: UTF8.self))")
            }
            #expect(mask.contains(Self.end) == acceptor.accepts(text))
            let allowed = mask.tokens.filter { $0 != Self.end }
            let token = allowed[Int(random.next() % UInt64(allowed.count))]
            text += Self.text(token)
            constraint.accept(token)
        }
    }

    /// With little room, exactly those tokens are left behind which the answer can be completed.
    @Test(arguments: [schemas[3], schemas[4]]) func masksForLittleRoomAreExact(_ schema: JSONValue) throws {
        try Self.checkRoom(try CompiledGrammar(schema: schema))
    }

    static func checkRoom(_ compiled: CompiledGrammar) throws {
        let grammar = TokenGrammar(compiled, vocabulary: vocabulary)
        var random = SplitMix(seed: 3)
        var constraint = GrammarConstraint(grammar)
        for _ in 0..<30 where !constraint.isFinished {
            let all = constraint.mask(room: 100_000).tokens.filter { $0 != end }
            let distances = all.map { token in
                var next = constraint
                next.accept(token)
                return next.distanceToEnd
            }
            for more in [1, 2, 3, 6, 20] {
                let room = constraint.distanceToEnd + more
                let expected = zip(all, distances).filter { $0.1 <= room - 2 }.map(\.0)
                #expect(constraint.mask(room: room).tokens.filter { $0 != end } == expected)
            }
            constraint.accept(all[Int(random.next() % UInt64(all.count))])
        }
    }

    @Test func aConstraintIsAFunctionOfItsTokens() throws {
        let grammar = TokenGrammar(try CompiledGrammar(schema: Self.schemas[2]), vocabulary: Self.vocabulary)
        let text = Array(#"{"name":"abcd","tags":["ab"],"next":null,"x":4,"#.utf8)
        var first = GrammarConstraint(grammar)
        for byte in text { first.accept(TokenID(byte)) }
        let fresh = TokenGrammar(try CompiledGrammar(schema: Self.schemas[2]), vocabulary: Self.vocabulary)
        var second = GrammarConstraint(fresh)
        for byte in text { second.accept(TokenID(byte)) }
        for room in [first.distanceToEnd + 1, 40, 10_000] {
            #expect(first.mask(room: room) == second.mask(room: room))
        }
        #expect(first.distanceToEnd == second.distanceToEnd && first.distanceToEnd > 0)
    }

    @Test func withoutRoomOnlyTheShortestWayIsLeft() throws {
        let grammar = TokenGrammar(
            try CompiledGrammar(schema: ["type": "array", "items": ["type": "integer"], "minItems": 2]),
            vocabulary: Self.vocabulary)
        var constraint = GrammarConstraint(grammar)
        #expect(constraint.distanceToEnd == 5)
        for expected in "[0,0]".utf8 {
            let allowed = constraint.mask(room: constraint.distanceToEnd + 1).tokens
            #expect(allowed.contains(TokenID(expected)))
            constraint.accept(TokenID(expected))
        }
        #expect(constraint.isFinished && constraint.mask(room: 1).tokens == [Self.end])
    }

    @Test func lineFeedsBetweenThoughtAndAnswerAreNoPartOfIt() throws {
        let grammar = TokenGrammar(try CompiledGrammar(choices: ["yes", "no"]), vocabulary: Self.vocabulary)
        var constraint = GrammarConstraint(grammar, leadingLineFeeds: 2)
        #expect(
            Set(constraint.mask(room: 100).tokens) == [
                10, TokenID(UInt8(ascii: "n")), TokenID(UInt8(ascii: "y")),
            ])
        for byte in "\n\nno".utf8 { constraint.accept(TokenID(byte)) }
        #expect(constraint.isFinished)
    }

    @Test func regularExpressionsMatchTheWholeAnswer() throws {
        let acceptor = TextAcceptor(try CompiledGrammar(regex: "[0-9]{3}-(a|b)+"))
        #expect(acceptor.accepts(Array("123-abba".utf8)))
        for text in ["123-", "x123-a", "123-ax"] { #expect(!acceptor.accepts(Array(text.utf8))) }
    }
}
