import MoedAutomata

/// Characters that need no escape in JSON. Many grammars of JSON leave out the control character 127 as well.
enum PlainText {
    /// True for the bytes of their UTF-8.
    static func contains(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") && byte != 0x7F
    }

    /// Sequences of bytes of all characters beyond ASCII.
    static let sequences = UTF8Sequences.of(0x80...0x10FFFF)
}
