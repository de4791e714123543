import MoedCore
import MoedEngine
import MoedWeights

enum TestEngines {
    static func make(
        _ checkpoint: Checkpoint, threads: Int = 1, kvTokens: Int = 4096, rows: Int = 512,
        sequences: Int = 64, kv: KVFormat = .f32, sharing: Bool = true,
        vocabularyLimit: Int? = nil, kernels: String? = nil, formats: TestFormats = .stored
    ) throws -> Engine {
        let model = try Qwen3Model.load(
            checkpoint, experts: formats.experts, dense: formats.dense, threads: threads)
        var settings = EngineSettings(
            threads: threads, kvTokens: kvTokens, kvFormat: kv, sharesPrefixes: sharing, sequencesMax: sequences,
            rowsPerSweepMax: rows, vocabularyLimit: vocabularyLimit)
        settings.kernels = kernels
        return try Engine(model: model, settings: settings)
    }
}

/// Weight formats of a test model.
struct TestFormats: CustomStringConvertible {
    var experts: WeightFormat
    var dense: WeightFormat

    static let stored = TestFormats(experts: .bf16, dense: .bf16)
    static let int8 = TestFormats(experts: .int8(group: 64), dense: .int8(group: 64))
    static let int4 = TestFormats(experts: .int4(group: 32), dense: .int8(group: 128))
    static let int4Dense = TestFormats(experts: .int4(group: 64), dense: .int4(group: 32))
    static let int4Experts = TestFormats(experts: .int4(group: 64), dense: .bf16)

    var description: String { "experts \(experts), dense \(dense)" }
}

/// A prompt and its generation parameters.
struct TestRequest {
    var prompt: [TokenID]
    var newTokens: Int
    var sampling = SamplingParameters.greedy
    var choice = 0
    /// Generation ends after one of these.
    var stops: Set<TokenID> = []
}

extension Engine {
    /// Continues all requests at once, as a generation loop would: prompts in chunks beside decoding rows.
    func generate(_ requests: [TestRequest], prefillChunk: Int) throws -> [[TokenID]] {
        var outputs = [[TokenID]](repeating: [], count: requests.count)
        var done = [Int](repeating: 0, count: requests.count)
        var live = Array(requests.indices)
        for (index, request) in requests.enumerated() {
            try open(
                SequenceID(index),
                SequenceOpening(
                    prompt: request.prompt, tokensMax: request.prompt.count + request.newTokens,
                    sampling: request.sampling, choice: request.choice))
        }
        while !live.isEmpty {
            var steps: [SequenceStep] = []
            var room = limits.rowsPerSweepMax
            for index in live where room > 0 {
                if done[index] < requests[index].prompt.count {
                    let share = takePrefix(SequenceID(index))
                    done[index] += share.tokens
                    if share.isComing { continue }
                }
                let pending = requests[index].prompt + outputs[index]
                let tokens = Array(pending[done[index]...].prefix(min(prefillChunk, room)))
                room -= tokens.count
                done[index] += tokens.count
                steps.append(
                    SequenceStep(
                        sequence: SequenceID(index), tokens: tokens, samples: done[index] == pending.count))
            }
            for (step, output) in zip(steps, try sweep(steps)) {
                guard let token = output.token else { continue }
                let index = step.sequence.rawValue
                outputs[index].append(token)
                if outputs[index].count == requests[index].newTokens || requests[index].stops.contains(token)
                {
                    close(step.sequence)
                    live.removeAll { $0 == index }
                }
            }
        }
        return outputs
    }
}
