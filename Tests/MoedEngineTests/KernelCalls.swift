import CMoedKernels
import MoedEngine

/// The kernels on Swift arrays, for tests.
@safe struct KernelCalls: CustomStringConvertible {
    let table: UnsafePointer<moed_kernels>

    init?(_ name: String) {
        guard let table = unsafe moed_kernels_select(name) else { return nil }
        unsafe self.table = table
    }

    var description: String { unsafe String(cString: table.pointee.name) }

    /// Kernel variants that this processor supports, scalar first.
    static var all: [KernelCalls] { ["scalar", "avx2", "avx512"].compactMap(KernelCalls.init) }

    /// Weights `[outputs, inputs]` as panels.
    static func packed(_ weights: [Float], outputs: Int, inputs: Int, bf16: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        for first in stride(from: 0, to: outputs, by: 16) {
            let rows = min(16, outputs - first)
            let part = weights[first * inputs..<(first + rows) * inputs]
            if bf16 {
                var target = [UInt16](repeating: 9, count: 16 * inputs)
                _ = unsafe moed_pack_bf16(&target, part.map { UInt16($0.bitPattern >> 16) }, rows, inputs)
                for value in target { bytes += [UInt8(value & 0xFF), UInt8(value >> 8)] }
            } else {
                var target = [Float](repeating: 9, count: 16 * inputs)
                _ = unsafe moed_pack_f32(&target, Array(part), rows, inputs)
                for value in target {
                    for shift in [0, 8, 16, 24] as [UInt32] {
                        bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
                    }
                }
            }
        }
        return bytes
    }

    /// x `[rows, inputs]`, packed weights `[outputs, inputs]` → `[rows, outputs]`; places not written stay
    /// NaN.
    func multiply(
        _ x: [Float], _ packed: [UInt8], rows: Int, inputs: Int, outputs: Int, bf16: Bool,
        panels: Range<Int>? = nil
    ) -> [Float] {
        let identity = (0..<Int32(rows)).map { $0 }
        return multiply(
            x, packed, from: identity, to: identity, inputs: inputs, outputs: outputs, bf16: bf16,
            panels: panels)
    }

    /// Multiplies like `multiply`, reading row `from[r]` and writing row `to[r]`.
    func multiply(
        _ x: [Float], _ packed: [UInt8], from: [Int32], to: [Int32], inputs: Int, outputs: Int, bf16: Bool,
        panels: Range<Int>? = nil
    ) -> [Float] {
        let panels = panels ?? 0..<(outputs + 15) / 16
        var out = [Float](repeating: .nan, count: (Int(to.max() ?? 0) + 1) * outputs)
        unsafe out.withUnsafeMutableBufferPointer { out in
            unsafe x.withUnsafeBufferPointer { x in
                unsafe packed.withUnsafeBytes { packed in
                    unsafe from.withUnsafeBufferPointer { from in
                        unsafe to.withUnsafeBufferPointer { to in
                            guard let out = out.baseAddress, let x = x.baseAddress, let w = packed.baseAddress
                            else { return }
                            var job = unsafe moed_matmul(
                                out: out, out_stride: outputs, out_rows: to.baseAddress, x: x,
                                x_stride: inputs,
                                x_rows: from.baseAddress, rows: from.count, weights: w, inputs: inputs,
                                outputs: outputs, panel_begin: panels.lowerBound, panel_end: panels.upperBound
                            )
                            if bf16 {
                                unsafe table.pointee.matmul_bf16(&job)
                            } else {
                                unsafe table.pointee.matmul_f32(&job)
                            }
                        }
                    }
                }
            }
        }
        return out
    }

    /// out `[rows, outputs]` += packed weights `[outputs, inputs]` · x `[rows, inputs]`, by row numbers in `to`.
    func lowRankAdd(_ x: [Float], _ packed: [UInt8], to: [Int32], inputs: Int, outputs: Int, out: [Float]) -> [Float] {
        var out = out
        unsafe out.withUnsafeMutableBufferPointer { out in
            unsafe x.withUnsafeBufferPointer { x in
                unsafe packed.withUnsafeBytes { packed in
                    unsafe to.withUnsafeBufferPointer { to in
                        guard let out = out.baseAddress, let x = x.baseAddress, let w = packed.baseAddress else { return }
                        var job = unsafe moed_matmul(
                            out: out, out_stride: outputs, out_rows: to.baseAddress, x: x, x_stride: inputs, x_rows: nil,
                            rows: to.count, weights: w, inputs: inputs, outputs: outputs, panel_begin: 0,
                            panel_end: (outputs + 15) / 16)
                        unsafe table.pointee.low_rank_add(&job)
                    }
                }
            }
        }
        return out
    }

    func rmsNorm(_ x: [Float], _ weight: [Float], rows: Int, epsilon: Float) -> [Float] {
        var out = [Float](repeating: .nan, count: x.count)
        unsafe table.pointee.rms_norm(
            &out, weight.count, x, weight.count, weight, rows, weight.count, epsilon)
        return out
    }

    func rope(_ x: [Float], _ cosine: [Float], _ sine: [Float]) -> [Float] {
        var out = x
        let headDim = cosine.count * 2
        unsafe table.pointee.rope(&out, cosine, sine, x.count / headDim, headDim)
        return out
    }

    func siluMul(_ gate: [Float], _ up: [Float], columns: Range<Int>) -> [Float] {
        var out = gate
        unsafe table.pointee.silu_mul(&out, up, gate.count, 1, columns.lowerBound, columns.upperBound)
        return out
    }

    func route(_ logits: [Float], k: Int, renormalise: Bool) -> (ids: [Int32], weights: [Float]) {
        var ids = [Int32](repeating: -1, count: k)
        var weights = [Float](repeating: .nan, count: k)
        var scratch = logits
        unsafe table.pointee.route(&ids, &weights, &scratch, logits.count, k, renormalise ? 1 : 0)
        return (ids, weights)
    }

    func combine(_ y: [Float], _ weights: [Float]) -> [Float] {
        let columns = y.count / weights.count
        var out = [Float](repeating: .nan, count: columns)
        unsafe table.pointee.combine(&out, y, columns, weights, weights.count, columns)
        return out
    }

    func add(_ x: [Float], _ delta: [Float]) -> [Float] {
        var out = x
        unsafe table.pointee.add(&out, delta, x.count)
        return out
    }

    /// Stores one key and one value; the number of elements that the format clamped.
    func clamped(key: [Float], value: [Float], _ format: KVFormat) -> Int {
        var block = [UInt8](repeating: 0, count: moed_kv_head_bytes(format.code, key.count))
        return unsafe block.withUnsafeMutableBufferPointer { block in
            guard let start = block.baseAddress else { return 0 }
            return unsafe table.pointee.kv_store(start, format.code, 5, key, value, key.count)
        }
    }

    /// Attention of rows at `firstPosition…` with one key/value head; q `[rows, group, headDim]`, keys and
    /// values `[tokens, headDim]`. The cache behind the tokens is filled with the byte `rubbish`.
    func attend(
        _ q: [Float], keys: [Float], values: [Float], group: Int, headDim: Int, firstPosition: Int,
        rubbish: UInt8, format: KVFormat = .f32
    ) -> [Float] {
        let tokens = keys.count / headDim
        let rows = q.count / (group * headDim)
        let blockCount = (tokens + 31) / 32
        let stride = moed_kv_head_bytes(format.code, headDim)
        var cache = [UInt8](repeating: rubbish, count: (blockCount + 1) * stride)
        // Not in order, and not from 0, as in a cache that other sequences use too.
        let blocks = (0..<UInt32(blockCount)).map { UInt32(blockCount) - $0 }
        for token in 0..<tokens {
            let key = Array(keys[token * headDim..<(token + 1) * headDim])
            let value = Array(values[token * headDim..<(token + 1) * headDim])
            unsafe cache.withUnsafeMutableBufferPointer { cache in
                guard let start = cache.baseAddress else { return }
                _ = unsafe table.pointee.kv_store(
                    start + Int(blocks[token / 32]) * stride, format.code, token % 32, key, value, headDim)
            }
        }
        var out = [Float](repeating: .nan, count: q.count)
        unsafe out.withUnsafeMutableBufferPointer { out in
            unsafe q.withUnsafeBufferPointer { q in
                unsafe cache.withUnsafeBufferPointer { cache in
                    unsafe blocks.withUnsafeBufferPointer { blocks in
                        guard let out = out.baseAddress, let q = q.baseAddress, let cache = cache.baseAddress,
                            let blocks = blocks.baseAddress
                        else { return }
                        var job = unsafe moed_attention(
                            out: out, q: q, stride: group * headDim, rows: rows, head_group: group,
                            head_dim: headDim,
                            kv: cache, block_stride: stride, format: format.code, blocks: blocks,
                            first_position: firstPosition,
                            scale: 1 / Float(headDim).squareRoot())
                        unsafe table.pointee.attention(&job)
                    }
                }
            }
        }
        return out
    }
}
