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
        var lastSweep = SweepFigures()
    }

    private let executor: ThreadExecutor
    private var loop: GenerationLoop
    private let progress: ProgressCounter
    private let interruption: Interruption
    private var checkpoints: CheckpointSchedule
    private let deliver: @Sendable ([GenerationLoop.Outcome]) -> Void
    private let keep: @Sendable ([OutputPiece]) -> Void
    private let wake = WakeSignal()
    private nonisolated let published: Mutex<Snapshot>
    private let clock = ContinuousClock()
    private let origin: ContinuousClock.Instant
    private var lastSweep = SweepFigures()

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - loop: handed over; nobody else may use its engine afterwards.
    ///   - progress: advances with every sweep and every idle round: the watchdog's proof of life.
    ///   - interruption: of the loop's engine.
    ///   - checkpoints: when `keep` gets new tokens.
    ///   - deliver: takes the jobs that ended; must not block.
    ///   - keep: takes new tokens of jobs that go on; must not block.
    init(
        loop: sending GenerationLoop, progress: ProgressCounter, interruption: Interruption,
        checkpoints: CheckpointSchedule, deliver: @escaping @Sendable ([GenerationLoop.Outcome]) -> Void,
        keep: @escaping @Sendable ([OutputPiece]) -> Void
    ) throws {
        executor = try ThreadExecutor(name: "moed-sweep")
        published = Mutex(Snapshot(slotsFree: loop.slotsFree))
        self.loop = loop
        self.progress = progress
        self.interruption = interruption
        self.checkpoints = checkpoints
        self.deliver = deliver
        self.keep = keep
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

    /// Stops jobs; returns what each had generated in vain, in order.
    @discardableResult
    func cancel(_ jobs: [JobID]) -> [Usage] {
        defer { publish() }
        return jobs.map { loop.cancel($0) }
    }

    /// Hands over what jobs generated since the last checkpoint.
    func checkpoint() {
        let pieces = loop.takeProgress()
        if !pieces.isEmpty { keep(pieces) }
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
            let (start, generated, prefilled) = (now, loop.generatedTokens, loop.prefilledTokens)
            let outcomes = loop.advance(now: start)
            lastSweep = SweepFigures(
                duration: now - start, prefilledTokens: loop.prefilledTokens - prefilled,
                generatedTokens: loop.generatedTokens - generated)
            publish()
            if !outcomes.isEmpty { deliver(outcomes) }
            if checkpoints.take(now: now, sweeps: loop.sweeps) { checkpoint() }
            // Lets submit and cancel in between two sweeps.
            await Task.yield()
        }
    }

    private var now: Duration { origin.duration(to: clock.now) }

    private func publish() {
        let snapshot = Snapshot(
            jobs: loop.jobCount, runningSequences: loop.runningSequences, slotsFree: loop.slotsFree,
            generatedTokens: loop.generatedTokens, prefilledTokens: loop.prefilledTokens, sweeps: loop.sweeps,
            lastSweep: lastSweep)
        published.withLock { $0 = snapshot }
    }
}
