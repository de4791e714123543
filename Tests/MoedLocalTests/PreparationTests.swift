import Foundation
import MoedBatching
import MoedCore
import MoedHost
import MoedLocal
import MoedPreparation
import Synchronization
import TestSupport
import Testing

/// Preparations that take long or never end: nothing waits for them, and they are seen.
@Suite struct PreparationTests {
    /// A preparer that holds each job until it is let go.
    private final class HeldPreparer: JobPreparer {
        private struct State {
            var begun: [JobID] = []
            var unwanted: [JobID] = []
            var asks = true
            var isFree = false
        }

        private let state = Mutex(State())
        let requestRoom = RequestRoom(bodyMax: 1 << 20, bytes: 1 << 24)

        var begun: [JobID] { state.withLock { $0.begun } }
        var unwanted: [JobID] { state.withLock { $0.unwanted } }

        /// From here on no preparation asks whether to go on.
        func hang() { state.withLock { $0.asks = false } }
        func free() { state.withLock { $0.isFree = true } }

        func prepare(_ job: RunnableJob, _ work: PreparationWork) -> Result<GenerationTask, RequestError> {
            state.withLock { $0.begun.append(job.id) }
            while !state.withLock({ $0.isFree }) {
                if state.withLock({ $0.asks }), !work.goesOn() {
                    state.withLock { $0.unwanted.append(job.id) }
                    break
                }
                sched_yield()
            }
            return .failure(RequestError(.invalidValue, "held"))
        }
    }

    private struct Scene {
        let preparer = HeldPreparer()
        let runner: LocalRunner

        init() throws {
            let engine = ScriptedEngine(
                limits: EngineLimits(
                    contextLength: 64, kvTokens: 64, kvBlockTokens: 32, sequencesMax: 4, rowsPerSweepMax: 64))
            let sweeps = try SweepThread(
                loop: GenerationLoop(
                    engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 64),
                progress: ProgressCounter(name: "sweeps"), interruption: Interruption(),
                checkpoints: CheckpointSchedule(interval: .seconds(3600), tokens: 100_000))
            runner = try LocalRunner(
                sweeps: sweeps, preparer: preparer, origin: RunnerOrigin(digest: "test", model: "m"), models: ["m"])
        }
    }

    private func job(_ id: Int64) -> RunnableJob {
        RunnableJob(id: JobID(id), jobClass: JobClass(model: "m", mode: .thinking, bucket: 5), body: "{}")
    }

    /// A6: the runner ends while the thread still hangs in a preparation, which never asks.
    @Test func theEndDoesNotWaitForAPreparation() async throws {
        let scene = try Scene()
        scene.preparer.hang()
        let running = Task { [runner = scene.runner] in await runner.run { _ in } }
        scene.runner.start([job(1), job(2)])
        #expect(try await eventually { scene.preparer.begun == [JobID(1)] })
        scene.runner.interrupt()
        running.cancel()
        await running.value
        #expect(scene.preparer.begun == [JobID(1)])
        scene.preparer.free()
    }

    /// A stopped job frees the preparing thread for the others, and is answered once.
    @Test func aStoppedJobIsNotPreparedToItsEnd() async throws {
        let scene = try Scene()
        let stopped = Mutex<[JobID]>([])
        let running = Task { [runner = scene.runner] in
            await runner.run { event in
                if case .stopped(let usages) = event { stopped.withLock { $0 += usages.keys } }
                if case .refused(let job, _, _) = event { stopped.withLock { $0.append(job) } }
            }
        }
        scene.runner.start([job(1), job(2)])
        #expect(try await eventually { scene.preparer.begun == [JobID(1)] })
        scene.runner.stop([JobID(1)])
        #expect(try await eventually { scene.preparer.begun == [JobID(1), JobID(2)] })
        #expect(scene.preparer.unwanted == [JobID(1)] && stopped.withLock { $0 } == [JobID(1)])
        scene.preparer.free()
        #expect(try await eventually { stopped.withLock { $0 } == [JobID(1), JobID(2)] })
        running.cancel()
        await running.value
    }

    /// A8: a preparation that asks makes progress; one that hangs makes none, and answers no probe.
    @Test func progressIsThatOfTheThread() async throws {
        let scene = try Scene()
        let running = Task { [runner = scene.runner] in await runner.run { _ in } }
        let progress = scene.runner.preparationProgress
        let idle = progress.value
        await scene.runner.answerProbe()
        #expect(progress.value > idle)

        scene.runner.start([job(1)])
        #expect(try await eventually { !scene.preparer.begun.isEmpty })
        let busy = progress.value
        #expect(try await eventually { progress.value > busy })

        scene.preparer.hang()
        let probes = Mutex(0)
        let probing = Task { [runner = scene.runner] in
            await runner.answerProbe()
            probes.withLock { $0 += 1 }
        }
        #expect(
            try await eventually {
                let before = progress.value
                try await Task.sleep(for: .milliseconds(20))
                return progress.value == before
            })
        #expect(probes.withLock { $0 } == 0)
        scene.preparer.free()
        await probing.value
        running.cancel()
        await running.value
    }
}
