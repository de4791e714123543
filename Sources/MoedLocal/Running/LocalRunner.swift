import MoedBatching
package import MoedCore
package import MoedHost
import Synchronization

/// Runs jobs on this machine: prepares them on one thread and sweeps on another.
package final class LocalRunner: JobRunner {
    private struct State {
        /// Jobs not yet submitted to the sweep thread, each with the number of its start.
        var preparing: [JobID: Int] = [:]
        var starts = 0
        var events: (@Sendable (RunnerEvent) -> Void)?
        /// Events from before the run.
        var unreported: [RunnerEvent] = []
    }

    package let origin: String?
    package let models: [String]
    /// Sweep thread, visible for figures and for the watchdog's probe.
    package let sweeps: SweepThread
    private let preparation: PreparationThread
    private let state = Mutex(State())
    private let jobs: AsyncStream<(job: RunnableJob, start: Int)>
    private let continuation: AsyncStream<(job: RunnableJob, start: Int)>.Continuation

    /// - Throws: `HostError` when the system has no thread left.
    package init(
        sweeps: SweepThread, preparer: RequestPreparer, origin: String, models: [String]
    ) throws(HostError) {
        self.sweeps = sweeps
        self.origin = origin
        self.models = models
        preparation = try PreparationThread(preparer)
        (jobs, continuation) = AsyncStream.makeStream()
    }

    package var room: Int { state.withLock { max(0, sweeps.snapshot.sequencesFree - $0.preparing.count) } }

    package func start(_ new: [RunnableJob]) {
        for job in new {
            let start = state.withLock { state in
                state.starts += 1
                state.preparing[job.id] = state.starts
                return state.starts
            }
            continuation.yield((job, start))
        }
    }

    package func stop(_ ids: [JobID]) {
        // A job is either being prepared or with the sweep thread: it moves under this lock.
        let dropped = state.withLock { state in
            let dropped = ids.filter { state.preparing.removeValue(forKey: $0) != nil }
            sweeps.stop(ids.filter { !dropped.contains($0) })
            return dropped
        }
        report(dropped)
    }

    package func interrupt() {
        let dropped = state.withLock { state in
            defer { state.preparing = [:] }
            return state.preparing.keys.sorted()
        }
        report(dropped)
        sweeps.interrupt()
    }

    /// Jobs that were dropped before they began have wasted nothing.
    private func report(_ dropped: [JobID]) {
        guard !dropped.isEmpty else { return }
        let event = RunnerEvent.stopped(Dictionary(uniqueKeysWithValues: dropped.map { ($0, Usage()) }))
        let events = state.withLock { state in
            if state.events == nil { state.unreported.append(event) }
            return state.events
        }
        events?(event)
    }

    package func run(_ events: @escaping @Sendable (RunnerEvent) -> Void) async {
        let unreported = state.withLock { state in
            state.events = events
            defer { state.unreported = [] }
            return state.unreported
        }
        unreported.forEach(events)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.sweeps.run(events) }
            group.addTask { await self.prepare(events) }
        }
    }

    private func prepare(_ events: @Sendable (RunnerEvent) -> Void) async {
        for await (job, start) in jobs {
            // The job was stopped before its preparation began.
            guard state.withLock({ $0.preparing[job.id] == start }) else { continue }
            let result = await preparation.prepare(job)
            let refusal = state.withLock { state -> RequestError? in
                // The job was stopped during its preparation, and may have been started again.
                guard state.preparing[job.id] == start else { return nil }
                state.preparing[job.id] = nil
                switch result {
                case .success(let task):
                    sweeps.submit([task])
                    return nil
                case .failure(let error): return error
                }
            }
            if let refusal { events(.refused(job.id, refusal)) }
        }
    }
}
