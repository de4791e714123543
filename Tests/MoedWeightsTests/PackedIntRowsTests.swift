import MoedCore
import TestSupport
import Testing

@testable import MoedWeights

/// compressed-tensors' packed integers and FP4, from bytes.
@Suite struct PackedIntRowsTests {
    struct Layout: Sendable, CustomStringConvertible {
        var bits: Int
        var outputs: Int
        var inputs: Int
        var groups: Int
        var size: Int
        var hasZeros = false
        var hasIndex = false

        var description: String {
            "\(bits) bits, \(outputs) × \(inputs), \(groups) groups\(hasZeros ? ", zeros" : "")\(hasIndex ? ", g_idx" : "")"
        }
    }

    @Test(arguments: [
        Layout(bits: 4, outputs: 5, inputs: 16, groups: 1, size: 16),
        Layout(bits: 4, outputs: 9, inputs: 20, groups: 5, size: 4, hasZeros: true),
        Layout(bits: 8, outputs: 6, inputs: 10, groups: 3, size: 4, hasZeros: true),
        Layout(bits: 8, outputs: 3, inputs: 8, groups: 1, size: 8),
        Layout(bits: 4, outputs: 17, inputs: 32, groups: 4, size: 8, hasZeros: true, hasIndex: true),
    ])
    func weights(_ layout: Layout) throws {
        var random = SplitMix(seed: 3)
        let top = 1 << layout.bits
        let codes = (0..<layout.outputs).map { _ in
            (0..<layout.inputs).map { _ in Int.random(in: 0..<top, using: &random) }
        }
        let zeros = (0..<layout.outputs).map { _ in
            (0..<layout.groups).map { _ in
                layout.hasZeros ? Int.random(in: 0..<top, using: &random) : top / 2
            }
        }
        let scales = (0..<layout.outputs * layout.groups).map { _ in Float.random(in: -1...1, using: &random) }
        let groupOf = (0..<layout.inputs).map {
            layout.hasIndex ? Int.random(in: 0..<layout.groups, using: &random) : $0 / layout.size
        }
        let packed = codes.flatMap { Packing.words($0, bits: layout.bits) }
        let zeroWords = Packing.wordsDown(zeros, bits: layout.bits)
        let source = try PackedIntRows(
            PackedIntRows.Tensors(
                packed: Packing.i32(packed, shape: [layout.outputs, packed.count / layout.outputs]),
                scales: Packing.f32(scales, shape: [layout.outputs, layout.groups]),
                zeros: layout.hasZeros
                    ? Packing.i32(zeroWords, shape: [zeroWords.count / layout.groups, layout.groups]) : nil,
                groupIndex: layout.hasIndex
                    ? Packing.i32(groupOf.map { UInt32($0) }, shape: [layout.inputs]) : nil,
                shape: GivenBytes(
                    .i64, Packing.bytes([UInt32(layout.outputs), 0, UInt32(layout.inputs), 0]), shape: [2])),
            MatrixShape(layout.outputs, layout.inputs), bits: [layout.bits], groupSizes: [layout.size])
        let rows = try Packing.rows(source)
        try #require(rows.count == layout.outputs)
        for row in 0..<layout.outputs {
            for column in 0..<layout.inputs {
                let group = groupOf[column]
                let expected = Float(codes[row][column] - zeros[row][group]) * scales[row * layout.groups + group]
                #expect(rows[row][column] == expected, "\(row) \(column)")
            }
        }
    }

    private static func source(
        shape: [UInt32] = [2, 0, 8, 0], index: [UInt32] = [0, 0, 0, 0, 1, 1, 1, 1], width: Int = 1
    ) throws -> PackedIntRows {
        try PackedIntRows(
            PackedIntRows.Tensors(
                packed: Packing.i32([UInt32](repeating: 0, count: 2 * width), shape: [2, width]),
                scales: Packing.f32([1, 1, 1, 1], shape: [2, 2]), zeros: nil,
                groupIndex: Packing.i32(index, shape: [index.count], name: "x.weight_g_idx"),
                shape: GivenBytes(.i64, Packing.bytes(shape), shape: [2], name: "x.weight_shape")),
            MatrixShape(2, 8), bits: [], groupSizes: [])
    }

    @Test func otherNumbersAreRefused() throws {
        #expect(try Packing.rows(Self.source()).count == 2)
        var values = [Float](repeating: 0, count: 16)
        let shape = #expect(throws: EngineError.self) {
            try Self.source(shape: [8, 0, 2, 0]).rows(0..<2, into: &values)
        }
        #expect(shape?.message.contains("x.weight_shape says [8, 2]") == true, "\(shape?.message ?? "")")
        for bad in [2, UInt32.max] {
            let index = #expect(throws: EngineError.self) {
                try Self.source(index: [0, 0, 0, bad, 1, 1, 1, 1]).rows(0..<2, into: &values)
            }
            #expect(index?.message.contains("at column 3") == true, "\(index?.message ?? "")")
        }
        #expect(throws: EngineError.self) { try Self.source(index: [0, 1]) }
        #expect(throws: EngineError.self) { try Self.source(width: 3) }
    }

    /// Nibbles, low one first; the sign is bit 3.
    @Test func fp4() throws {
        let codes = (0..<32).map { (index: Int) -> UInt8 in
            let (low, high) = (index * 2 % 16, (index * 2 + 1) % 16)
            return UInt8(low | high << 4)
        }
        let table: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
        let values = (0..<16).map { $0 < 8 ? table[$0] : -table[$0 - 8] }
        let nvfp4 = try FP4Rows(
            GivenBytes(.u8, codes, shape: [2, 16]),
            scales: GivenBytes(.f8e4m3, [0x38, 0x40, 0x30, 0xB8], shape: [2, 2]),
            matrixScale: (Packing.f32([4], shape: [1]), .divides), MatrixShape(2, 32))
        func scaled(_ factors: [Float]) -> [Float] { factors.flatMap { factor in values.map { $0 * factor } } }
        #expect(try Packing.rows(nvfp4) == [scaled([0.25, 0.5]), scaled([0.125, -0.25])])
        let mxfp4 = try FP4Rows(
            GivenBytes(.u8, codes, shape: [2, 16]), scales: GivenBytes(.u8, [126, 130], shape: [2, 1]),
            matrixScale: nil, MatrixShape(2, 32))
        #expect(try Packing.rows(mxfp4) == [scaled([0.5, 0.5]), scaled([8, 8])])
    }
}
