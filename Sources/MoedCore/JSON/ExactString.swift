/// A string compared and hashed code point by code point.
///
/// Swift's equality also holds between canonically equivalent texts (`é` in one code point and in two). These texts
/// are different keys in JSON and in vocabularies.
package struct ExactString: Hashable, Sendable {
    package var text: String

    package init(_ text: String) { self.text = text }

    package static func == (left: ExactString, right: ExactString) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
        // A terminator separates adjacent texts in a longer key.
        hasher.combine(UInt8(0xFF))
    }
}
