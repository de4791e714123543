import MoedCore
import MoedWeights

/// Bytes of tensors that a test makes.
enum Packing {
    static func bytes(_ words: [UInt32]) -> [UInt8] {
        words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) } }
    }

    static func f32(_ values: [Float], shape: [Int], name: String = "x.scales") -> GivenBytes {
        GivenBytes(.f32, bytes(values.map(\.bitPattern)), shape: shape, name: name)
    }

    static func i32(_ words: [UInt32], shape: [Int], name: String = "x.words") -> GivenBytes {
        GivenBytes(.i32, bytes(words), shape: shape, name: name)
    }

    /// Codes side by side in 32-bit words, the first in the lowest bits.
    static func words(_ codes: [Int], bits: Int) -> [UInt32] {
        let perWord = 32 / bits
        return stride(from: 0, to: codes.count, by: perWord).map { first in
            codes[first..<min(first + perWord, codes.count)].enumerated()
                .reduce(UInt32(0)) { $0 | UInt32($1.element) << UInt32($1.offset * bits) }
        }
    }

    /// Columns of a matrix given by rows, each packed from top to bottom: `[rows · bits / 32, columns]`.
    static func wordsDown(_ codes: [[Int]], bits: Int) -> [UInt32] {
        let columns = codes[0].indices.map { column in words(codes.map { $0[column] }, bits: bits) }
        return columns[0].indices.flatMap { row in columns.map { $0[row] } }
    }

    /// All rows, and those of a range in the middle, which must be the same ones.
    static func rows(_ source: any RowSource) throws -> [[Float]] {
        let (outputs, inputs) = (source.shape.outputs, source.shape.inputs)
        func read(_ range: Range<Int>) throws -> [[Float]] {
            var values = [Float](repeating: .nan, count: range.count * inputs)
            try source.rows(range, into: &values)
            return (0..<range.count).map { Array(values[$0 * inputs..<($0 + 1) * inputs]) }
        }
        let all = try read(0..<outputs)
        for range in [outputs / 3..<outputs / 3 + 1, outputs / 4..<outputs * 3 / 4] {
            let same = try zip(read(range).joined(), all[range].joined()).allSatisfy { $0.bitPattern == $1.bitPattern }
            guard same else { return [] }
        }
        return all
    }
}
