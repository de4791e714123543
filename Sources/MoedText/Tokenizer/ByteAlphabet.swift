/// The alphabet in which byte-level vocabularies spell bytes (GPT-2). Printable Latin-1 characters represent
/// themselves. U+0100 and up represent the other 68 bytes, so that no token contains white space.
enum ByteAlphabet {
    /// Scalar value of each byte.
    static let scalars: [UInt32] = {
        var next: UInt32 = 0x100
        return (UInt32(0)..<256).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return byte
            default:
                defer { next += 1 }
                return next
            }
        }
    }()

    /// Byte of each scalar below U+0144; −1 where the alphabet has none.
    private static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = Int16(byte) }
        return bytes
    }()

    /// Appends the bytes that `token` spells. Returns false, after appending some prefix, when a character is outside
    /// the alphabet.
    static func append(_ token: String, to output: inout [UInt8]) -> Bool {
        let bytes = bytes
        for scalar in token.unicodeScalars {
            guard scalar.value < 0x144, bytes[Int(scalar.value)] >= 0 else { return false }
            output.append(UInt8(bytes[Int(scalar.value)]))
        }
        return true
    }
}
