import MoedCaching
package import MoedEngine
import MoedWeights

/// Rates of a machine, measured or configured.
package struct MachineRates: Sendable, Equatable {
    /// Rates of products with quantised weights of one format.
    package struct Products: Sendable, Equatable {
        /// Operations per second that the kernels reach with large batches and large quant groups.
        package var rate: Double
        /// Cost of loading and unpacking a weight, as the number of rows whose products take the same time.
        package var rowsPerWeight: Double

        package init(rate: Double, rowsPerWeight: Double) {
            self.rate = rate
            self.rowsPerWeight = rowsPerWeight
        }
    }

    package var int8: Products
    package var int4: Products
    /// Operations per second with f32 weights and in attention.
    package var float: Double
    /// Cost of scaling a quant group's sum, as the number of inputs whose products take the same time.
    package var inputsPerScaling: Double
    /// Fraction of the shorter of compute and memory time that is not hidden behind the longer one.
    package var exposed: Double
    /// Bytes per second of memory, and of the disk with the experts.
    package var memory: Double
    package var disk: Double

    package init(
        int8: Products, int4: Products, float: Double, inputsPerScaling: Double, exposed: Double,
        memory: Double, disk: Double
    ) {
        self.int8 = int8
        self.int4 = int4
        self.float = float
        self.inputsPerScaling = inputsPerScaling
        self.exposed = exposed
        self.memory = memory
        self.disk = disk
    }
}

extension MachineRates {
    /// Fractions of the peaks of integer products and of f32, and the other constants of `MachineRates`. Measured with
    /// `moed bench`, prompts of 512 and 2048 tokens and 1, 16 and 64 sequences. AVX-512: Zen 5, int8 in quant groups of
    /// 32, int4 of 64. AVX2: Milan, all sizes of quant groups.
    private struct Efficiency {
        let (int8, int4): (Products, Products)
        let (float, inputsPerScaling, exposed): (Double, Double, Double)

        init(_ kernels: String) {
            if kernels == "avx512" {
                int8 = Products(rate: 0.85, rowsPerWeight: 2.5)
                int4 = Products(rate: 0.8, rowsPerWeight: 4)
                (float, inputsPerScaling, exposed) = (0.6, 15, 0.6)
            } else {
                int8 = Products(rate: 0.55, rowsPerWeight: 0.7)
                int4 = Products(rate: 0.74, rowsPerWeight: 0.7)
                (float, inputsPerScaling, exposed) = (0.5, 12, 0.5)
            }
        }
    }

    /// Measures the rates of this machine, in about a second.
    ///
    /// - Parameters:
    ///   - disk: bytes per second of the disk; nil for a model that reads no experts.
    ///   - probeBytes: bytes of memory to read. A large cache holds part of a smaller probe, and memory then seems
    ///     faster than it is.
    package static func here(threads: Int, disk: Double?, probeBytes: Int = 64 << 20) throws -> MachineRates {
        let peaks = MachinePeaks.measure(try MachineProbe(threads: threads, byteCount: probeBytes))
        let part = Efficiency(try KernelSet().name)
        let integers = peaks.int8 > 0 ? peaks.int8 : peaks.f32
        func products(_ part: Products) -> Products {
            Products(rate: integers * part.rate, rowsPerWeight: part.rowsPerWeight)
        }
        return MachineRates(
            int8: products(part.int8), int4: products(part.int4), float: peaks.f32 * part.float,
            inputsPerScaling: part.inputsPerScaling, exposed: part.exposed, memory: peaks.read,
            disk: disk ?? .infinity)
    }

    /// Seconds for the operations, for unpacking each weight and for scaling each quant group.
    fileprivate func seconds(_ products: SweepCost.Products, _ kernel: Products) -> Double {
        let besides = kernel.rowsPerWeight * products.weights + inputsPerScaling * products.scalings
        return (products.operations + 2 * besides) / kernel.rate
    }
}

/// Predicted duration and bottleneck of a sweep, from a memory plan and a machine's rates.
///
/// Compute and memory overlap: the slower one sets the time, plus a fraction of the shorter one. Experts are read at
/// the same time. A sweep that uses nearly all experts reads ahead, so only a fraction of the shorter time is added. In
/// a smaller sweep each layer's routing must be known before its experts are read, so both times add up. Each layer
/// then also waits for half an expert's read: nothing is left to compute when its last experts arrive. Tokens are
/// assumed to choose experts independently, so a cache of a fraction of all experts serves that fraction.
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
    private var exposed: Double
    /// True when the sweep uses nearly all experts: the condition of `ExpertCacheState` for reading ahead.
    package var readsAhead: Bool

    /// Fraction of the shorter of work and disk time that is not hidden behind the longer one. Measured at half and 70
    /// % of the experts, with 64 and 512 tokens per sweep.
    private static let exposedDisk = 0.25

    /// - Parameters:
    ///   - tokens: number of rows of the sweep.
    ///   - cost: minimum work of these rows.
    ///   - plan: memory plan of the engine.
    ///   - expertsUsed: number of experts used, over all layers.
    ///   - layers: number of layers with experts.
    ///   - staging: number of expert places that keep no expert after its use.
    package init(
        tokens: Int, cost: SweepCost, plan: MemoryPlan, expertsUsed: Double, layers: Int, staging: Int,
        rates: MachineRates
    ) {
        self.tokens = tokens
        let total = Double(max(plan.needs.experts.count, 1))
        hitRate =
            plan.places.map { $0 >= plan.needs.experts.count ? 1 : max(0, Double($0 - staging)) / total } ?? 1
        missedBytes = expertsUsed * (1 - hitRate) * Double(plan.needs.experts.place)
        compute =
            rates.seconds(cost.int8, rates.int8) + rates.seconds(cost.int4, rates.int4)
            + (cost.bf16Operations + cost.f32Operations) / rates.float
        memory = cost.bytes / rates.memory
        exposed = rates.exposed
        readsAhead = expertsUsed >= ExpertCacheState.nearlyAll * total
        let lone = readsAhead ? 0 : 0.5 * Double(layers * plan.needs.experts.place)
        disk = missedBytes > 0 ? (missedBytes + min(lone, missedBytes)) / rates.disk : 0
    }

    /// Predicts a sweep of a model that is not loaded. Its `rows` rows attend to `visible` tokens in total; `sampled`
    /// rows are sampled.
    package init(
        _ model: UnloadedModel, _ plan: MemoryPlan, rows: Int, visible: Int, sampled: Int,
        _ rates: MachineRates
    ) {
        let cost = model.sweepCost(
            rows: rows, visible: visible, sampled: sampled,
            keyValueBytes: Double(plan.needs.kv.block) / Double(Engine.kvBlockTokens))
        let layers = model.configuration.experts.map { plan.needs.experts.count / $0.count } ?? 0
        let used = model.configuration.experts.map {
            Qwen3Model.expertsUsed($0, rows: rows) * Double(layers)
        }
        self.init(
            tokens: rows, cost: cost, plan: plan, expertsUsed: used ?? 0, layers: layers,
            staging: 2 * ExpertCacheState.readsMax, rates: rates)
    }

    package var seconds: Double {
        let work = Self.beside(compute, memory, exposed: exposed)
        return readsAhead ? Self.beside(work, disk, exposed: Self.exposedDisk) : work + disk
    }
    package var tokensPerSecond: Double { Double(tokens) / seconds }
    package var bound: Bound { disk >= max(compute, memory) ? .disk : compute >= memory ? .compute : .memory }

    /// Number of tokens at which compute takes as long as the disk; nil when the disk is not the bottleneck.
    package var breakEvenTokens: Int? {
        guard bound == .disk, compute > 0 else { return nil }
        return Int((Double(tokens) * disk / compute).rounded(.up))
    }

    /// Time of two overlapping activities: the longer one plus the exposed fraction of the shorter one.
    private static func beside(_ a: Double, _ b: Double, exposed: Double) -> Double {
        max(a, b) + exposed * min(a, b)
    }
}
