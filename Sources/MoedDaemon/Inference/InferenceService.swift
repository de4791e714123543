package import MoedBatching
package import MoedCore
package import MoedEngine
import MoedHost
import MoedPostgres
import ServiceLifecycle
import Synchronization

/// Runs the generation loop on a thread of its own (`moed-sweep`).
///
/// Jobs come by ``submit(_:)`` and go by ``stop(_:)``, which wait for nothing: a sweep may take a minute, and others
/// have leases to renew. What ended is handed to `deliver` on that thread.
package actor InferenceService: Service {
    /// What others may know without waiting for a sweep to end.
    package struct Snapshot: Sendable, Equatable {
        package var jobs = 0
        package var runningSequences = 0
        package var slotsFree = 0
        package var generatedTokens = 0
        package var prefilledTokens = 0
        package var sweeps = 0
        package var lastSweep = SweepFigures()
    }

    private enum Request {
        case submit(GenerationTask)
        case stop(JobID)
    }

    /// What the sweeping thread and others share.
    private struct Shared {
        var snapshot: Snapshot
        /// For the next pause between two sweeps, in this order.
        var requests: [Request] = []
    }

    private let executor: ThreadExecutor
    private var loop: GenerationLoop
    private let progress: ProgressCounter
    private let interruption: Interruption
    private var checkpoints: CheckpointSchedule
    private let deliver: @Sendable ([GenerationLoop.Outcome]) -> Void
    private let keep: @Sendable ([OutputPiece]) -> Void
    private let stopped: @Sendable ([JobID: Usage]) -> Void
    private let wake = WakeSignal()
    private nonisolated let shared: Mutex<Shared>
    private let clock = ContinuousClock()
    private let origin: ContinuousClock.Instant
    private var lastSweep = SweepFigures()

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe executor.asUnownedSerialExecutor()
    }

    /// - Parameters:
    ///   - loop: handed over; nobody else may use its engine afterwards.
    ///   - progress: advances with every sweep and every idle round: the watchdog's proof of life.
    ///   - interruption: of the loop's engine.
    ///   - checkpoints: when `keep` gets new tokens.
    ///   - deliver: takes the jobs that ended; must not block.
    ///   - keep: takes new tokens of jobs that go on; must not block.
    ///   - stopped: takes what jobs that were stopped had generated in vain; must not block.
    package init(
        loop: sending GenerationLoop, progress: ProgressCounter, interruption: Interruption,
        checkpoints: CheckpointSchedule, deliver: @escaping @Sendable ([GenerationLoop.Outcome]) -> Void,
        keep: @escaping @Sendable ([OutputPiece]) -> Void,
        stopped: @escaping @Sendable ([JobID: Usage]) -> Void
    ) throws {
        executor = try ThreadExecutor(name: "moed-sweep")
        shared = Mutex(Shared(snapshot: Snapshot(slotsFree: loop.slotsFree)))
        self.loop = loop
        self.progress = progress
        self.interruption = interruption
        self.checkpoints = checkpoints
        self.deliver = deliver
        self.keep = keep
        self.stopped = stopped
        origin = clock.now
    }

    package nonisolated var snapshot: Snapshot {
        shared.withLock { shared in
            var snapshot = shared.snapshot
            for case .submit(let task) in shared.requests {
                snapshot.jobs += 1
                snapshot.slotsFree = max(0, snapshot.slotsFree - task.choices)
            }
            return snapshot
        }
    }

    /// Ends a long sweep early, so that calls need not wait for it. Nothing runs afterwards.
    nonisolated func interrupt() { interruption.request() }

    package nonisolated func submit(_ tasks: [GenerationTask]) {
        shared.withLock { $0.requests += tasks.map { .submit($0) } }
        wake.signal()
    }

    /// Stops jobs before the next sweep; `stopped` is told what each had generated in vain.
    package nonisolated func stop(_ jobs: [JobID]) {
        shared.withLock { $0.requests += jobs.map { .stop($0) } }
        wake.signal()
    }

    private func takeRequests() {
        let requests = shared.withLock { $0.requests }
        guard !requests.isEmpty else { return }
        var usages: [JobID: Usage] = [:]
        for request in requests {
            switch request {
            case .submit(let task): loop.submit(task, now: now)
            case .stop(let job): usages[job] = loop.cancel(job)
            }
        }
        publish(done: requests.count)
        if !usages.isEmpty { stopped(usages) }
    }

    /// Stops jobs when the current sweep has ended.
    func cancel(_ jobs: [JobID]) {
        takeRequests()
        for job in jobs { loop.cancel(job) }
        publish()
    }

    /// Hands over what jobs generated since the last checkpoint.
    func checkpoint() {
        takeRequests()
        let pieces = loop.takeProgress()
        if !pieces.isEmpty { keep(pieces) }
    }

    /// Shows that the thread takes calls: progress while there is nothing to sweep.
    func answerProbe() { progress.advance() }

    /// Sweeps until told to stop: by then the queue service has taken every job out.
    package func run() async {
        await cancelWhenGracefulShutdown { await self.sweep() }
    }

    private func sweep() async {
        while !Task.isCancelled {
            progress.advance()
            takeRequests()
            if loop.isIdle {
                await wake.wait(atMost: .seconds(1))
                continue
            }
            let (start, generated, prefilled) = (now, loop.generatedTokens, loop.prefilledTokens)
            let outcomes = loop.advance(now: start)
            lastSweep = SweepFigures(
                duration: now - start, prefilledTokens: loop.prefilledTokens - prefilled,
                generatedTokens: loop.generatedTokens - generated)
            publish()
            if !outcomes.isEmpty { deliver(outcomes) }
            if checkpoints.take(now: now, sweeps: loop.sweeps) { checkpoint() }
            // Lets calls in between two sweeps.
            await Task.yield()
        }
    }

    private var now: Duration { origin.duration(to: clock.now) }

    /// - Parameter done: requests that the loop has taken in.
    private func publish(done: Int = 0) {
        let snapshot = Snapshot(
            jobs: loop.jobCount, runningSequences: loop.runningSequences, slotsFree: loop.slotsFree,
            generatedTokens: loop.generatedTokens, prefilledTokens: loop.prefilledTokens, sweeps: loop.sweeps,
            lastSweep: lastSweep)
        shared.withLock {
            $0.snapshot = snapshot
            $0.requests.removeFirst(done)
        }
    }
}
