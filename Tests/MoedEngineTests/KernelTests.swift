import MoedCore
import CMoedKernels
import COpenBLAS
import Foundation
import TestSupport
import Testing

/// Every kernel variant against the scalar one bit by bit, and the scalar one against plain double
/// arithmetic.
@Suite struct KernelTests {
    /// Sizes around the vector width and multiples of none.
    static let sizes = [1, 7, 16, 31, 64, 257]

    /// All variants on the same input: equal bits. Returns the result.
    private func onAll(_ label: String, _ run: (KernelCalls) -> [Float]) throws -> [Float] {
        let results = KernelCalls.all.map { ($0.description, run($0).map(\.bitPattern)) }
        let first = try #require(results.first)
        for (name, bits) in results.dropFirst() { #expect(bits == first.1, "\(label): \(name)") }
        return first.1.map(Float.init(bitPattern:))
    }

    @Test func selection() {
        #expect(KernelCalls("no such kernels") == nil)
        #expect(KernelCalls.all.first?.description == "scalar")
        #expect(unsafe moed_kernels_select(nil) != nil)
    }

    @Test(arguments: sizes, [true, false]) func multiply(inputs: Int, bf16: Bool) throws {
        var numbers = SplitMix(seed: UInt64(inputs))
        for outputs in [1, 16, 40, 137] {
            let weights = numbers.floats(outputs * inputs).map {
                Float(bitPattern: $0.bitPattern & 0xFFFF_0000)
            }
            let packed = KernelCalls.packed(weights, outputs: outputs, inputs: inputs, bf16: bf16)
            let x = numbers.floats(30 * inputs)
            let full = try onAll("\(outputs)") {
                $0.multiply(x, packed, rows: 30, inputs: inputs, outputs: outputs, bf16: bf16)
            }
            for row in 0..<30 {
                for output in 0..<outputs {
                    var exact = 0.0
                    var size = 0.0
                    for k in 0..<inputs {
                        let term = Double(x[row * inputs + k]) * Double(weights[output * inputs + k])
                        exact += term
                        size += abs(term)
                    }
                    #expect(abs(Double(full[row * outputs + output]) - exact) <= 1e-6 * size + 1e-12)
                }
            }
            // Any number of rows, that is any register tile, gives each row the same bits.
            for rows in 1...15 {
                for kernels in KernelCalls.all {
                    let part = kernels.multiply(
                        Array(x.prefix(rows * inputs)), packed, rows: rows, inputs: inputs, outputs: outputs,
                        bf16: bf16)
                    #expect(
                        part.map(\.bitPattern) == full.prefix(rows * outputs).map(\.bitPattern),
                        "\(kernels) \(rows)")
                }
            }
        }
    }

    @Test func multiplyGathersScattersAndKeepsToItsPanels() throws {
        var numbers = SplitMix(seed: 5)
        let (inputs, outputs) = (19, 50)
        let weights = numbers.floats(inputs * outputs)
        let packed = KernelCalls.packed(weights, outputs: outputs, inputs: inputs, bf16: false)
        let x = numbers.floats(9 * inputs)
        for kernels in KernelCalls.all {
            let full = kernels.multiply(x, packed, rows: 9, inputs: inputs, outputs: outputs, bf16: false)
            let from: [Int32] = [8, 0, 3]
            let to: [Int32] = [1, 4, 2]
            let moved = kernels.multiply(
                x, packed, from: from, to: to, inputs: inputs, outputs: outputs, bf16: false, panels: 1..<3)
            for (source, target) in zip(from, to) {
                for column in 0..<outputs {
                    let value = moved[Int(target) * outputs + column]
                    if (16..<48).contains(column) {
                        #expect(value == full[Int(source) * outputs + column])
                    } else {
                        #expect(value.isNaN, "column \(column) belongs to other panels")
                    }
                }
            }
            #expect(moved[0].isNaN && moved[3 * outputs + 20].isNaN)
        }
    }

    /// Compares larger products with OpenBLAS, an independent implementation. The engine uses no BLAS: a BLAS chooses
    /// its order of summation by the shape of the whole product, so a row's bits would depend on its neighbours.
    /// One fma chain from zero, then one addition, whatever the rows beside it; other rows stay as they are.
    @Test(arguments: [(1, 1), (3, 16), (8, 40), (17, 129), (64, 300)]) func lowRankAdd(_ inputs: Int, _ outputs: Int) {
        var random = SplitMix(seed: 77)
        let (weights, x) = (random.floats(inputs * outputs), random.floats(5 * inputs))
        let out = random.floats(9 * outputs)
        let packed = KernelCalls.packed(weights, outputs: outputs, inputs: inputs, bf16: false)
        let rows: [Int32] = [7, 0, 3, 8, 4]
        var expected = out
        for (row, place) in rows.enumerated() {
            for n in 0..<outputs {
                var sum: Float = 0
                for k in 0..<inputs { sum = sum.addingProduct(x[row * inputs + k], weights[n * inputs + k]) }
                expected[Int(place) * outputs + n] += sum
            }
        }
        for kernels in KernelCalls.all {
            let found = kernels.lowRankAdd(x, packed, to: rows, inputs: inputs, outputs: outputs, out: out)
            #expect(found.map(\.bitPattern) == expected.map(\.bitPattern), "\(kernels)")
        }
    }

    @Test(arguments: [(33, 128, 300), (5, 512, 129), (96, 1000, 64)])
    func openBLASAgrees(_ rows: Int, _ inputs: Int, _ outputs: Int) throws {
        var numbers = SplitMix(seed: 77)
        let weights = numbers.floats(outputs * inputs)
        let x = numbers.floats(rows * inputs)
        openblas_set_num_threads(1)
        var expected = [Float](repeating: .nan, count: rows * outputs)
        unsafe cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(outputs), blasint(inputs), 1, x,
            blasint(inputs), weights, blasint(inputs), 0, &expected, blasint(outputs))
        let packed = KernelCalls.packed(weights, outputs: outputs, inputs: inputs, bf16: false)
        for kernels in KernelCalls.all {
            let ours = kernels.multiply(x, packed, rows: rows, inputs: inputs, outputs: outputs, bf16: false)
            #expect(largestDifference(ours, expected) <= 2e-6 * Float(inputs).squareRoot() * 3, "\(kernels)")
        }
    }

    @Test(arguments: sizes) func rmsNorm(_ columns: Int) throws {
        var numbers = SplitMix(seed: 3)
        let x = numbers.floats(3 * columns, scale: 5)
        let weight = numbers.floats(columns)
        let result = try onAll("\(columns)") { $0.rmsNorm(x, weight, rows: 3, epsilon: 1e-6) }
        for row in 0..<3 {
            let values = x[row * columns..<(row + 1) * columns].map(Double.init)
            let scale = 1 / (values.reduce(0) { $0 + $1 * $1 } / Double(columns) + 1e-6).squareRoot()
            for (index, value) in values.enumerated() {
                let exact = value * scale * Double(weight[index])
                #expect(abs(Double(result[row * columns + index]) - exact) <= 1e-6)
            }
        }
    }

    @Test(arguments: [2, 10, 16, 32, 64, 128]) func rope(_ headDim: Int) throws {
        var numbers = SplitMix(seed: 4)
        let angles = numbers.floats(headDim / 2, scale: 3)
        let cosine = angles.map { Foundation.cos($0) }
        let sine = angles.map { Foundation.sin($0) }
        let x = numbers.floats(3 * headDim)
        let result = try onAll("\(headDim)") { $0.rope(x, cosine, sine) }
        for head in 0..<3 {
            for i in 0..<headDim / 2 {
                let a = x[head * headDim + i]
                let b = x[head * headDim + i + headDim / 2]
                #expect(abs(result[head * headDim + i] - (a * cosine[i] - b * sine[i])) < 1e-6)
                #expect(abs(result[head * headDim + i + headDim / 2] - (b * cosine[i] + a * sine[i])) < 1e-6)
            }
        }
    }

    @Test(arguments: sizes) func siluMul(_ columns: Int) throws {
        var numbers = SplitMix(seed: 6)
        var gate = numbers.floats(columns + 3, scale: 20)
        gate[0] = -104
        let up = numbers.floats(columns + 3)
        let result = try onAll("\(columns)") { $0.siluMul(gate, up, columns: 1..<columns + 1) }
        #expect(
            result[0] == gate[0] && result[columns + 1] == gate[columns + 1],
            "columns beside the range are kept")
        for i in 1...columns {
            let exact = Double(gate[i]) / (1 + exp(-Double(gate[i]))) * Double(up[i])
            #expect(abs(Double(result[i]) - exact) <= 4e-7 * abs(exact) + 1e-30)
        }
    }

    /// e^x through silu: x / (1 + e^-x), so e^-x = x / silu(x) - 1; here where that loses nothing.
    @Test func extremeActivations() throws {
        let gate: [Float] = [0, -0.0, 88, -88, 89, -89, 1000, -1000, .infinity, 1e-38]
        let up = [Float](repeating: 1, count: gate.count)
        let result = try onAll("extremes") { $0.siluMul(gate, up, columns: 0..<gate.count) }
        #expect(result[0] == 0 && result[1] == 0)
        #expect(result[2] == 88 && result[4] == 89 && result[6] == 1000 && result[8] == .infinity)
        #expect(result[3] < 0 && result[3] > -1e-35 && abs(result[7]) == 0)
    }

    @Test(arguments: [1, 7, 8, 16, 33, 128]) func route(_ experts: Int) throws {
        var numbers = SplitMix(seed: 8)
        let logits = numbers.floats(experts, scale: 4)
        let k = min(8, experts)
        for renormalise in [true, false] {
            let weights = try onAll("\(experts)") { $0.route(logits, k: k, renormalise: renormalise).weights }
            let exponentials = logits.map { exp(Double($0)) }
            let order = logits.indices.sorted { logits[$0] > logits[$1] }.prefix(k)
            let all = exponentials.reduce(0, +)
            let total = renormalise ? order.reduce(0) { $0 + exponentials[$1] } : all
            for kernels in KernelCalls.all {
                #expect(kernels.route(logits, k: k, renormalise: renormalise).ids == order.map(Int32.init))
            }
            for (rank, expert) in order.enumerated() {
                #expect(abs(Double(weights[rank]) - exponentials[expert] / total) < 3e-7)
            }
        }
    }

    @Test func routeBreaksTiesByLowerIDAndSurvivesNaN() {
        for kernels in KernelCalls.all {
            #expect(kernels.route([1, 3, 3, 2, 3], k: 4, renormalise: true).ids == [1, 2, 4, 3])
            let ids = kernels.route([.nan, .nan, .nan], k: 2, renormalise: true).ids
            #expect(Set(ids).count == 2 && ids.allSatisfy { (0..<3).contains($0) })
            let infinite = kernels.route([0, .infinity, 1], k: 3, renormalise: false).ids
            #expect(Set(infinite) == [0, 1, 2])
        }
    }

    @Test(arguments: sizes) func combineAndAdd(_ columns: Int) throws {
        var numbers = SplitMix(seed: 9)
        let y = numbers.floats(5 * columns)
        let weights = numbers.floats(5)
        let sums = try onAll("combine \(columns)") { $0.combine(y, weights) }
        for column in 0..<columns {
            let exact = (0..<5).reduce(0.0) { $0 + Double(weights[$1]) * Double(y[$1 * columns + column]) }
            #expect(abs(Double(sums[column]) - exact) < 1e-6)
        }
        let delta = numbers.floats(columns)
        let added = try onAll("add \(columns)") { $0.add(sums, delta) }
        #expect(added == zip(sums, delta).map { $0 + $1 })
    }
}
