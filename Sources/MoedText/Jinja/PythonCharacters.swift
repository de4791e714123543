/// Python's notions of characters, which templates are written against.
extension Unicode.Scalar {
    /// `str.isspace` of one character: also what `strip()` removes and `\s` matches.
    var isPythonSpace: Bool {
        switch value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
            0x3000:
            true
        default: false
        }
    }

    /// True when `repr` prints the character itself and no escape (`str.isprintable`).
    var isPythonPrintable: Bool {
        if value < 0x7F { return value >= 0x20 }
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default: return true
        }
    }

    var isDecimalDigitASCII: Bool { value >= 0x30 && value <= 0x39 }
    var isNameStart: Bool { self == "_" || properties.isXIDStart }
    var isNamePart: Bool { properties.isXIDContinue }
}

extension String {
    init(scalars: some Sequence<Unicode.Scalar>) {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        self = String(view)
    }

    /// Equality of code points. Swift's own `==` also holds for canonically equivalent texts, Python's does not.
    func isIdentical(to other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
