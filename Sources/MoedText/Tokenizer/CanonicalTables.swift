import Foundation

/// Canonical decompositions and compositions of Unicode, taken from Foundation.
///
/// Foundation normalises whole strings too slowly for prompts: measured 1 MB/s, and quadratic time in runs of
/// combining marks. These tables query it once per character, and ``Normalization`` does the rest.
struct CanonicalTables: Sendable {
    static let unicode = CanonicalTables()

    /// Full canonical decomposition of every scalar that has one, except Hangul syllables.
    private(set) var decompositions: [UInt32: [UInt32]] = [:]
    /// (first << 32 | second) → primary composite.
    private(set) var compositions: [UInt64: UInt32] = [:]
    /// Characters that compose with one before them.
    private(set) var seconds: Set<UInt32> = []

    /// Ranges that contain all characters with tabulated decompositions. Unified ideographs, Hangul and private use are
    /// omitted.
    private static let candidates: [ClosedRange<UInt32>] = [
        0xC0...0x33FF, 0xA000...0xABFF, 0xF900...0xFFFF, 0x10000...0x16FFF, 0x1D000...0x1EFFF,
        0x2F800...0x2FA1F,
    ]

    private init() {
        for range in Self.candidates {
            for value in range {
                guard let scalar = Unicode.Scalar(value) else { continue }
                let text = String(Character(scalar))
                let decomposed = text.decomposedStringWithCanonicalMapping.unicodeScalars.map(\.value)
                guard decomposed != [value] else { continue }
                decompositions[value] = decomposed
                addComposition(of: value, text, decomposed)
            }
        }
    }

    /// Adds a character's composition if NFC leaves the character unchanged. NFC decomposes characters that are
    /// excluded from composition.
    private mutating func addComposition(of value: UInt32, _ text: String, _ decomposed: [UInt32]) {
        guard let last = decomposed.last, decomposed.count > 1,
            text.precomposedStringWithCanonicalMapping.unicodeScalars.map(\.value) == [value]
        else { return }
        var head = String.UnicodeScalarView()
        head.append(contentsOf: decomposed.dropLast().compactMap(Unicode.Scalar.init))
        let composed = String(head).precomposedStringWithCanonicalMapping.unicodeScalars.map(\.value)
        guard composed.count == 1 else { return }
        compositions[UInt64(composed[0]) << 32 | UInt64(last)] = value
        seconds.insert(last)
    }
}
