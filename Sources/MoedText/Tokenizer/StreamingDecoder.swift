package import MoedCore

/// Decodes a token sequence token by token. The concatenated texts, with that of `finish()`, equal the result of
/// ``Tokenizer/decode(_:skipSpecial:)`` for all tokens.
package struct StreamingDecoder: TokenTextStream {
    private let tokenizer: Tokenizer
    private let skipSpecial: Bool
    private var assembler = UTF8Assembler()

    init(_ tokenizer: Tokenizer, skipSpecial: Bool) {
        self.tokenizer = tokenizer
        self.skipSpecial = skipSpecial
    }

    package mutating func append(_ token: TokenID) -> String {
        if skipSpecial, tokenizer.isSpecial(token) { return "" }
        var output: [UInt8] = []
        for byte in tokenizer.bytes(token) { assembler.append(byte, to: &output) }
        return String(decoding: output, as: UTF8.self)
    }

    package mutating func finish() -> String {
        var output: [UInt8] = []
        assembler.finish(into: &output)
        return String(decoding: output, as: UTF8.self)
    }
}
