import Foundation
import MoedBatching
import MoedCore
import MoedEngine
import MoedHost
import MoedLocal
import MoedPreparation
import Synchronization
import TestSupport
import Testing

/// Preparation and sweeps behind the one protocol that the queue's side sees.
@Suite struct LocalRunnerTests {
    /// Events by arrival.
    private final class Events: Sendable {
        private let events = Mutex<[RunnerEvent]>([])
        var all: [RunnerEvent] { events.withLock { $0 } }
        let modes = Mutex<[JobID: ReasoningMode]>([:])

        /// - Parameter event: kept apart when it tells a mode.
        func put(_ event: RunnerEvent) {
            guard case .prepared(let job, let mode) = event else {
                return events.withLock { $0.append(event) }
            }
            #expect(!finished.contains(job))
            modes.withLock { $0[job] = mode }
        }

        var stopped: [JobID: Usage] {
            all.reduce(into: [:]) { result, event in
                if case .stopped(let usages) = event { result.merge(usages) { $1 } }
            }
        }
        var finished: [JobID] {
            all.compactMap { if case .finished(let job, _) = $0 { job } else { nil } }
        }
    }

    private func runner(sequences: Int = 4) throws -> LocalRunner {
        let engine = ScriptedEngine(
            limits: EngineLimits(
                contextLength: 4096, kvTokens: 8192, kvBlockTokens: 32, sequencesMax: sequences,
                rowsPerSweepMax: 64))
        let preparer = RequestPreparer(
            text: try TextSide(directory: Fixtures.sampleModel.path), limits: engine.limits,
            maxTokensDefault: nil)
        let sweeps = try SweepThread(
            loop: GenerationLoop(
                engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 64),
            progress: ProgressCounter(name: "sweeps"), interruption: Interruption(),
            checkpoints: CheckpointSchedule(interval: .seconds(3600), tokens: 100_000))
        return try LocalRunner(sweeps: sweeps, preparer: preparer, origin: RunnerOrigin(digest: "test", model: "m"), models: ["default"])
    }

    private func job(_ id: Int64, _ body: String = #"{"prompt_ids":[5,6,7],"max_tokens":4,"ignore_eos":true}"#)
        -> RunnableJob
    {
        RunnableJob(
            id: JobID(id), jobClass: JobClass(model: "default", mode: .nonThinking, bucket: 5), body: body)
    }

    /// Runs the runner while its events are collected.
    private func start(_ runner: LocalRunner) -> (events: Events, task: Task<Void, Never>) {
        let events = Events()
        return (events, Task { await runner.run { events.put($0) } })
    }

    @Test func startedJobsTakeRoomUntilTheyEnd() async throws {
        let runner = try runner()
        #expect(runner.room == 4)
        // Nothing runs yet: the jobs wait for their preparation.
        runner.start((1...3).map { job(Int64($0)) })
        #expect(runner.room == 1)
        let (events, task) = start(runner)
        #expect(try await eventually { events.finished.count == 3 })
        #expect(try await eventually { runner.room == 4 })
        task.cancel()
        await task.value
    }

    @Test func aRequestThatCannotRunIsRefused() async throws {
        let runner = try runner()
        runner.start([job(1, "{"), job(2), job(3, #"{"messages":[]}"#)])
        let (events, task) = start(runner)
        #expect(try await eventually { events.all.count == 3 })
        let refused = events.all.compactMap { event -> String? in
            guard case .refused(let job, let error, _) = event else { return nil }
            return "\(job): \(error.code.rawValue)"
        }
        #expect(refused.count == 2 && refused[0] == "1: invalid_json" && events.finished == [JobID(2)])
        task.cancel()
        await task.value
    }

    /// The mode that runs is not the job class's, which SQL guesses.
    @Test func theModeThatRunsComesBeforeTheAnswer() async throws {
        let runner = try runner()
        let (events, task) = start(runner)
        func body(_ text: String) -> String {
            #"{"messages":[{"role":"user","content":"\#(text)"}],"max_tokens":2}"#
        }
        runner.start([job(1, body("hi")), job(2, body("hi /no_think")), job(3, "{")])
        #expect(try await eventually { events.all.count == 3 })
        #expect(events.modes.withLock { $0 } == [JobID(1): .thinking, JobID(2): .nonThinking])
        task.cancel()
        await task.value
    }

    /// Each started job is answered exactly once, also when it is stopped before its preparation.
    @Test func aJobStoppedBeforeItBeganIsAnsweredOnceAndMayStartAnew() async throws {
        let runner = try runner()
        runner.start([job(1), job(2)])
        let (events, task) = start(runner)
        runner.stop([JobID(1), JobID(9)])
        runner.start([job(1)])
        #expect(try await eventually { events.all.count == 3 })
        let answers = events.finished.filter { $0 == JobID(1) }.count + (events.stopped[JobID(1)] == nil ? 0 : 1)
        #expect(answers == 2 && events.finished.contains(JobID(2)) && events.stopped[JobID(9)] == nil)
        task.cancel()
        await task.value
    }

    /// Tokens come as progress first, then every job comes back.
    @Test func anInterruptGivesEverythingBack() async throws {
        let runner = try runner(sequences: 1)
        let long = #"{"prompt_ids":[5,6,7],"max_tokens":4000,"ignore_eos":true}"#
        let (events, task) = start(runner)
        runner.start([job(1, long), job(2, long)])
        #expect(try await eventually { runner.sweeps.snapshot.generatedTokens > 5 })
        runner.interrupt()
        #expect(try await eventually { events.stopped.count == 2 })
        // The second job may still be in its preparation, and then comes back before the first one's tokens.
        let all = events.all
        let back = all.firstIndex { if case .stopped(let usages) = $0 { usages[JobID(1)] != nil } else { false } }
        let pieces = all.prefix(try #require(back)).compactMap { event -> [OutputPiece]? in
            if case .progressed(let pieces) = event { pieces } else { nil }
        }.joined()
        #expect(pieces.map(\.job) == [JobID(1)])
        #expect(pieces.reduce(0) { $0 + $1.tokens.count } > 5)
        task.cancel()
        await task.value
    }
}
