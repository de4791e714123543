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
        /// Bytes of the body that is being prepared.
        var bytesInPreparation = 0
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
    private let state = Mutex(State())
    private let requestLimits: RequestRoom
    /// Wakes the preparation after a start.
    private let wakes: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// - Throws: `HostError` when the system has no thread left.
    package init(
        sweeps: SweepThread, preparer: RequestPreparer, origin: RunnerOrigin, models: [String]
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
        let used = state.withLock { $0.queue.bytes + $0.bytesInPreparation }
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

    private func prepare(_ events: @Sendable (RunnerEvent) -> Void) async {
        for await _ in wakes {
            while let entry = takeNext() { await prepare(entry, events) }
        }
    }

    private func takeNext() -> PreparationQueue.Entry? {
        state.withLock { state in
            let entry = state.queue.next()
            state.bytesInPreparation = entry?.bytes ?? 0
            return entry
        }
    }

    private func prepare(_ entry: PreparationQueue.Entry, _ events: @Sendable (RunnerEvent) -> Void) async {
        let id = entry.job.id
        let result = await preparation.prepare(entry.job)
        if case .success(let task) = result { events(.prepared(id, task.jobClass.mode)) }
        let refusal = state.withLock { state -> RequestError? in
            state.bytesInPreparation = 0
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
