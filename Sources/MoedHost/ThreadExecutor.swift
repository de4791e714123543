import Synchronization

/// Runs an actor on its own thread, so that its blocking calls do not block other tasks.
///
/// On a two-core machine the cooperative pool has only two threads.
package final class ThreadExecutor: SerialExecutor {
    /// Queue shared by the executor and its thread. The thread outlives the executor by its last job.
    private final class Inbox: Sendable {
        struct State {
            /// Queued jobs, each with its executor. The reference keeps the executor alive while the job runs.
            var jobs: [(job: UnownedJob, executor: ThreadExecutor)] = []
            var isClosed = false
        }

        let state = Mutex(State())
        let signal: EventSignal

        init() throws(HostError) { signal = try EventSignal() }

        func run() {
            while true {
                signal.wait()
                let (jobs, isClosed) = state.withLock { state in
                    defer { state.jobs = [] }
                    return (state.jobs, state.isClosed)
                }
                for (job, executor) in jobs {
                    unsafe job.runSynchronously(on: executor.asUnownedSerialExecutor())
                }
                if isClosed { return }
            }
        }
    }

    private let inbox: Inbox

    /// - Parameter name: thread name, at most 15 bytes.
    /// - Throws: `HostError` when the system has no thread or descriptor left.
    package init(name: String) throws(HostError) {
        let inbox = try Inbox()
        try HostThread(name: name) { inbox.run() }.detach()
        self.inbox = inbox
    }

    deinit {
        inbox.state.withLock { $0.isClosed = true }
        inbox.signal.set()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        inbox.state.withLock { $0.jobs.append((job, self)) }
        inbox.signal.set()
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
}
