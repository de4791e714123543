import MoedBatching
package import MoedCore
package import MoedHost
import Synchronization

/// Runs jobs on this machine: prepares them on one thread and sweeps on another.
package final class LocalRunner: JobRunner {
    private struct State {
        /// Jobs not yet submitted to the sweep thread, each with the number of its start.
        var preparing: [JobID: Int] = [:]
        /// Those of them whose preparation has not begun.
        var queue = PreparationQueue()
        /// The job that is being prepared, and the preparation.
        var current: (entry: PreparationQueue.Entry, work: PreparationWork)?
        var starts = 0
        var events: (@Sendable (RunnerEvent) -> Void)?
        /// Events from before the run.
        var unreported: [RunnerEvent] = []
    }

    package let origin: RunnerOrigin?
    package let models: [String]
    /// Sweep thread, visible for figures and for the watchdog's probe.
    package let sweeps: SweepThread
    private let preparation: PreparationThread
    /// Advances while a job is being prepared and with each answered probe; the watchdog reads it.
    package let preparationProgress = ProgressCounter(name: "preparation")
    private let state = Mutex(State())
    private let requestLimits: RequestRoom
    /// Wakes the preparation after a start.
    private let wakes: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// - Throws: `HostError` when the system has no thread left.
    package init(
        sweeps: SweepThread, preparer: any JobPreparer, origin: RunnerOrigin, models: [String]
    ) throws(HostError) {
        self.sweeps = sweeps
        self.origin = origin
        self.models = models
        preparation = try PreparationThread(preparer)
        requestLimits = preparer.requestRoom
        (wakes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package var room: Int { state.withLock { max(0, sweeps.snapshot.sequencesFree - $0.preparing.count) } }

    package var requestRoom: RequestRoom {
        let used = state.withLock { $0.queue.bytes + ($0.current?.entry.bytes ?? 0) }
        return RequestRoom(bodyMax: requestLimits.bodyMax, bytes: max(0, requestLimits.bytes - used))
    }

    package func start(_ new: [RunnableJob]) {
        state.withLock { state in
            for job in new {
                state.starts += 1
                state.preparing[job.id] = state.starts
                state.queue.append(.init(job: job, start: state.starts))
            }
        }
        continuation.yield()
    }

    package func stop(_ ids: [JobID]) {
        // A job is either being prepared or with the sweep thread: it moves under this lock.
        let dropped = state.withLock { state in
            let dropped = ids.filter { state.preparing.removeValue(forKey: $0) != nil }
            state.queue.remove(Set(dropped))
            if let current = state.current, dropped.contains(current.entry.job.id) { current.work.end() }
            sweeps.stop(ids.filter { !dropped.contains($0) })
            return dropped
        }
        report(dropped)
    }

    package func interrupt() {
        let dropped = state.withLock { state in
            defer {
                state.preparing = [:]
                state.queue = PreparationQueue()
                state.current?.work.end()
            }
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

    /// Asks the preparing thread for a sign of life; waits for its answer.
    package func answerProbe() async {
        await preparation.answerProbe()
        preparationProgress.advance()
    }

    private func prepare(_ events: @Sendable (RunnerEvent) -> Void) async {
        for await _ in wakes {
            while let (entry, work) = takeNext() {
                guard let result = await preparation.prepare(entry.job, work) else { return }
                finish(entry, result, events)
            }
        }
    }

    private func takeNext() -> (PreparationQueue.Entry, PreparationWork)? {
        state.withLock { state in
            state.current = state.queue.next().map { ($0, PreparationWork(preparationProgress)) }
            return state.current
        }
    }

    private func finish(
        _ entry: PreparationQueue.Entry, _ result: Result<GenerationTask, RequestError>,
        _ events: @Sendable (RunnerEvent) -> Void
    ) {
        let id = entry.job.id
        if case .success(let task) = result { events(.prepared(id, task.jobClass.mode)) }
        let refusal = state.withLock { state -> RequestError? in
            state.current = nil
            // The job was stopped during its preparation, and may have been started again.
            guard state.preparing[id] == entry.start else { return nil }
            state.preparing[id] = nil
            switch result {
            case .success(let task):
                sweeps.submit([task])
                return nil
            case .failure(let error): return error
            }
        }
        if let refusal { events(.refused(id, refusal)) }
    }
}
