import MoedReading
import MoedCore
package import MoedEngine
import MoedHost
package import MoedLocal
import MoedWeights

/// One line of the report: repeated measurements of a prompt or of a sweep of decoding sequences.
package struct SweepMeasurement: Sendable {
    package enum Kind: String, Sendable {
        case prefill, decode
    }

    package var kind: Kind
    /// Tokens per repetition: those of the prompt, or one for each sequence in the sweep.
    package var tokens: Int
    /// Tokens of context per sequence at the middle of the measurement.
    package var context: Int
    /// Seconds of each repetition.
    package var seconds: Sample
    /// Seconds of each repetition without the output matrix.
    package var layersSeconds: Sample
    package var cost: SweepCost
    /// Memory speed at the time of the measurement, in bytes per second.
    package var readRate: Double
    package var others: Double?
    /// Expert reads during the measurement; nil when all experts are in memory.
    package var streaming: StreamingUse?

    package init(
        kind: Kind, tokens: Int, context: Int, seconds: Sample, layersSeconds: Sample, cost: SweepCost,
        readRate: Double
    ) {
        self.kind = kind
        self.tokens = tokens
        self.context = context
        self.seconds = seconds
        self.layersSeconds = layersSeconds
        self.cost = cost
        self.readRate = readRate
    }

    package var tokensPerSecond: Double { Double(tokens) / seconds.median }

    /// Tokens per second of the full model. The output matrix runs once; the layers' time scales with their number.
    package func tokensPerSecond(layers: Int, of full: Int) -> Double {
        let output = max(0, seconds.median - layersSeconds.median)
        return Double(tokens) / (output + layersSeconds.median * Double(full) / Double(layers))
    }
}

/// Measures sweeps of one engine.
struct SweepBench {
    private let engine: Engine
    private let probe: MachineProbe
    private let adapters: [String]
    private let repeats: Int
    private let keyValueBytes: Double
    private var random = SplitMix(seed: 1)
    private let show: (String) -> Void

    /// - Parameters:
    ///   - adapters: sequences take them in turn; without any they run the model itself.
    ///   - show: receives the name of each measurement.
    init(
        _ engine: Engine, _ probe: MachineProbe, adapters: [String] = [], repeats: Int, show: @escaping (String) -> Void
    ) {
        self.adapters = adapters
        self.engine = engine
        self.probe = probe
        self.repeats = repeats
        self.show = show
        keyValueBytes = Double(engine.memory.keyValues) / Double(engine.limits.kvTokens)
    }

    /// Number of sweeps per repetition. Small batches take only a few milliseconds each and get more sweeps.
    static func sweeps(batch: Int) -> Int { batch <= 4 ? 16 : batch <= 16 ? 8 : 4 }

    /// KV capacity that these measurements need, in tokens.
    static func kvTokens(prefill: [Int], decode: [Int], context: Int, repeats: Int, blockTokens: Int) -> Int {
        let length = context + decodedTokens(decode, repeats: repeats)
        let blocks = (length + blockTokens - 1) / blockTokens
        return max(prefill.max() ?? 0, (decode.max() ?? 0) * blocks * blockTokens, 1)
    }

    /// Total tokens that the first sequence decodes: warm-up, and the repetitions with and without output.
    static func decodedTokens(_ batches: [Int], repeats: Int) -> Int {
        batches.reduce(0) { $0 + sweeps(batch: $1) * 2 * repeats + 2 }
    }

    /// Random tokens: greedy outputs of a random model soon become the same in every sequence.
    private mutating func tokens(_ count: Int) -> [TokenID] {
        let limit = engine.model.configuration.vocabulary
        return (0..<count).map { _ in TokenID(Int.random(in: 0..<limit, using: &random)) }
    }

    /// Runs `body` between two measurements of the memory speed.
    private func beside(
        tokens: Int, _ body: () throws -> Void
    ) rethrows -> (readRate: Double, others: Double?, streaming: StreamingUse?) {
        let before = MachinePeaks.readRate(probe)
        let other = OtherWork()
        let figures = engine.streaming.current
        let seconds = try Self.seconds(body)
        let share = other.share
        let use = StreamingUse(before: figures, now: engine.streaming.current, seconds: seconds, tokens: tokens)
        return ((before + MachinePeaks.readRate(probe)) / 2, share, use)
    }

    private static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        return (ContinuousClock.now - start).seconds
    }

    /// Measures a prompt in chunks, without the output matrix: a prompt needs it for its last token only.
    mutating func prefill(_ count: Int) throws -> SweepMeasurement {
        show("prefill \(count)")
        var cost = SweepCost()
        let size = engine.limits.rowsPerSweepMax
        for start in stride(from: 0, to: count, by: size) {
            let rows = min(size, count - start)
            let visible = rows * start + rows * (rows + 1) / 2
            cost =
                cost
                + engine.model.layersCost(
                    rows: rows, visible: visible, cached: start + rows, keyValueBytes: keyValueBytes,
                    kv: engine.kvFormat)
        }
        let id = SequenceID(0)
        try run(id, tokens(min(count, size)))
        engine.close(id)
        var times: [Double] = []
        let moment = try beside(tokens: count * repeats) {
            for _ in 0..<repeats {
                let prompt = tokens(count)
                times.append(try Self.seconds { try run(id, prompt) })
                engine.close(id)
            }
        }
        var measurement = SweepMeasurement(
            kind: .prefill, tokens: count, context: 0, seconds: Sample(times), layersSeconds: Sample(times),
            cost: cost, readRate: moment.readRate)
        (measurement.others, measurement.streaming) = (moment.others, moment.streaming)
        return measurement
    }

    /// Opens a sequence and runs its prompt.
    private func run(_ id: SequenceID, _ prompt: [TokenID], room: Int = 0) throws {
        try engine.open(
            id,
            SequenceOpening(
                prompt: prompt, tokensMax: prompt.count + room, sampling: .greedy, choice: 0,
                adapter: adapters.isEmpty ? nil : adapters[id.rawValue % adapters.count]))
        for start in stride(from: 0, to: prompt.count, by: engine.limits.rowsPerSweepMax) {
            let part = prompt[start..<min(start + engine.limits.rowsPerSweepMax, prompt.count)]
            _ = try engine.sweep([SequenceStep(sequence: id, tokens: Array(part), samples: false)])
        }
    }

    /// Measures each batch size over the same sequences. Every sequence has a context of its own.
    mutating func decode(_ batches: [Int], context: Int) throws -> [SweepMeasurement] {
        let most = batches.max() ?? 0
        let room = Self.decodedTokens(batches, repeats: repeats)
        show("contexts of \(most) sequences")
        for number in 0..<most { try run(SequenceID(number), tokens(context), room: room) }
        defer { for number in 0..<most { engine.close(SequenceID(number)) } }
        var lengths = [Int](repeating: context, count: most)
        var measurements: [SweepMeasurement] = []
        for batch in batches {
            show("decode \(batch)")
            measurements.append(try decode(batch, &lengths))
        }
        return measurements
    }

    private mutating func decode(_ batch: Int, _ lengths: inout [Int]) throws -> SweepMeasurement {
        let first = lengths[0..<batch].reduce(0, +)
        let sweeps = Self.sweeps(batch: batch)
        var times: [Double] = []
        var layersTimes: [Double] = []
        for samples in [true, false] { try sweep(batch, samples: samples, &lengths) }
        let moment = try beside(tokens: batch * sweeps * 2 * repeats) {
            for _ in 0..<repeats {
                // Alternating, so that machine drift affects both equally.
                for samples in [true, false] {
                    let seconds = try Self.seconds {
                        for _ in 0..<sweeps { try sweep(batch, samples: samples, &lengths) }
                    }
                    if samples {
                        times.append(seconds / Double(sweeps))
                    } else {
                        layersTimes.append(seconds / Double(sweeps))
                    }
                }
            }
        }
        let visible = (first + lengths[0..<batch].reduce(0, +)) / 2
        let cost =
            engine.model.layersCost(
                rows: batch, visible: visible, cached: visible, keyValueBytes: keyValueBytes, kv: engine.kvFormat)
            + engine.model.outputCost(rows: batch)
        var measurement = SweepMeasurement(
            kind: .decode, tokens: batch, context: visible / batch, seconds: Sample(times),
            layersSeconds: Sample(layersTimes), cost: cost, readRate: moment.readRate)
        (measurement.others, measurement.streaming) = (moment.others, moment.streaming)
        return measurement
    }

    private mutating func sweep(_ batch: Int, samples: Bool, _ lengths: inout [Int]) throws {
        let next = tokens(batch)
        _ = try engine.sweep(
            (0..<batch).map { SequenceStep(sequence: SequenceID($0), tokens: [next[$0]], samples: samples) })
        for number in 0..<batch { lengths[number] += 1 }
    }
}
