import Foundation
import MoedBatching
import MoedCore
import MoedHost
import MoedLocal
import MoedEngine
import Synchronization
import TestSupport
import Testing

/// Sweeps may take a minute: callers that start or stop jobs must not wait for them.
@Suite struct SweepThreadTests {
    @Test func aLongSweepKeepsNobodyWaiting() async throws {
        let gate = Gate()
        let stopped = Mutex<[JobID: Usage]>([:])
        let (events, continuation) = AsyncStream.makeStream(of: RunnerEvent.self)
        let service = try SweepThread(
            loop: GenerationLoop(
                engine: HeldEngine(gate), policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 64),
            progress: ProgressCounter(name: "sweep"), interruption: Interruption(),
            checkpoints: CheckpointSchedule(interval: .seconds(3600), tokens: 1000))
        let running = Task {
            await service.run { event in
                if case .stopped(let usages) = event { stopped.withLock { $0.merge(usages) { $1 } } }
                continuation.yield(event)
            }
        }
        func task(_ id: Int64) -> GenerationTask {
            GenerationTask(
                job: JobID(id), jobClass: JobClass(model: "", mode: .nonThinking, bucket: 5), prompt: [1, 2, 3],
                newTokensMax: 2, makeTextStream: { LetterStream() })
        }
        service.submit([task(1)])
        #expect(try await eventually { gate.sweeps.count == 1 })
        // The sweep is under way and stays so. (It may have had to wait for a thread beside all the other tests.)
        for id in 2...5 { service.submit([task(Int64(id))]) }
        service.stop([JobID(1), JobID(5)])
        #expect(service.snapshot.jobs == 5 && service.snapshot.sequencesFree == 8 - 5)
        #expect(gate.sweeps == [1])
        gate.letGo()
        var ended: Set<JobID> = []
        for await case .finished(let job, _) in events {
            ended.insert(job)
            if ended.count == 3 { break }
        }
        #expect(ended == [JobID(2), JobID(3), JobID(4)])
        // All that came meanwhile were in the next sweep, and the stopped ones in none.
        #expect(gate.sweeps[1] == 3)
        let usages = stopped.withLock { $0 }
        #expect(usages.count == 2 && usages[JobID(1)]?.answer == 1 && usages[JobID(5)] == Usage())
        running.cancel()
        await running.value
    }
}

/// Blocks the first sweep until the test releases it.
private final class Gate: Sendable {
    private let held = DispatchSemaphore(value: 0)
    private let counts = Mutex<[Int]>([])

    /// Number of sequences of each sweep.
    var sweeps: [Int] { counts.withLock { $0 } }
    func letGo() { held.signal() }

    func pass(_ sequences: Int) {
        let isFirst = counts.withLock {
            $0.append(sequences)
            return $0.count == 1
        }
        if isFirst { held.wait() }
    }
}

private final class HeldEngine: SequenceEngine {
    let limits = EngineLimits(
        contextLength: 64, kvTokens: 1024, kvBlockTokens: 32, sequencesMax: 8, rowsPerSweepMax: 64)
    private let gate: Gate

    init(_ gate: Gate) { self.gate = gate }

    func open(_ sequence: SequenceID, _ opening: SequenceOpening) {}
    func extend(_ sequence: SequenceID, to tokens: Int) {}
    func close(_ sequence: SequenceID) {}
    func takePrefix(_ sequence: SequenceID) -> PrefixShare { .none }
    func sweep(_ steps: [SequenceStep]) -> [StepOutput] {
        gate.pass(steps.count)
        return steps.map { StepOutput(token: $0.samples ? 7 : nil) }
    }
}
