import MoedCore
import MoedEngine
import MoedHost
package import MoedLocal
import MoedWeights

/// Part of `moed bench --adapter`: sweeps of sequences with adapters and of as many without, in turns.
struct AdapterBench {
    let engine: Engine
    /// Sequences take them in turn.
    let adapters: [String]
    let repeats: Int
    let context: Int
    let show: (String) -> Void

    /// Tokens that each sequence decodes.
    static func decoded(_ batches: [Int], repeats: Int) -> Int {
        batches.reduce(0) { $0 + SweepBench.sweeps(batch: $1) * (repeats + 1) }
    }

    /// Numbers of the sequences, so that they are none of other measurements.
    private func id(_ number: Int, adapted: Bool) -> SequenceID {
        SequenceID(1 << 32 | number << 1 | (adapted ? 1 : 0))
    }

    func compare(_ batches: [Int]) throws -> [AdapterCost] {
        let most = batches.max() ?? 0
        var random = SplitMix(seed: 4)
        let limit = engine.model.configuration.vocabulary
        func tokens(_ count: Int) -> [TokenID] {
            (0..<count).map { _ in TokenID(Int.random(in: 0..<limit, using: &random)) }
        }
        show("contexts of \(2 * most) sequences")
        defer { for number in 0..<most { for adapted in [false, true] { engine.close(id(number, adapted: adapted)) } } }
        for number in 0..<most {
            for adapted in [false, true] {
                let adapter = adapted ? adapters[number % adapters.count] : nil
                let room = Self.decoded(batches, repeats: repeats)
                try open(id(number, adapted: adapted), tokens(context), adapter, room: room)
            }
        }
        return try batches.map { batch in
            let count = SweepBench.sweeps(batch: batch)
            var times: [Bool: [Double]] = [:]
            for turn in 0..<repeats + 1 {
                show("decode \(batch) with and without adapters, turn \(turn) of \(repeats)")
                for adapted in turn % 2 == 0 ? [false, true] : [true, false] {
                    let start = ContinuousClock.now
                    for _ in 0..<count {
                        let next = tokens(batch)
                        let steps = (0..<batch).map {
                            SequenceStep(sequence: id($0, adapted: adapted), tokens: [next[$0]], samples: true)
                        }
                        _ = try engine.sweep(steps)
                    }
                    // The first turn warms up.
                    let seconds = (ContinuousClock.now - start).seconds / Double(count)
                    if turn > 0 { times[adapted, default: []].append(seconds) }
                }
            }
            return AdapterCost(
                sequences: batch, adapters: adapters.count, with: Sample(times[true] ?? [0]),
                without: Sample(times[false] ?? [0]))
        }
    }

    private func open(_ id: SequenceID, _ prompt: [TokenID], _ adapter: String?, room: Int) throws {
        try engine.open(
            id,
            SequenceOpening(
                prompt: prompt, tokensMax: prompt.count + room, sampling: .greedy, choice: 0, adapter: adapter))
        for start in stride(from: 0, to: prompt.count, by: engine.limits.rowsPerSweepMax) {
            let part = Array(prompt[start..<min(start + engine.limits.rowsPerSweepMax, prompt.count)])
            _ = try engine.sweep([SequenceStep(sequence: id, tokens: part, samples: false)])
        }
    }
}

/// Seconds of a sweep with adapters and without.
package struct AdapterCost: Sendable {
    package var sequences: Int
    package var adapters: Int
    package var with: Sample
    package var without: Sample

    /// Median over the turns of the additional time, as a part of the time without adapters.
    package var cost: Double { Sample(zip(with.values, without.values).map { $0 / $1 - 1 }).median }

    static func lines(_ costs: [AdapterCost]) -> [String] {
        guard let first = costs.first else { return [] }
        var table = TextTable(header: ["decode", "ms with adapters", "ms without", "cost", "spread"])
        for item in costs {
            table.add([
                "\(item.sequences)", HumanText.figure(item.with.median * 1000),
                HumanText.figure(item.without.median * 1000),
                "\(HumanText.rounded(item.cost * 100, digits: 1)) %", HumanText.percent(item.with.spread),
            ])
        }
        let name = first.adapters == 1 ? "one adapter" : "\(first.adapters) adapters"
        return ["", "sequences with \(name) in turn, and without, in turns:"] + table.lines
    }

    var json: JSONValue {
        [
            "sequences": .integer(Int64(sequences)), "adapters": .integer(Int64(adapters)),
            "seconds_with": .array(with.values.map { .double($0) }),
            "seconds_without": .array(without.values.map { .double($0) }), "cost": .double(cost),
        ]
    }
}
