/// Assembles valid UTF-8 from a stream of bytes. Each maximal invalid part becomes one U+FFFD as soon as it is known
/// to be invalid (Unicode standard, 3.9, "substitution of maximal subparts").
struct UTF8Assembler: Sendable {
    /// Valid first bytes of an incomplete character.
    private var pending: [UInt8] = []
    /// Number of bytes missing from the pending character.
    private var missing = 0
    /// Allowed values of the pending character's next byte.
    private var allowed: ClosedRange<UInt8> = 0x80...0xBF

    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    /// Consumes a byte and appends the completed characters to `output`, which stays valid UTF-8.
    mutating func append(_ byte: UInt8, to output: inout [UInt8]) {
        if missing > 0 {
            if allowed.contains(byte) {
                pending.append(byte)
                missing -= 1
                allowed = 0x80...0xBF
                if missing == 0 { flush(to: &output, asCharacter: true) }
                return
            }
            flush(to: &output, asCharacter: false)
        }
        start(byte, &output)
    }

    mutating func finish(into output: inout [UInt8]) {
        if missing > 0 { flush(to: &output, asCharacter: false) }
    }

    private mutating func flush(to output: inout [UInt8], asCharacter: Bool) {
        output.append(contentsOf: asCharacter ? pending : Self.replacement)
        pending.removeAll(keepingCapacity: true)
        missing = 0
        allowed = 0x80...0xBF
    }

    private mutating func start(_ byte: UInt8, _ output: inout [UInt8]) {
        switch byte {
        case ..<0x80:
            output.append(byte)
            return
        case 0xC2...0xDF: missing = 1
        case 0xE0...0xEF:
            missing = 2
            // No overlong forms (E0), no surrogates (ED).
            allowed = byte == 0xE0 ? 0xA0...0xBF : byte == 0xED ? 0x80...0x9F : 0x80...0xBF
        case 0xF0...0xF4:
            missing = 3
            // No overlong forms (F0), nothing above U+10FFFF (F4).
            allowed = byte == 0xF0 ? 0x90...0xBF : byte == 0xF4 ? 0x80...0x8F : 0x80...0xBF
        default:
            output.append(contentsOf: Self.replacement)
            return
        }
        pending.append(byte)
    }
}
