import MoedReading
import MoedCore
import MoedEngine
import MoedHost
import MoedLocal
import MoedPacks
import MoedWeights

/// The outlook of a model on this machine, for `moed inspect`: the size of a pack, the memory to run it in, the
/// forecast of tokens per second.
enum Outlook {
    private static let sequences = [1, 32]
    private static let context = 1024
    private static let rowsPerSweep = 512

    /// Rows of label and value. Measures the machine for about a second.
    ///
    /// - Throws: `EngineError` when the disk of a pack cannot be read.
    static func rows(_ opened: OpenedModel) throws -> [(String, String)] {
        let (experts, dense) = FormatChoice.auto.formats(of: opened.source)
        var model = opened.unloaded
        var rows: [(String, String)] = []
        if case .checkpoint = opened.source {
            let bytes = HumanText.bytes(model.denseByteCount + model.expertByteCount)
            let formats = experts == dense ? "\(experts)" : "experts \(experts), dense \(dense)"
            rows.append(("as a pack", "\(bytes) (\(formats))"))
        }
        let all = try plan(model, budget: .max)
        let here = HumanText.bytes(HostMemory.available)
        rows.append(("memory", "\(HumanText.bytes(all.total)) for all of it; here are \(here)"))
        if all.total > HostMemory.available {
            // Experts are streamed from a pack only.
            if !model.canStream, model.expertByteCount > 0 {
                model = try UnloadedModel(shape: model.configuration, experts: experts, dense: dense)
            }
            let least = try plan(model, budget: .max).needs.minimum
            guard model.canStream, least <= HostMemory.available else {
                rows.append(("forecast", "too large for this machine: the least is \(HumanText.bytes(least))"))
                return rows
            }
            rows.append(("streamed", "from \(HumanText.bytes(least)) on, experts read from a pack"))
        }
        let chosen = try plan(model, budget: HostMemory.available)
        let rates = try MachineRates.here(
            threads: Host.physicalCores, disk: chosen.isStreamed ? try model.probeDisk()?.bytesPerSecond ?? 1e9 : nil)
        let speeds = sequences.map { count in
            let sweep = ThroughputPlan(
                model, chosen, rows: count, visible: count * context, sampled: count, rates)
            return "\(HumanText.figure(sweep.tokensPerSecond)) with \(count) sequence\(count == 1 ? "" : "s")"
        }
        rows.append(("forecast", "\(speeds.joined(separator: ", ")) tokens/s; see moed plan"))
        return rows
    }

    /// - Parameter budget: more than the least need.
    private static func plan(_ model: UnloadedModel, budget: Int) throws -> MemoryPlan {
        let most = sequences.max() ?? 1
        let settings = EngineSettings(
            threads: 1, kvTokens: 1, kvFormat: model.kvFormatDefault, sequencesMax: most, rowsPerSweepMax: rowsPerSweep)
        return try MemoryBudgetPlan(
            model, settings, kvTokens: most * 2 * context, isFixed: false, budget: budget, process: HostMemory.committed
        ).plan
    }
}
