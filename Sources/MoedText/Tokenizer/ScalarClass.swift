/// Character classes of the pre-tokenizer patterns.
enum ScalarClass: UInt8 {
    /// Neither letter, number nor white space: punctuation, symbols, marks, controls, unassigned.
    case other
    /// `\p{L}`
    case letter
    /// `\p{N}`
    case number
    /// `\s` but not a line end.
    case space
    /// `[\r\n]`
    case lineEnd

    private init(classifying scalar: Unicode.Scalar) {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            self = .letter
        case .decimalNumber, .letterNumber, .otherNumber: self = .number
        default:
            if scalar == "\r" || scalar == "\n" {
                self = .lineEnd
            } else {
                self = scalar.properties.isWhitespace ? .space : .other
            }
        }
    }

    /// Classes of U+0000…U+FFFF, computed once: a category lookup costs more than merging a short word.
    private static let basicPlane: [ScalarClass] = (UInt32(0)..<0x10000).map { value in
        Unicode.Scalar(value).map(ScalarClass.init(classifying:)) ?? .other
    }

    /// Classifies the scalars of valid UTF-8.
    struct Table {
        private let basicPlane = ScalarClass.basicPlane

        /// Class of the scalar that starts at `index`, and its length in bytes.
        @inline(__always)
        func classify(_ text: Span<UInt8>, at index: Int) -> (ScalarClass, Int) {
            let first = UInt32(text[index])
            if first < 0x80 { return (basicPlane[Int(first)], 1) }
            let (value, length) = UTF8Scalar.decode(text, at: index)
            if value < 0x10000 { return (basicPlane[Int(value)], length) }
            return (Unicode.Scalar(value).map(ScalarClass.init(classifying:)) ?? .other, length)
        }
    }
}

/// Decodes and encodes scalars of UTF-8 without validation. The bytes must be valid, like those of a Swift string.
enum UTF8Scalar {
    /// The scalar value that starts at `index`, and its length in bytes.
    @inline(__always)
    static func decode(_ text: Span<UInt8>, at index: Int) -> (value: UInt32, length: Int) {
        let first = UInt32(text[index])
        if first < 0x80 { return (first, 1) }
        let second = UInt32(text[index + 1] & 0x3F)
        if first < 0xE0 { return ((first & 0x1F) << 6 | second, 2) }
        let third = UInt32(text[index + 2] & 0x3F)
        if first < 0xF0 { return ((first & 0x0F) << 12 | second << 6 | third, 3) }
        return ((first & 0x07) << 18 | second << 12 | third << 6 | UInt32(text[index + 3] & 0x3F), 4)
    }

    @inline(__always)
    static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        if value < 0x80 {
            bytes.append(UInt8(value))
            return
        }
        if value < 0x800 {
            bytes.append(UInt8(0xC0 | value >> 6))
        } else {
            if value < 0x10000 {
                bytes.append(UInt8(0xE0 | value >> 12))
            } else {
                bytes.append(UInt8(0xF0 | value >> 18))
                bytes.append(UInt8(0x80 | value >> 12 & 0x3F))
            }
            bytes.append(UInt8(0x80 | value >> 6 & 0x3F))
        }
        bytes.append(UInt8(0x80 | value & 0x3F))
    }
}
