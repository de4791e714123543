import MoedCore
import TestSupport
import Testing

@testable import MoedWeights

/// FP8 and int8 with scales, from bytes.
@Suite struct ScaledByteRowsTests {
    /// The value of an E4M3FN byte by its definition.
    private static func value(_ byte: UInt8) -> Float {
        let (exponent, fraction) = (Int(byte >> 3 & 15), Float(byte & 7))
        var magnitude = exponent == 0 ? fraction / 8 : 1 + fraction / 8
        for _ in 0..<abs(max(exponent, 1) - 7) { magnitude *= exponent > 7 ? 2 : 0.5 }
        return byte & 0x80 == 0 ? magnitude : -magnitude
    }

    @Test func everyF8() throws {
        let codes = GivenBytes(.f8e4m3, Array(0...255), shape: [16, 16])
        let rows = try Packing.rows(
            ScaledByteRows(codes, scales: Packing.f32([1], shape: []), MatrixShape(16, 16)))
        for byte in 0...255 where byte & 0x7F != 0x7F {
            #expect(rows[byte / 16][byte % 16].bitPattern == Self.value(UInt8(byte)).bitPattern, "\(byte)")
        }
    }

    @Test func noNumbersStayNone() throws {
        let codes = GivenBytes(.f8e4m3, [0x7F, 0xFF, 0x7E, 0xFE], shape: [2, 2])
        let source = try ScaledByteRows(codes, scales: Packing.f32([1], shape: []), MatrixShape(2, 2))
        var values = [Float](repeating: 0, count: 4)
        try source.rows(0..<2, into: &values)
        #expect(values[0].isNaN && values[1].isNaN)
        #expect(values[2...] == [448, -448])
    }

    /// Scales of a matrix, row, group, and block with smaller ones at both edges.
    @Test(arguments: [
        ([], (5, 7), nil), ([1], (5, 7), nil), ([5, 1], (1, 7), nil), ([5], (1, 7), nil),
        ([2, 3], (3, 3), 3), ([3, 4], (2, 2), 2), ([1, 1], (5, 7), 128),
    ] as [([Int], (Int, Int), Int?)])
    func scales(shape: [Int], block: (Int, Int), named: Int?) throws {
        var random = SplitMix(seed: 7)
        let codes = (0..<35).map { _ in UInt8.random(in: 0...0x7E, using: &random) }
        let scales = (0..<shape.reduce(1, *)).map { _ in Float.random(in: -2...2, using: &random) }
        let source = try ScaledByteRows(
            GivenBytes(.f8e4m3, codes, shape: [5, 7]), scales: Packing.f32(scales, shape: shape), MatrixShape(5, 7),
            sharings: named.map { [.block(rows: $0, columns: $0)] } ?? [])
        let across = (7 + block.1 - 1) / block.1
        let rows = try Packing.rows(source)
        try #require(rows.count == 5)
        for row in 0..<5 {
            for column in 0..<7 {
                let scale = scales[row / block.0 * across + column / block.1]
                #expect(rows[row][column] == Self.value(codes[row * 7 + column]) * scale, "\(row) \(column)")
            }
        }
    }

    @Test func wholeNumbersWithZeroPoints() throws {
        let codes: [Int8] = [-128, 127, 0, 5, -3, 1]
        let zeros: [Int8] = [3, -128]
        let source = try ScaledByteRows(
            GivenBytes(.i8, codes.map(UInt8.init(bitPattern:)), shape: [2, 3]),
            scales: Packing.f32([0.5, -2], shape: [2, 1]),
            zeros: GivenBytes(.i8, zeros.map(UInt8.init(bitPattern:)), shape: [2, 1]), MatrixShape(2, 3))
        #expect(try Packing.rows(source) == [[-65.5, 62, -1.5], [-266, -250, -258]])
    }

    @Test func exponentsOfTwoAsScales() throws {
        for type in [ElementType.u8, .f8e8m0] {
            let source = try ScaledByteRows(
                GivenBytes(.f8e4m3, [0x38, 0x40], shape: [2, 1]),
                scales: GivenBytes(type, [0, 130], shape: [2, 1]), MatrixShape(2, 1))
            #expect(try Packing.rows(source) == [[0x1p-127], [16]])
        }
    }

    @Test(arguments: [[4], [2, 2, 2], [3, 1], [0], [2, 4], [0, 3]])
    func otherShapesOfScalesAreRefused(shape: [Int]) throws {
        let codes = GivenBytes(.f8e4m3, [UInt8](repeating: 0, count: 35), shape: [5, 7])
        let scales = Packing.f32([Float](repeating: 1, count: shape.reduce(1, *)), shape: shape)
        let error = #expect(throws: EngineError.self) {
            try ScaledByteRows(codes, scales: scales, MatrixShape(5, 7))
        }
        #expect(error?.message.contains("x.scales has shape") == true, "\(error?.message ?? "")")
    }
}
