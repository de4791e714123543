import MoedBatching
import MoedCore
import MoedEngine
import MoedPostgres
import ServiceLifecycle
import Synchronization

/// Runs the generation loop on a thread of its own (`moed-sweep`).
///
/// Jobs come in by ``submit(_:)``; what ended is handed to `deliver` on that thread. Between two sweeps the actor
/// takes calls, so a job can be added or cancelled while others run.
actor InferenceService: Service {
    /// What others may know without waiting for a sweep to end.
    struct Snapshot: Sendable, Equatable {
        var jobs = 0
        var runningSequences = 0
        var slotsFree = 0
        var generatedTokens = 0
        var prefilledTokens = 0
        var sweeps = 0
    }

    private let executor: ThreadExecutor
    private var loop: GenerationLoop
    private let progress: ProgressCounter
    private let interruption: Interruption
    private let deliver: @Sendable ([GenerationLoop.Outcome]) -> Void
    private let wake = WakeSignal()
    private nonisolated let published: Mutex<Snapshot>
    private let clock = ContinuousClock()
    private let origin: ContinuousClock.Instant

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - loop: handed over; nobody else may use its engine afterwards.
    ///   - progress: advances with every sweep and every idle round: the watchdog's proof of life.
    ///   - interruption: of the loop's engine.
    ///   - deliver: takes the jobs that ended; must not block.
    init(
        loop: sending GenerationLoop, progress: ProgressCounter, interruption: Interruption,
        deliver: @escaping @Sendable ([GenerationLoop.Outcome]) -> Void
    ) throws {
        executor = try ThreadExecutor(name: "moed-sweep")
        published = Mutex(Snapshot(slotsFree: loop.slotsFree))
        self.loop = loop
        self.progress = progress
        self.interruption = interruption
        self.deliver = deliver
        origin = clock.now
    }

    nonisolated var snapshot: Snapshot { published.withLock { $0 } }

    /// Ends a long sweep early, so that calls need not wait for it. Nothing runs afterwards.
    nonisolated func interrupt() { interruption.request() }

    func submit(_ tasks: [GenerationTask]) {
        for task in tasks { loop.submit(task, now: now) }
        publish()
        wake.signal()
    }

    func cancel(_ jobs: [JobID]) {
        for job in jobs { loop.cancel(job) }
        publish()
    }

    /// Shows that the thread takes calls: progress while there is nothing to sweep.
    func answerProbe() { progress.advance() }

    /// Sweeps until told to stop: by then the queue service has taken every job out.
    func run() async {
        await cancelWhenGracefulShutdown { await self.sweep() }
    }

    private func sweep() async {
        while !Task.isCancelled {
            progress.advance()
            if loop.isIdle {
                await wake.wait(atMost: .seconds(1))
                continue
            }
            let outcomes = loop.advance(now: now)
            publish()
            if !outcomes.isEmpty { deliver(outcomes) }
            // Lets submit and cancel in between two sweeps.
            await Task.yield()
        }
    }

    private var now: Duration { origin.duration(to: clock.now) }

    private func publish() {
        let snapshot = Snapshot(
            jobs: loop.jobCount, runningSequences: loop.runningSequences, slotsFree: loop.slotsFree,
            generatedTokens: loop.generatedTokens, prefilledTokens: loop.prefilledTokens, sweeps: loop.sweeps)
        published.withLock { $0 = snapshot }
    }
}
