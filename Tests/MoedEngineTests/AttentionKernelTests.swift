import MoedCore
import CMoedKernels
import Foundation
import MoedEngine
import TestSupport
import Testing

/// Attention and the formats of keys and values: every variant against the scalar one bit by bit, and that one
/// against plain double arithmetic on the values that the format holds.
@Suite struct AttentionKernelTests {
    static let shapes = [(1, 1, 16), (5, 1, 32), (70, 2, 64), (33, 8, 128), (40, 3, 10), (100, 16, 256)]

    /// Rows of `width` as the format gives them back, by Swift's own arithmetic; int8 has a scale for each `group`.
    static func held(_ values: [Float], width: Int, group: Int = .max, _ format: KVFormat) -> [Float] {
        switch format {
        case .f32: values
        case .f16: values.map { Float(Float16($0)) }
        case .int8:
            stride(from: 0, to: values.count, by: width).flatMap { start in
                stride(from: start, to: start + width, by: min(group, width)).flatMap { first in
                    let part = values[first..<min(start + width, first + min(group, width))]
                    let largest = part.map(abs).max() ?? 0
                    return part.map { ($0 * (127 / largest)).rounded(.toNearestOrEven) * (largest / 127) }
                }
            }
        }
    }

    @Test(arguments: shapes, KVFormat.allCases)
    func attention(_ size: (tokens: Int, group: Int, headDim: Int), _ format: KVFormat) throws {
        let (tokens, group, headDim) = size
        var numbers = SplitMix(seed: 10)
        let q = numbers.floats(tokens * group * headDim, scale: 3)
        let keys = numbers.floats(tokens * headDim)
        let values = numbers.floats(tokens * headDim)
        let results = KernelCalls.all.map {
            $0.attend(
                q, keys: keys, values: values, group: group, headDim: headDim, firstPosition: 0,
                rubbish: 0xFF,
                format: format)
        }
        let result = try #require(results.first)
        for other in results { #expect(other.map(\.bitPattern) == result.map(\.bitPattern)) }

        let queries = format == .int8 ? Self.held(q, width: headDim, group: 32, .int8) : q
        let heldKeys = Self.held(keys, width: headDim, group: 32, format)
        let heldValues = Self.held(values, width: headDim, format)
        for vector in stride(from: 0, to: tokens * group, by: 3) {
            let row = vector / group
            let query = queries[vector * headDim..<(vector + 1) * headDim].map(Double.init)
            let scores = (0...row).map { token in
                (0..<headDim).reduce(0.0) { $0 + query[$1] * Double(heldKeys[token * headDim + $1]) }
                    / Double(headDim).squareRoot()
            }
            let weights = scores.map { exp($0 - (scores.max() ?? 0)) }
            let total = weights.reduce(0, +)
            for d in 0..<headDim {
                let sum = (0...row).reduce(0.0) { $0 + weights[$1] * Double(heldValues[$1 * headDim + d]) }
                // Weights of int8 are rounded to 2^-14: many errors of either sign.
                let most = format == .int8 ? 3e-4 : 3e-6
                #expect(abs(Double(result[vector * headDim + d]) - sum / total) < most)
            }
        }
        // One row at a time, as in decoding, gives the same bits as all at once.
        for kernels in KernelCalls.all {
            for row in stride(from: 0, to: tokens, by: 7) {
                let width = group * headDim
                let alone = kernels.attend(
                    Array(q[row * width..<(row + 1) * width]), keys: Array(keys.prefix((row + 1) * headDim)),
                    values: Array(values.prefix((row + 1) * headDim)), group: group, headDim: headDim,
                    firstPosition: row, rubbish: 0x7B, format: format)
                #expect(alone.map(\.bitPattern) == result[row * width..<(row + 1) * width].map(\.bitPattern))
            }
        }
    }

    /// A value through the cache and back: one token's attention is its value.
    static func roundTrip(_ values: [Float], _ format: KVFormat, _ kernels: KernelCalls) -> [Float] {
        let ones = [Float](repeating: 1, count: values.count)
        return kernels.attend(
            ones, keys: ones, values: values, group: 1, headDim: values.count, firstPosition: 0, rubbish: 0,
            format: format)
    }

    @Test func everyHalfComesBack() {
        for kernels in KernelCalls.all {
            for first in stride(from: 0, to: 0x1_0000, by: 256) {
                let halves = (first..<first + 256).map { Float16(bitPattern: UInt16($0)) }
                guard halves.allSatisfy(\.isFinite) else { continue }
                let back = Self.roundTrip(halves.map(Float.init), .f16, kernels)
                // A sum that begins with 0 turns −0 into 0.
                #expect(back == halves.map(Float.init), "\(kernels) \(first)")
            }
        }
    }

    /// Between two halves the nearer one, in the middle the even one; beyond all of them the largest.
    @Test func halvesAreRoundedToNearest() {
        var numbers = SplitMix(seed: 3)
        var values: [Float] = [65504, 65519, 65520, 1e30, -1e30, 0x1p-24, 0x1p-25, 0x1.8p-25]
        for bits in stride(from: UInt16(0), to: 0x7BFF, by: 97) {
            let low = Float(Float16(bitPattern: bits))
            let high = Float(Float16(bitPattern: bits + 1))
            let middle = (low + high) / 2
            values += [
                middle, middle.nextUp, middle.nextDown, -middle,
                low + (high - low) * numbers.floats(1)[0].magnitude,
            ]
        }
        let expected = values.map { value in
            Float(Float16(max(-65504, min(65504, value))))
        }
        for kernels in KernelCalls.all {
            for start in stride(from: 0, to: values.count, by: 250) {
                let part = start..<min(start + 250, values.count)
                #expect(
                    Self.roundTrip(Array(values[part]), .f16, kernels) == Array(expected[part]), "\(kernels)")
            }
        }
    }

    /// B16: finite numbers beyond the halves are counted, in keys and in values; what is infinite shows itself later.
    @Test func clampedHalvesAreCounted() {
        var key = [Float](repeating: 1, count: 40)
        (key[0], key[17], key[39], key[3]) = (65520, -1e30, .greatestFiniteMagnitude, .infinity)
        var value = [Float](repeating: -65504, count: 40)
        (value[33], value[1]) = (-70000, .nan)
        for kernels in KernelCalls.all {
            #expect(kernels.clamped(key: key, value: value, .f16) == 4, "\(kernels)")
            #expect(kernels.clamped(key: value, value: value, .f16) == 2, "\(kernels)")
            #expect(kernels.clamped(key: key, value: value, .f32) == 0)
            #expect(kernels.clamped(key: key, value: value, .int8) == 0)
        }
    }

    @Test func codesHaveAScaleOfTheirOwn() {
        var numbers = SplitMix(seed: 4)
        for kernels in KernelCalls.all {
            for scale: Float in [1e-20, 1, 1e20] {
                let values = numbers.floats(40, scale: scale)
                #expect(Self.roundTrip(values, .int8, kernels) == Self.held(values, width: 40, .int8))
            }
            let nothing = [Float](repeating: 0, count: 20)
            #expect(Self.roundTrip(nothing, .int8, kernels) == nothing)
            let tiny = [Float](repeating: 0x1p-140, count: 20)
            #expect(Self.roundTrip(tiny, .int8, kernels) == nothing)
        }
    }

    /// NaN and infinity must not become finite numbers in the cache.
    @Test func whatIsNoNumberStaysNone() {
        for kernels in KernelCalls.all {
            for format in KVFormat.allCases {
                let back = Self.roundTrip([1, .nan, -1, 2], format, kernels)
                #expect(back[1].isNaN)
            }
            let half = Self.roundTrip([1, .infinity, -.infinity, 2], .f16, kernels)
            #expect(half[0] == 1 && half[1].isNaN && half[2].isNaN && half[3] == 2)
            let none = Self.roundTrip([1, .infinity, -1, 2], .int8, kernels)
            #expect(none.filter(\.isNaN).count == 4)
        }
    }

    @Test func sizes() {
        #expect(moed_kv_head_bytes(KVFormat.f32.code, 128) == 32 * 256 * 4)
        #expect(moed_kv_head_bytes(KVFormat.f16.code, 128) == 32 * 256 * 2)
        #expect(moed_kv_head_bytes(KVFormat.int8.code, 128) == 32 * (256 + 5 * 4))
        #expect(moed_kv_head_bytes(KVFormat.int8.code, 10) == 32 * (12 + 16 + 2 * 4))
    }
}
