package import MoedCore

/// Codes that a kernel multiplies as a checkpoint stores them, with numbers of their own for each group of inputs.
package struct KeptFormat: Sendable, Hashable {
    /// The form of scales.
    package enum Scales: String, Sendable, CaseIterable {
        case f16, bf16
    }

    /// Zero of the codes.
    package enum Offset: String, Sendable, CaseIterable {
        /// The middle of their range.
        case middle
        /// A zero point of a byte for each group.
        case zero
        /// Code 0 is a minimum of 16 bits for each group (Q4_1).
        case minimum
        /// As `minimum`; eight groups share scale and minimum, and each has factors of a byte for both (Q4_K).
        case nested
    }

    /// Groups that share scale and minimum of a nested form.
    package static let nestedGroups = 8

    /// Bits of a code: 4 or 8.
    package let bits: Int
    /// Inputs that share a scale.
    package let group: Int
    package let scales: Scales
    package let offset: Offset

    package init(bits: Int, group: Int, scales: Scales, offset: Offset = .middle) {
        self.bits = bits
        self.group = group
        self.scales = scales
        self.offset = offset
    }

    /// All forms that the kernels have.
    package static let all =
        [Offset.middle, .zero].flatMap { offset in
            [4, 8].flatMap { bits in
                WeightFormat.quantGroups.flatMap { group in
                    Scales.allCases.map { KeptFormat(bits: bits, group: group, scales: $0, offset: offset) }
                }
            }
        } + [.q4x1, .q4K]

    static let q4x1 = KeptFormat(bits: 4, group: 32, scales: .f16, offset: .minimum)
    static let q4K = KeptFormat(bits: 4, group: 32, scales: .f16, offset: .nested)

    /// Columns that share a number of 16 bits.
    package var span: Int { offset == .nested ? Self.nestedGroups * group : group }

    /// Bytes of the numbers of all groups of a panel, as `moed_kernels.h` lays them out.
    func numbersByteCount(groups: Int) -> Int {
        let (together, block) =
            switch offset {
            case .middle: (2, 64)
            case .zero: (4, 192)
            case .minimum: (1, 64)
            case .nested: (Self.nestedGroups, 320)
            }
        return (groups + together - 1) / together * block
    }
}

extension KeptFormat: CustomStringConvertible {
    /// As in manifests: `kept4/32/f16`, `kept4/128/bf16/zero`.
    package var description: String {
        "kept\(bits)/\(group)/\(scales.rawValue)" + (offset == .middle ? "" : "/\(offset.rawValue)")
    }
}

/// Rows that may be kept code for code.
package protocol KeptRows: RowSource {
    /// The form of these rows; nil when no kernel multiplies them as they are. Reads zero points.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` naming file and tensor.
    func keptFormat() throws(EngineError) -> KeptFormat?

    /// Codes and numbers of rows that have a form.
    ///
    /// - Throws: as `keptFormat`.
    func keptCodes(_ range: Range<Int>) throws(EngineError) -> KeptCodes
}

/// Some rows' codes and numbers, row after row.
package struct KeptCodes: Sendable {
    /// A byte each: 0…15 or 0…255.
    package var codes: [UInt8]
    /// Bit patterns, one for each span of a row.
    package var scales: [UInt16]
    /// As scales, in forms with minima; else empty.
    package var minima: [UInt16]
    /// Zero points, one for each group; in nested forms two factors, of scale and minimum; else empty.
    package var small: [UInt8]

    package init(codes: [UInt8], scales: [UInt16], minima: [UInt16] = [], small: [UInt8] = []) {
        (self.codes, self.scales, self.minima, self.small) = (codes, scales, minima, small)
    }
}

extension QuantGroups {
    /// The form of codes in these groups.
    ///
    /// - Parameters:
    ///   - columns: codes of a row.
    ///   - isSymmetric: says that every zero point is the middle; asked last, as it reads zero points.
    func keptFormat(
        bits: Int, _ scales: FactorTensor, columns: Int, isSymmetric: () throws(EngineError) -> Bool
    ) throws(EngineError) -> KeptFormat? {
        guard bits == 4 || bits == 8, WeightFormat.quantGroups.contains(size), let half = scales.halfFormat,
            count == (columns + size - 1) / size, try groups(of: columns) == (0..<columns).map({ $0 / size })
        else { return nil }
        return KeptFormat(bits: bits, group: size, scales: half, offset: try isSymmetric() ? .middle : .zero)
    }
}
