import CMoedKernels
import Testing

/// Packing weights and reading them back.
@Suite struct LayoutTests {
    @Test func valuesThatAreNotFiniteAreFound() {
        var floats = [Float](repeating: 1, count: 6)
        var target = [Float](repeating: 0, count: 48)
        #expect(unsafe moed_pack_f32(&target, floats, 2, 3) == -1)
        floats[4] = -.infinity
        floats[5] = .nan
        #expect(unsafe moed_pack_f32(&target, floats, 2, 3) == 4)
        var halves = [UInt16](repeating: 0, count: 48)
        #expect(unsafe moed_pack_bf16(&halves, [0x3F80, 0x7F7F, 0x7FC0], 1, 3) == 2)
        #expect(unsafe moed_pack_bf16(&halves, [0x3F80, 0xFF80, 0x0000], 3, 1) == 1)
    }

    @Test func rowsComeBack() {
        let rows = (0..<3).map { row in (0..<5).map { UInt16(0x3F80 + row * 16 + $0) } }
        var panel = [UInt16](repeating: 0, count: 80)
        _ = unsafe moed_pack_bf16(&panel, rows.flatMap { $0 }, 3, 5)
        for (index, row) in rows.enumerated() {
            var out = [Float](repeating: 0, count: 5)
            unsafe moed_widen_bf16(&out, Array(panel[index...]), 16, 5)
            #expect(out == row.map { Float(bitPattern: UInt32($0) << 16) })
        }
    }
}
