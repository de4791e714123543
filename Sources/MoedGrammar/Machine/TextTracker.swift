import MoedAutomata

/// Collects the text of a JSON string from behind its opening quote on.
struct TextTracker: Hashable, Sendable {
    /// Characters of an escape so far, without its backslash; nil outside of one.
    private var escape: [UInt8]?
    private var high: UInt32?
    private var text: [UInt8] = []

    /// Takes a byte of the document. Returns the text of the string that ends with it.
    mutating func take(_ byte: UInt8) -> [UInt8]? {
        if var escape {
            escape.append(byte)
            self.escape = finish(escape) ? nil : escape
            return nil
        }
        switch byte {
        case UInt8(ascii: "\""): return text
        case UInt8(ascii: "\\"): escape = []
        default: text.append(byte)
        }
        return nil
    }

    /// Adds the character of an escape; false while it is incomplete.
    private mutating func finish(_ escape: [UInt8]) -> Bool {
        guard escape[0] == UInt8(ascii: "u") else {
            text += JSONText.simpleEscapes.filter { $0.letter == escape[0] }.map(\.value)
            return true
        }
        guard escape.count == 5 else { return false }
        let unit = UInt32(String(decoding: escape.dropFirst(), as: UTF8.self), radix: 16) ?? 0
        if (0xD800..<0xDC00).contains(unit) {
            high = unit
        } else if let high, (0xDC00..<0xE000).contains(unit) {
            text += UTF8Sequences.encode(0x10000 + (high - 0xD800) << 10 + (unit - 0xDC00))
            self.high = nil
        } else {
            text += UTF8Sequences.encode(unit)
        }
        return true
    }
}
