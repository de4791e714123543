package import MoedCore

/// Codes that a kernel multiplies as a checkpoint stores them: symmetric, with a scale of 16 bits for each group of
/// inputs.
package struct KeptFormat: Sendable, Hashable {
    /// The form of scales.
    package enum Scales: String, Sendable, CaseIterable {
        case f16, bf16
    }

    /// Bits of a code: 4 or 8.
    package let bits: Int
    /// Inputs that share a scale.
    package let group: Int
    package let scales: Scales

    package init(bits: Int, group: Int, scales: Scales) {
        self.bits = bits
        self.group = group
        self.scales = scales
    }

    static let all = [4, 8].flatMap { bits in
        WeightFormat.quantGroups.flatMap { group in
            Scales.allCases.map { KeptFormat(bits: bits, group: group, scales: $0) }
        }
    }
}

/// Rows that may be kept code for code.
package protocol KeptRows: RowSource {
    /// The form of these rows; nil when no kernel multiplies them as they are. Reads zero points.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` naming file and tensor.
    func keptFormat() throws(EngineError) -> KeptFormat?

    /// Codes and scales of rows that have a form.
    ///
    /// - Throws: as `keptFormat`.
    func keptCodes(_ range: Range<Int>) throws(EngineError) -> KeptCodes
}

/// Some rows' codes and scales.
package struct KeptCodes: Sendable {
    /// A byte each, half of the codes added: 0…15 or 0…255.
    package var codes: [UInt8]
    /// Bit patterns, group after group.
    package var scales: [UInt16]
}

extension QuantGroups {
    /// The form of symmetric codes in these groups.
    ///
    /// - Parameters:
    ///   - columns: codes of a row.
    ///   - isSymmetric: asked last, as it reads zero points.
    func keptFormat(
        bits: Int, _ scales: FactorTensor, columns: Int, isSymmetric: () throws(EngineError) -> Bool
    ) throws(EngineError) -> KeptFormat? {
        guard bits == 4 || bits == 8, WeightFormat.quantGroups.contains(size), let half = scales.halfFormat,
            count == (columns + size - 1) / size, try groups(of: columns) == (0..<columns).map({ $0 / size }),
            try isSymmetric()
        else { return nil }
        return KeptFormat(bits: bits, group: size, scales: half)
    }
}
