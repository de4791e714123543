import MoedCore
import MoedWeights
import Testing

/// Rows of the encodings bf16, f16 and f32 from bytes.
@Suite struct RowSourceTests {
    /// Little-endian bytes of 16-bit elements.
    private static func bytes(_ elements: [UInt16]) -> [UInt8] {
        elements.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    }

    private static func bytes(_ elements: [UInt32]) -> [UInt8] {
        elements.flatMap { element in (0..<4).map { UInt8(truncatingIfNeeded: element >> UInt32(8 * $0)) } }
    }

    private static func source(
        _ type: ElementType, _ bytes: [UInt8], _ shape: MatrixShape
    ) throws -> any RowSource {
        try PlainNaming.rows(GivenBytes(type, bytes), shape)
    }

    private static func rows(_ source: any RowSource, _ range: Range<Int>) throws -> [UInt32] {
        var values = [Float](repeating: -7, count: range.count * source.shape.inputs)
        try source.rows(range, into: &values)
        return values.map(\.bitPattern)
    }

    /// Zeros of both signs, the smallest and largest numbers of both kinds, infinities, and numbers that are none.
    @Test func specialValuesOfBF16() throws {
        let elements: [UInt16] = [
            0x0000, 0x8000, 0x3F80, 0xBF80, 0x0001, 0x8001, 0x007F, 0x0080, 0x7F7F, 0xFF7F, 0x7F80, 0xFF80, 0x7FC0,
            0x7F81,
        ]
        let source = try Self.source(.bf16, Self.bytes(elements), MatrixShape(2, 7))
        #expect(try Self.rows(source, 0..<2) == elements.map { UInt32($0) << 16 })
        #expect(source.exactFormat == .bf16 && source.rowByteCount == 14 && source.exactRowByteCount == 14)
    }

    @Test func everyF16() throws {
        let elements = (0...UInt16.max).map { $0 }
        let source = try Self.source(.f16, Self.bytes(elements), MatrixShape(256, 256))
        let rows = try Self.rows(source, 0..<256)
        for (element, bits) in zip(elements, rows) {
            let value = Float16(bitPattern: element)
            if value.isNaN {
                #expect(Float(bitPattern: bits).isNaN, "\(element)")
            } else {
                #expect(bits == Float(value).bitPattern, "\(element)")
            }
        }
        #expect(source.exactFormat == .f32 && source.rowByteCount == 512 && source.exactRowByteCount == 1024)
    }

    @Test func specialValuesOfF32() throws {
        let elements: [UInt32] = [
            0, 0x8000_0000, 0x3F80_0000, 1, 0x807F_FFFF, 0x0080_0000, 0x7F7F_FFFF, 0x7F80_0000, 0xFF80_0000,
            0x7FC0_0001, 0x7F80_0001, 0x1234_5678,
        ]
        let source = try Self.source(.f32, Self.bytes(elements), MatrixShape(4, 3))
        #expect(try Self.rows(source, 0..<4) == elements)
        #expect(source.exactFormat == .f32 && source.rowByteCount == 12)
    }

    /// Each encoding, with one to thirteen columns: any range is the same part of the whole.
    @Test(arguments: [ElementType.bf16, .f16, .f32], [1, 2, 3, 5, 13])
    func rangesAreRowsOfTheWhole(_ type: ElementType, _ inputs: Int) throws {
        let outputs = 19
        let shape = MatrixShape(outputs, inputs)
        // Finite in all three encodings.
        let bytes = (0..<outputs * inputs).flatMap { index -> [UInt8] in
            let element = UInt16(truncatingIfNeeded: index &* 40_503) & 0x3BFF
            return type == .f32 ? Self.bytes([UInt32(element) << 13]) : Self.bytes([element])
        }
        let source = try Self.source(type, bytes, shape)
        let whole = try Self.rows(source, 0..<outputs)
        #expect(Set(whole).count > 4)
        for range in [0..<1, 0..<7, 3..<4, 5..<19, 18..<19, 4..<4] {
            let expected = Array(whole[range.lowerBound * inputs..<range.upperBound * inputs])
            #expect(try Self.rows(source, range) == expected, "\(range)")
            var exact = [UInt8](repeating: 0xEE, count: range.count * source.exactRowByteCount + 3)
            try source.exactRows(range, into: &exact)
            #expect(exact.suffix(3) == [0xEE, 0xEE, 0xEE], "no byte behind the rows is touched")
            let elements =
                source.exactFormat == .bf16
                ? Self.bytes(expected.map { UInt16($0 >> 16) }) : Self.bytes(expected)
            #expect(Array(exact.dropLast(3)) == elements, "\(range)")
        }
    }

    @Test(arguments: [ElementType.bf16, .f16, .f32]) func otherLengthsAreRefused(_ type: ElementType) throws {
        let right = 5 * 3 * type.byteCount
        _ = try Self.source(type, Array(repeating: 0, count: right), MatrixShape(5, 3))
        for count in [0, 1, right - 1, right + 1, right - type.byteCount, 2 * right] {
            let error = #expect(throws: EngineError.self) {
                try Self.source(type, Array(repeating: 0, count: count), MatrixShape(5, 3))
            }
            #expect(error?.code == .badCheckpoint && error?.message.contains("x.weight has \(count) bytes") == true)
        }
    }

    @Test func otherElementsAreRefused() {
        for type in ElementType.allCases where !type.isWeight {
            let error = #expect(throws: EngineError.self) {
                try Self.source(type, Array(repeating: 0, count: 6 * type.byteCount), MatrixShape(2, 3))
            }
            #expect(error?.message.contains(type.rawValue) == true)
        }
    }
}
