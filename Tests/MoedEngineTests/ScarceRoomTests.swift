import MoedBatching
import MoedCore
import MoedEngine
import TestSupport
import Testing

/// Contract 2 where KV capacity is scarce: sequences give their capacity up and are computed again.
struct ScarceRoomTests {
    private static let jobClass = JobClass(model: "m", mode: .nonThinking, bucket: 8)

    /// Output ids of all jobs, and the number of times that a sequence was put back.
    private static func run(kvTokens: Int, kv: KVFormat) throws -> (outputs: [JobID: [TokenID]], putBacks: Int) {
        let engine = try TestEngines.make(
            try SampleModelTests.checkpoint(), kvTokens: kvTokens, rows: 64, sequences: 6, kv: kv, formats: .int8)
        var loop = GenerationLoop(engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 32)
        let prompts = try SamplePrompt.all()
        var outputs: [JobID: [TokenID]] = [:]
        // Short outputs come first: later ones are expected to be short too.
        for (phase, length) in [(0, 2), (8, 45)] {
            for index in phase..<phase + 8 {
                var task = GenerationTask(
                    job: JobID(Int64(index)), jobClass: jobClass, prompt: prompts[index].promptIDs,
                    newTokensMax: length, makeTextStream: { LetterStream() })
                task.sampling = SamplingParameters(temperature: 0.9, topK: 20, topP: 0.95, seed: UInt64(index))
                if index % 2 == 0 { task.sampling.frequencyPenalty = 0.4 }
                loop.submit(task, now: .zero)
            }
            while !loop.isIdle {
                for outcome in loop.advance(now: .zero) {
                    guard case .finished(let job, let result) = outcome else {
                        Issue.record("\(outcome)")
                        continue
                    }
                    outputs[job] = result.choices[0].outputIDs
                }
            }
        }
        return (outputs, loop.putBacks)
    }

    @Test(arguments: [KVFormat.f32, .int8]) func outputsAreThoseOfPlenty(_ kv: KVFormat) throws {
        let plenty = try Self.run(kvTokens: 32 * 64, kv: kv)
        let scarce = try Self.run(kvTokens: 32 * 12, kv: kv)
        #expect(plenty.putBacks == 0 && scarce.putBacks > 0)
        #expect(plenty.outputs.count == 16 && scarce.outputs == plenty.outputs)
    }
}
