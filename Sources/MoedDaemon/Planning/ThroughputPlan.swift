package import MoedEngine
import MoedWeights

/// What a machine can do, as measured or as told.
package struct MachineRates: Sendable, Equatable {
    /// Operations per second that the kernels would reach on many rows and in large groups, by the weights' format;
    /// f32 also in attention.
    package var int8: Double
    package var int4: Double
    package var float: Double
    /// Rows that a weight's loading and unpacking take the time of.
    package var rowsPerWeight: Double
    /// Inputs whose products take the time of scaling a group's sum.
    package var inputsPerScaling: Double
    /// Bytes per second of memory and of the disk that experts are read from.
    package var memory: Double
    package var disk: Double

    package init(
        int8: Double, int4: Double, float: Double, rowsPerWeight: Double, inputsPerScaling: Double,
        memory: Double,
        disk: Double
    ) {
        self.int8 = int8
        self.int4 = int4
        self.float = float
        self.rowsPerWeight = rowsPerWeight
        self.inputsPerScaling = inputsPerScaling
        self.memory = memory
        self.disk = disk
    }
}

extension MachineRates {
    /// Parts of the peaks of integer products and of f32, and what is not part of a product: `rowsPerWeight` and
    /// `inputsPerScaling`. From `moed bench`, prompts of 512 and 2048 tokens and 1, 16 and 64 sequences (AVX-512: Zen
    /// 5, int8 in groups of 32, int4 of 64 and 128; AVX2: Milan, all sizes of groups).
    private struct Efficiency {
        let (int8, int4, float): (Double, Double, Double)
        let (rowsPerWeight, inputsPerScaling): (Double, Double)

        init(_ kernels: String) {
            (int8, int4, float) = kernels == "avx512" ? (0.8, 0.8, 0.6) : (0.55, 0.74, 0.5)
            (rowsPerWeight, inputsPerScaling) = kernels == "avx512" ? (6, 15) : (0.7, 12)
        }
    }

    /// Of this machine, in about a second.
    ///
    /// - Parameter disk: bytes per second; nil for a model that reads nothing.
    static func here(threads: Int, disk: Double?) throws -> MachineRates {
        let peaks = MachinePeaks.measure(try MachineProbe(threads: threads, byteCount: 64 << 20))
        let part = Efficiency(try KernelSet().name)
        let integers = peaks.int8 > 0 ? peaks.int8 : peaks.f32
        return MachineRates(
            int8: integers * part.int8, int4: integers * part.int4, float: peaks.f32 * part.float,
            rowsPerWeight: part.rowsPerWeight,
            inputsPerScaling: part.inputsPerScaling, memory: peaks.read, disk: disk ?? .infinity)
    }

    /// Operations, and as many as what each weight and each group costs besides would be.
    fileprivate func work(_ products: SweepCost.Products) -> Double {
        products.operations + 2 * (rowsPerWeight * products.weights + inputsPerScaling * products.scalings)
    }
}

/// How long a sweep takes by a memory plan and a machine's rates, and what it waits for.
///
/// Computing and memory work side by side: the slower one sets their time, and a part of the shorter time is not
/// hidden. Beside it experts are read. A sweep that uses nearly all of them reads ahead, so that of the shorter time
/// again only a part is not hidden; in a smaller one each layer's routing must be known before its experts are read,
/// and both times add up, with half an expert's reading in each layer, whose last ones come when nothing else is left
/// to do. Tokens are taken to choose experts independently, so a cache of a part of all experts serves that part.
package struct ThroughputPlan: Sendable, Equatable {
    package enum Bound: String, Sendable {
        case compute, memory, disk
    }

    package var tokens: Int
    package var hitRate: Double
    /// Bytes of experts that are read.
    package var missedBytes: Double
    /// Seconds that each resource is busy.
    package var compute: Double
    package var memory: Double
    package var disk: Double
    /// Whether the sweep uses nearly all experts, as `ExpertSlots` asks before it reads ahead.
    package var readsAhead: Bool

    /// Of the shorter time of computing and memory, what is not hidden behind the longer one; measured with 1 to 64
    /// sequences.
    private static let exposedMemory = 0.5
    /// As much beside the disk; measured at half and 70 % of the experts, with 64 and 512 tokens a sweep.
    private static let exposedDisk = 0.25

    /// - Parameters:
    ///   - tokens: rows of the sweep.
    ///   - cost: what they must do at least.
    ///   - plan: of the memory.
    ///   - expertsUsed: of all layers.
    ///   - layers: that have experts.
    ///   - staging: slots that are not kept.
    package init(
        tokens: Int, cost: SweepCost, plan: MemoryPlan, expertsUsed: Double, layers: Int, staging: Int,
        rates: MachineRates
    ) {
        self.tokens = tokens
        let total = Double(max(plan.needs.expertCount, 1))
        hitRate =
            plan.slots.map { $0 >= plan.needs.expertCount ? 1 : max(0, Double($0 - staging)) / total } ?? 1
        missedBytes = expertsUsed * (1 - hitRate) * Double(plan.needs.slot)
        compute =
            rates.work(cost.int8) / rates.int8 + rates.work(cost.int4) / rates.int4
            + (cost.bf16Operations + cost.f32Operations) / rates.float
        memory = cost.bytes / rates.memory
        readsAhead = expertsUsed >= ExpertSlots.nearlyAll * total
        let lone = readsAhead ? 0 : 0.5 * Double(layers * plan.needs.slot)
        disk = missedBytes > 0 ? (missedBytes + min(lone, missedBytes)) / rates.disk : 0
    }

    /// Of a model that is not loaded: so many rows, that attend to so many tokens in all and sample so many.
    init(
        _ model: UnloadedModel, _ plan: MemoryPlan, rows: Int, visible: Int, sampled: Int,
        _ rates: MachineRates
    ) {
        let cost = model.sweepCost(
            rows: rows, visible: visible, sampled: sampled,
            keyValueBytes: Double(plan.needs.kvBlock) / Double(Engine.kvBlockTokens))
        let layers = model.configuration.experts.map { plan.needs.expertCount / $0.count } ?? 0
        let used = model.configuration.experts.map {
            Qwen3Model.expertsUsed($0, rows: rows) * Double(layers)
        }
        self.init(
            tokens: rows, cost: cost, plan: plan, expertsUsed: used ?? 0, layers: layers,
            staging: 2 * ExpertSlots.readsMax, rates: rates)
    }

    package var seconds: Double {
        let work = Self.beside(compute, memory, exposed: Self.exposedMemory)
        return readsAhead ? Self.beside(work, disk, exposed: Self.exposedDisk) : work + disk
    }
    package var tokensPerSecond: Double { Double(tokens) / seconds }
    package var bound: Bound { disk >= max(compute, memory) ? .disk : compute >= memory ? .compute : .memory }

    /// Tokens that a sweep must have for computing them to take as long as the disk; nil when it is not waited for.
    package var breakEvenTokens: Int? {
        guard bound == .disk, compute > 0 else { return nil }
        return Int((Double(tokens) * disk / compute).rounded(.up))
    }

    /// Of two things done side by side.
    private static func beside(_ a: Double, _ b: Double, exposed: Double) -> Double {
        max(a, b) + exposed * min(a, b)
    }
}
