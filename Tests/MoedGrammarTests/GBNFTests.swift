import MoedAutomata
import MoedCore
import MoedGrammar
import TestSupport
import Testing

/// Grammars in GBNF: texts that they accept and refuse, and constructs that are refused by name.
struct GBNFTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var grammar: String
        var valid: [String]
        var invalid: [String]

        init(_ grammar: String, _ valid: [String], not invalid: [String]) {
            self.grammar = grammar
            self.valid = valid
            self.invalid = invalid
        }

        var testDescription: String { grammar }
    }

    /// llama.cpp's grammar of JSON.
    static let json = #"""
        root   ::= object
        value  ::= object | array | string | number | ("true" | "false" | "null") ws

        object ::=
          "{" ws (
                    string ":" ws value
            ("," ws string ":" ws value)*
          )? "}" ws

        array  ::=
          "[" ws (
                    value
            ("," ws value)*
          )? "]" ws

        string ::=
          "\"" (
            [^"\\\x7F\x00-\x1F] |
            "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
          )* "\"" ws

        number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws

        # Optional space: by convention, applied in this grammar after literal chars when allowed
        ws ::= | " " | "\n" [ \t]{0,20}
        """#

    /// The grammar of vLLM's example.
    static let sql = """

                root ::= select_statement

                select_statement ::= "SELECT " column " from " table " where " condition

                column ::= "col_1 " | "col_2 "

                table ::= "table_1 " | "table_2 "

                condition ::= column "= " number

                number ::= "1 " | "2 "
        """

    static let cases: [Case] = [
        Case("root ::= \"yes\" | \"no\"", ["yes", "no"], not: ["", "ye", "yesno", "Yes"]),
        Case("root::=\"a\"\"b\" # comment", ["ab"], not: ["a", "a b"]),
        Case("root ::= a b\na ::= \"x\"\nb ::= \"y\"?", ["x", "xy"], not: ["y", "xyy"]),
        Case("# first\n\nroot ::=\n  \"a\" |\n  \"b\" # last", ["a", "b"], not: ["ab"]),
        Case("root ::= \"a\"\n  | \"b\"\n", ["a", "b"], not: ["ab"]),
        Case("root ::= [a-c] [^a-c]", ["az", "cé", "b\n", "a\u{1F600}"], not: ["aa", "z", "dz"]),
        Case("root ::= [-a] [a-] [\\]\\[]", ["--]", "aa["], not: ["b-]"]),
        Case("root ::= .", ["a", "\n", "é", "日", "\u{1F600}"], not: ["", "ab"]),
        Case(
            #"root ::= "\x41\u00e9\U0001F600\n\t\"\\" "#, ["A\u{e9}\u{1F600}\n\t\"\\"], not: ["A", "x41"]),
        Case("root ::= [a-b]{3}", ["aba"], not: ["ab", "abab"]),
        Case("root ::= \"a\"{2,}", ["aa", "aaaaa"], not: ["a", ""]),
        Case("root ::= (\"ab\" | \"c\"){0,2}", ["", "ab", "cab", "cc"], not: ["abab c", "ccc"]),
        Case("root ::= \"ab\"*", ["", "ab", "abab"], not: ["aba", "abb"]),
        Case("root ::= (\"a\"* \"b\"*)*", ["", "ab", "ba", "aabba"], not: ["c"]),
        Case("root ::= \"(\" root \")\" | \"x\"", ["x", "((x))"], not: ["(x", "x)", "((x)"]),
        Case("root ::= \"a\" root \"b\" | \"\"", ["", "ab", "aaabbb"], not: ["aab", "abb"]),
        Case("root ::= item root | item\nitem ::= [a-z]", ["a", "abcz"], not: ["", "A"]),
        Case(
            "root ::= term (\"+\" term)*\nterm ::= [0-9]+ | \"(\" root \")\"", ["1", "1+2", "(1+(23))+4"],
            not: ["1+", "(1", "1)", "+1"]),
        // Two readings of one beginning, and a rule that may be empty before another one.
        Case(
            "root ::= a \"!\" | b \"?\"\na ::= e p\nb ::= p\ne ::= \"-\"*\np ::= \"(\" p \")\" | \"1\"",
            ["1!", "1?", "((1))?", "--(1)!"], not: ["-1?", "(1!", "1"]),
        Case("root ::= o o o\no ::= p | \"\"\np ::= \"a\" o", ["", "a", "aaaa"], not: ["b"]),
        Case(
            json, [#"{"a": [1, -2.5e3, "x\u00e9\n", {}], "b": null}"#, "{}", #"{"a" :1}"#],
            not: ["{", "[1]", #"{ "a":1}}"#, "{\"a\": 01}"]),
        Case(
            sql, ["SELECT col_1  from table_2  where col_2 = 1 "],
            not: ["SELECT col_3  from table_2  where col_2 = 1 ", "SELECT "]),
    ]

    @Test(arguments: cases) func textsOfGrammars(_ test: Case) throws {
        let acceptor = TextAcceptor(try CompiledGrammar(gbnf: test.grammar))
        for text in test.valid { #expect(acceptor.accepts(Array(text.utf8)), "\(text) is valid") }
        for text in test.invalid { #expect(!acceptor.accepts(Array(text.utf8)), "\(text) is invalid") }
    }

    /// A text and a part of its error.
    @Test(
        arguments: [
            ("", "no rules"), ("# nothing", "no rules"), ("start ::= \"a\"", "no rule “root”"),
            ("root ::= thing", "“thing” is not defined (line 1, column 10)"),
            ("root ::= \"a\"\nroot ::= \"b\"", "“root” is defined twice (line 2, column 1)"),
            ("root ::= root \"a\" | \"b\"", "left recursion is not supported: root → root"),
            ("root ::= a\na ::= b? a \"x\" | \"y\"\nb ::= \"z\"", "left recursion is not supported: a → a"),
            ("root ::= a\na ::= b \"x\" | \"y\"\nb ::= a \"z\"", "a → b → a"),
            ("root ::= \"a\" root", "no text of “root” ends"),
            ("root ::= \"abc", "quote that ends"), ("root ::= [abc", "“]” is missing"),
            ("root ::= []", "class without"), ("root ::= [z-a]", "out of order"),
            ("root ::= (\"a\"", "“)” is missing"), ("root ::= \"a\")", "“)” is unexpected"),
            ("root ::= * \"a\"", "nothing to repeat"), ("root ::= \"a\"{3,1}", "swapped"),
            ("root ::= \"a\"{,3}", "a number is missing"), ("root ::= \"a\"{99999}", "more than 20000 repetitions"),
            ("root ::= \"\\xZZ\"", "hexadecimal"), ("root ::= \"\\uD800\"", "no character"),
            ("root ::= [\\d]", "no escape of GBNF"), ("root ::= 'a'", "double quotes"),
            ("root ::= /a+/", "regular expression between slashes"), ("root ::= <think>", "a token"),
            ("root ::= (=\"a\") \"b\"", "look-ahead"), ("start: \"a\"", "Lark"), ("?start: \"a\" | \"b\"", "begins no rule"),
            ("%import common.NUMBER", "Lark's directives"), ("root = \"a\" ;", "“root =” is not GBNF"),
            ("root ::= ((((\"a\"{1000}){1000}){1000}){1000})", "more than 60000 states"),
        ])
    func refusals(_ grammar: String, _ reason: String) {
        #expect {
            _ = try CompiledGrammar(gbnf: grammar)
        } throws: { error in
            "\(error)".contains(reason)
        }
    }

    @Test func deepNestingIsRefusedAndLongRulesAreNot() throws {
        let deep = "root ::= " + String(repeating: "(", count: 5_000) + "\"a\"" + String(repeating: ")", count: 5_000)
        #expect(throws: GrammarError.self) { _ = try CompiledGrammar(gbnf: deep) }
        let stars = "root ::= \"a\"" + String(repeating: "?", count: 5_000)
        #expect(throws: GrammarError.self) { _ = try CompiledGrammar(gbnf: stars) }
        let long = "root ::= " + (0..<2_000).map { "\"word\($0)\"" }.joined(separator: " | ")
        #expect(TextAcceptor(try CompiledGrammar(gbnf: long)).accepts(Array("word1999".utf8)))
    }

    /// Each rule has two calls of the next one: a text would have two ways to the power of 60.
    @Test func ambiguousRulesDoNotExplode() throws {
        var grammar = "root ::= r0\n"
        for level in 0..<60 { grammar += "r\(level) ::= r\(level + 1) \"x\"? | r\(level + 1) \"y\"?\n" }
        grammar += "r60 ::= \"a\""
        let acceptor = TextAcceptor(try CompiledGrammar(gbnf: grammar))
        #expect(acceptor.accepts(Array(("a" + String(repeating: "xy", count: 30)).utf8)))
        #expect(!acceptor.accepts(Array(("a" + String(repeating: "x", count: 61)).utf8)))
    }

    /// Stacks as deep as a long answer are counted without recursion.
    @Test func deepStacks() throws {
        let compiled = try CompiledGrammar(gbnf: "root ::= \"(\" root \")\" | \"((\" root \"))\" | \"x\"")
        let depth = 3_000
        let text = String(repeating: "(", count: depth) + "x" + String(repeating: ")", count: depth)
        #expect(TextAcceptor(compiled).accepts(Array(text.utf8)))
        var constraint = GrammarConstraint(TokenGrammar(compiled, vocabulary: MaskTests.vocabulary))
        for _ in 0..<depth { constraint.accept(TokenID(UInt8(ascii: "("))) }
        #expect(constraint.distanceToEnd == depth + 1)
        #expect(constraint.mask(room: depth + 2).tokens == [TokenID(UInt8(ascii: "x"))])
    }

    static let masked = [
        json, sql, "root ::= \"(\" root \")\" | \"x\"", "root ::= [^\"]{2,9} (\",\" [0-9]+){0,3}",
        "root ::= (a | b)+\na ::= \"ab\" | \"name\" a?\nb ::= \"cd\" b \"12\" | \"é\"",
    ]

    @Test(arguments: masked) func randomAnswersAreWholeAndMasksExact(_ grammar: String) throws {
        try MaskTests.checkRandomAnswers(try CompiledGrammar(gbnf: grammar))
        try MaskTests.checkMasks(try CompiledGrammar(gbnf: grammar))
        try MaskTests.checkRoom(try CompiledGrammar(gbnf: grammar))
    }
}
