import MoedCore
import TestSupport
import Testing

@testable import MoedWeights

/// GPTQ's and AWQ's layouts, from bytes.
@Suite struct GPTQRowsTests {
    struct Layout: Sendable, CustomStringConvertible {
        var bits: Int
        var outputs: Int
        var inputs: Int
        var groups: Int
        var size: Int
        var zeros = GPTQRows.Zeros.decremented
        var hasIndex = false

        var description: String { "\(bits) bits, \(outputs) × \(inputs), \(groups) groups, \(zeros), \(hasIndex)" }
    }

    @Test(arguments: [
        Layout(bits: 4, outputs: 16, inputs: 32, groups: 2, size: 16),
        Layout(bits: 4, outputs: 11, inputs: 24, groups: 3, size: 8, zeros: .plain),
        Layout(bits: 8, outputs: 10, inputs: 20, groups: 3, size: 8),
        Layout(bits: 2, outputs: 33, inputs: 16, groups: 1, size: 16, zeros: .plain),
        Layout(bits: 4, outputs: 24, inputs: 32, groups: 4, size: 8, hasIndex: true),
        Layout(bits: 8, outputs: 4, inputs: 8, groups: 8, size: 1),
    ])
    func weights(_ layout: Layout) throws {
        var random = SplitMix(seed: 5)
        let top = 1 << layout.bits
        // Zero 0 among them: decremented, it borrows from its neighbours.
        let codes = (0..<layout.inputs).map { _ in
            (0..<layout.outputs).map { _ in Int.random(in: 0..<top, using: &random) }
        }
        let zeros = (0..<layout.groups).map { _ in
            (0..<layout.outputs).map { _ in Int.random(in: 0..<top, using: &random) % 3 }
        }
        let scales = (0..<layout.groups * layout.outputs).map { _ in Float.random(in: -1...1, using: &random) }
        let groupOf = (0..<layout.inputs).map {
            layout.hasIndex ? Int.random(in: 0..<layout.groups, using: &random) : $0 / layout.size
        }
        let ones = Packing.words([Int](repeating: 1, count: 32 / layout.bits), bits: layout.bits)[0]
        let zeroWords = zeros.flatMap { Packing.words($0, bits: layout.bits) }
            .map { layout.zeros == .decremented ? $0 &- ones : $0 }
        let source = try GPTQRows(
            GPTQRows.Tensors(
                codes: Packing.i32(
                    Packing.wordsDown(codes, bits: layout.bits),
                    shape: [layout.inputs * layout.bits / 32, layout.outputs]),
                zeros: Packing.i32(zeroWords, shape: [layout.groups, zeroWords.count / layout.groups]),
                scales: Packing.f32(scales, shape: [layout.groups, layout.outputs]),
                groupIndex: layout.hasIndex
                    ? Packing.i32(groupOf.map { UInt32($0) }, shape: [layout.inputs]) : nil),
            MatrixShape(layout.outputs, layout.inputs), zeros: layout.zeros, groupSizes: [layout.size])
        let rows = try Packing.rows(source)
        try #require(rows.count == layout.outputs)
        for row in 0..<layout.outputs {
            for column in 0..<layout.inputs {
                let group = groupOf[column]
                let expected = Float(codes[column][row] - zeros[group][row]) * scales[group * layout.outputs + row]
                #expect(rows[row][column] == expected, "\(row) \(column)")
            }
        }
    }

    @Test func awq() throws {
        var random = SplitMix(seed: 9)
        let (outputs, inputs, groups) = (24, 10, 2)
        func matrix(_ rows: Int) -> [[Int]] {
            (0..<rows).map { _ in (0..<outputs).map { _ in Int.random(in: 0..<16, using: &random) } }
        }
        // Nibble i of a word, from the lowest, holds output [0, 2, 4, 6, 1, 3, 5, 7][i].
        func words(_ rows: [[Int]]) -> [UInt32] {
            rows.flatMap { row in
                Packing.words(
                    stride(from: 0, to: outputs, by: 8).flatMap { first in [0, 2, 4, 6, 1, 3, 5, 7].map { row[first + $0] } },
                    bits: 4)
            }
        }
        let (codes, zeros) = (matrix(inputs), matrix(groups))
        let scales = (0..<groups * outputs).map { _ in Float.random(in: -1...1, using: &random) }
        let source = try AWQRows(
            Packing.i32(words(codes), shape: [inputs, outputs / 8]),
            zeros: Packing.i32(words(zeros), shape: [groups, outputs / 8]),
            scales: Packing.f32(scales, shape: [groups, outputs]), MatrixShape(outputs, inputs), groupSizes: [])
        let rows = try Packing.rows(source)
        try #require(rows.count == outputs)
        for row in 0..<outputs {
            for column in 0..<inputs {
                let group = column / 5
                let expected = Float(codes[column][row] - zeros[group][row]) * scales[group * outputs + row]
                #expect(rows[row][column] == expected, "\(row) \(column)")
            }
        }
    }

    /// Three bits straddle words, and groups must divide the inputs.
    @Test func otherLayoutsAreRefused() throws {
        func source(_ words: [Int], groups: Int = 1, type: ElementType = .i32) throws -> GPTQRows {
            let codes = GivenBytes(type, [UInt8](repeating: 0, count: words.reduce(4, *)), shape: words)
            return try GPTQRows(
                GPTQRows.Tensors(
                    codes: codes,
                    zeros: Packing.i32([UInt32](repeating: 0, count: groups * 2), shape: [groups, 2]),
                    scales: Packing.f32([Float](repeating: 1, count: groups * 16), shape: [groups, 16]),
                    groupIndex: nil), MatrixShape(16, 32), zeros: .plain, groupSizes: [])
        }
        #expect(try Packing.rows(source([4, 16])).count == 16)
        let bits = #expect(throws: EngineError.self) { try source([3, 16]) }
        #expect(bits?.code == .unsupportedModel && bits?.message.contains("3 bits") == true)
        for (words, groups) in [([5, 16], 1), ([4, 15], 1), ([4, 16], 5), ([0, 16], 1), ([64, 16], 1)] {
            let error = #expect(throws: EngineError.self) { try source(words, groups: groups) }
            #expect(error?.message.contains("x.") == true, "\(error?.message ?? "")")
        }
        #expect(throws: EngineError.self) { try source([4, 16], type: .f32) }
    }
}
