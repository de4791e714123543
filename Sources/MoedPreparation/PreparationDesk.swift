package import MoedBatching
package import MoedCore
package import MoedHost
import Synchronization

/// Started jobs of a runner until they are prepared: tenants take turns, stopped jobs leave.
///
/// A job is either here or with the runner's engine. It moves under a lock, so that a stop finds it in one of them.
package final class PreparationDesk: Sendable {
    private struct State {
        /// Jobs that are not prepared, each with the number of its start.
        var preparing: [JobID: Int] = [:]
        /// Those of them whose preparation has not begun.
        var queue = PreparationQueue()
        /// The job that is being prepared, and the preparation.
        var current: (entry: PreparationQueue.Entry, work: PreparationWork)?
        var starts = 0
        /// Bytes of the bodies of prepared jobs that services are asked about.
        var askedBytes = 0
    }

    /// Receivers of prepared jobs. They must not block and not call the desk.
    package struct Receivers: Sendable {
        var prepared: @Sendable (GenerationTask) -> Void
        var submit: @Sendable (GenerationTask) -> Void
        var refused: @Sendable (JobID, RequestError) -> Void

        /// - Parameters:
        ///   - prepared: called with each task that may run, also when its job was stopped meanwhile.
        ///   - submit: called under the desk's lock: the job leaves the desk.
        package init(
            prepared: @escaping @Sendable (GenerationTask) -> Void,
            submit: @escaping @Sendable (GenerationTask) -> Void,
            refused: @escaping @Sendable (JobID, RequestError) -> Void
        ) {
            self.prepared = prepared
            self.submit = submit
            self.refused = refused
        }
    }

    /// Advances while a job is being prepared and with each answered probe; the watchdog reads it.
    package let progress = ProgressCounter(name: "preparation")
    private let thread: PreparationThread
    private let state = Mutex(State())
    private let limits: RequestRoom
    private let inquirer: any ContentInquirer
    /// Wakes the preparation after a start.
    private let wakes: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// - Throws: `HostError` when the system has no thread left.
    package init(_ preparer: any JobPreparer) throws(HostError) {
        thread = try PreparationThread(preparer)
        limits = preparer.requestRoom
        inquirer = preparer.inquirer
        (wakes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Number of jobs that are not prepared.
    package var count: Int { state.withLock { $0.preparing.count } }

    /// Calls `body` with the number of jobs that are not prepared; none moves meanwhile.
    package func withCount<Value>(_ body: (Int) -> Value) -> Value { state.withLock { body($0.preparing.count) } }

    package var requestRoom: RequestRoom {
        let used = state.withLock { $0.queue.bytes + ($0.current?.entry.bytes ?? 0) + $0.askedBytes }
        return RequestRoom(bodyMax: limits.bodyMax, bytes: max(0, limits.bytes - used))
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

    /// Drops jobs that are not prepared.
    ///
    /// - Parameter others: called under the lock with the jobs that are not here.
    /// - Returns: the dropped jobs.
    package func drop(_ ids: [JobID], others: ([JobID]) -> Void) -> [JobID] {
        state.withLock { state in
            let dropped = ids.filter { state.preparing.removeValue(forKey: $0) != nil }
            state.queue.remove(Set(dropped))
            if let current = state.current, dropped.contains(current.entry.job.id) { current.work.end() }
            others(ids.filter { !dropped.contains($0) })
            return dropped
        }
    }

    /// Drops all jobs and returns them.
    package func dropAll() -> [JobID] {
        state.withLock { state in
            defer {
                state.preparing = [:]
                state.queue = PreparationQueue()
                state.current?.work.end()
            }
            return state.preparing.keys.sorted()
        }
    }

    /// Prepares jobs until the task is cancelled.
    ///
    /// - Parameter contextLength: context of the engine at the moment; nil is the preparer's.
    package func run(_ receivers: Receivers, contextLength: @Sendable () -> Int? = { nil }) async {
        await withDiscardingTaskGroup { group in
            for await _ in wakes {
                while let (entry, work) = takeNext(contextLength()) {
                    guard let result = await thread.prepare(entry.job, work) else { return group.cancelAll() }
                    guard case .success(let task) = result, let inquiry = task.inquiry else {
                        hand(over: result, of: entry, to: receivers)
                        continue
                    }
                    beginAsking(entry)
                    group.addTask { await self.ask(inquiry, task, entry, receivers) }
                }
            }
        }
    }

    /// The next preparation does not wait for services.
    private func beginAsking(_ entry: PreparationQueue.Entry) {
        state.withLock { state in
            state.current = nil
            state.askedBytes += entry.bytes
        }
    }

    private func ask(
        _ inquiry: ContentInquiry, _ task: GenerationTask, _ entry: PreparationQueue.Entry, _ receivers: Receivers
    ) async {
        var task = task
        task.inquiry = nil
        task.verdicts += await inquirer.verdicts(on: inquiry)
        state.withLock { $0.askedBytes -= entry.bytes }
        if Task.isCancelled { return }
        hand(over: task.verdicts.refusal.map { .failure($0) } ?? .success(task), of: entry, to: receivers)
    }

    /// Asks the preparing thread for a sign of life; waits for its answer.
    package func answerProbe() async {
        await thread.answerProbe(progress)
    }

    private func takeNext(_ contextLength: Int?) -> (PreparationQueue.Entry, PreparationWork)? {
        state.withLock { state in
            state.current = state.queue.next().map { ($0, PreparationWork(progress, contextLength: contextLength)) }
            return state.current
        }
    }

    private func hand(
        over result: Result<GenerationTask, RequestError>, of entry: PreparationQueue.Entry, to receivers: Receivers
    ) {
        let id = entry.job.id
        if case .success(let task) = result { receivers.prepared(task) }
        let refusal = state.withLock { state -> RequestError? in
            if state.current?.entry.start == entry.start { state.current = nil }
            // The job was stopped during its preparation, and may have been started again.
            guard state.preparing[id] == entry.start else { return nil }
            state.preparing[id] = nil
            switch result {
            case .success(let task):
                receivers.submit(task)
                return nil
            case .failure(let error): return error
            }
        }
        if let refusal { receivers.refused(id, refusal) }
    }
}
