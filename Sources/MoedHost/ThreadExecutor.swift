import Synchronization

/// Runs an actor on a thread of its own, so that its blocking calls hold up nobody else: on a two-core machine the
/// cooperative pool has only two threads.
package final class ThreadExecutor: SerialExecutor {
    /// Shared with the thread, which outlives the executor by its last job.
    private final class Inbox: Sendable {
        struct State {
            /// A job with the executor it is for: keeps the executor alive while the job runs.
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
