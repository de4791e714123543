package import MoedBatching
package import MoedCore
import MoedEngine
package import MoedHost
import Synchronization

/// Runs the generation loop on a thread of its own (`moed-sweep`).
///
/// ``submit(_:)``, ``stop(_:)`` and ``interrupt()`` return at once, because a sweep may take a minute. Events are
/// delivered on the sweep thread.
package actor SweepThread {
    /// State of the loop that other threads read without waiting for a sweep to end.
    package struct Snapshot: Sendable, Equatable {
        package var jobs = 0
        package var runningSequences = 0
        package var sequencesFree = 0
        package var generatedTokens = 0
        package var prefilledTokens = 0
        package var sweeps = 0
        package var lastSweep = SweepFigures()

        package init(sequencesFree: Int = 0) { self.sequencesFree = sequencesFree }
    }

    private enum Request {
        case submit(GenerationTask)
        case stop(JobID)
        /// Stops and reports all jobs for a shutdown.
        case giveBack
    }

    /// State shared by the sweep thread and its callers.
    private struct Shared {
        var snapshot: Snapshot
        /// Requests to be handled before the next sweep, in this order.
        var requests: [Request] = []
    }

    private let executor: ThreadExecutor
    private var loop: GenerationLoop
    private let progress: ProgressCounter
    private let interruption: Interruption
    private var checkpoints: CheckpointSchedule
    private let wake = WakeSignal()
    private nonisolated let shared: Mutex<Shared>
    private let clock = ContinuousClock()
    private let origin: ContinuousClock.Instant
    private var lastSweep = SweepFigures()

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe executor.asUnownedSerialExecutor()
    }

    /// - Parameters:
    ///   - loop: generation loop; no other code may use its engine afterwards.
    ///   - progress: counter that advances with every sweep and every idle round; the watchdog reads it.
    ///   - interruption: switch of the loop's engine that ends a sweep early.
    ///   - checkpoints: schedule of reporting new tokens.
    /// - Throws: `HostError` when the system has no thread left.
    package init(
        loop: sending GenerationLoop, progress: ProgressCounter, interruption: Interruption,
        checkpoints: CheckpointSchedule
    ) throws(HostError) {
        executor = try ThreadExecutor(name: "moed-sweep")
        shared = Mutex(Shared(snapshot: Snapshot(sequencesFree: loop.sequencesFree)))
        self.loop = loop
        self.progress = progress
        self.interruption = interruption
        self.checkpoints = checkpoints
        origin = clock.now
    }

    package nonisolated var snapshot: Snapshot {
        shared.withLock { shared in
            var snapshot = shared.snapshot
            for case .submit(let task) in shared.requests {
                snapshot.jobs += 1
                snapshot.sequencesFree = max(0, snapshot.sequencesFree - task.choices)
            }
            return snapshot
        }
    }

    /// Ends a long sweep early; all new tokens and all jobs are reported, and nothing runs afterwards.
    package nonisolated func interrupt() {
        interruption.request()
        shared.withLock { $0.requests.append(.giveBack) }
        wake.signal()
    }

    package nonisolated func submit(_ tasks: [GenerationTask]) {
        shared.withLock { $0.requests += tasks.map { .submit($0) } }
        wake.signal()
    }

    /// Stops jobs before the next sweep; their wasted tokens are reported.
    package nonisolated func stop(_ jobs: [JobID]) {
        shared.withLock { $0.requests += jobs.map { .stop($0) } }
        wake.signal()
    }

    private func takeRequests(_ events: (RunnerEvent) -> Void) {
        let requests = shared.withLock { $0.requests }
        guard !requests.isEmpty else { return }
        var usages: [JobID: Usage] = [:]
        for request in requests {
            switch request {
            case .submit(let task): loop.submit(task, now: now)
            case .stop(let job): if let usage = loop.stop(job) { usages[job] = usage }
            case .giveBack:
                reportProgress(events)
                for job in loop.jobIDs { if let usage = loop.stop(job) { usages[job] = usage } }
            }
        }
        publish(done: requests.count)
        if !usages.isEmpty { events(.stopped(usages)) }
    }

    private func reportProgress(_ events: (RunnerEvent) -> Void) {
        let pieces = loop.takeProgress()
        if !pieces.isEmpty { events(.progressed(pieces)) }
    }

    /// Advances the progress counter, which proves that the idle thread takes calls.
    package func answerProbe() { progress.advance() }

    /// Sweeps until the task is cancelled.
    ///
    /// - Parameter events: called on this thread with each event of a job; must not block.
    package func run(_ events: @Sendable (RunnerEvent) -> Void) async {
        while !Task.isCancelled {
            progress.advance()
            takeRequests(events)
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
            for outcome in outcomes { events(outcome.event) }
            if checkpoints.take(now: now, sweeps: loop.sweeps) { reportProgress(events) }
            // Lets waiting calls of the actor run between two sweeps.
            await Task.yield()
        }
    }

    private var now: Duration { origin.duration(to: clock.now) }

    /// - Parameter done: number of requests that the loop has handled.
    private func publish(done: Int = 0) {
        var snapshot = Snapshot(sequencesFree: loop.sequencesFree)
        snapshot.jobs = loop.jobCount
        snapshot.runningSequences = loop.runningSequences
        snapshot.generatedTokens = loop.generatedTokens
        snapshot.prefilledTokens = loop.prefilledTokens
        snapshot.sweeps = loop.sweeps
        snapshot.lastSweep = lastSweep
        let current = snapshot
        shared.withLock {
            $0.snapshot = current
            $0.requests.removeFirst(done)
        }
    }
}

extension GenerationLoop.Outcome {
    fileprivate var event: RunnerEvent {
        switch self {
        case .finished(let job, let result): .finished(job, result)
        case .failed(let job, let error, let wasted): .failed(job, error, wasted: wasted)
        }
    }
}
