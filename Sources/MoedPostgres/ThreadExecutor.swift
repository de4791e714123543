import Glibc
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
        let name: String

        init(name: String) throws(DatabaseError) {
            signal = try EventSignal()
            self.name = name
        }

        /// `pthread_setname_np` is a GNU extension, which Swift's view of glibc leaves out. A name is a courtesy:
        /// where /proc is missing there is none.
        private func nameThread() {
            let file = unsafe open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { return }
            _ = unsafe write(file, name, name.utf8.count)
            _ = close(file)
        }

        func run() {
            nameThread()
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
    /// - Throws: `DatabaseError(.insufficientResources)` when the system has no thread or descriptor left.
    package init(name: String) throws(DatabaseError) {
        let inbox = try Inbox(name: name)
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(inbox)
        let status = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let inbox = unsafe Unmanaged<Inbox>.fromOpaque(argument).takeRetainedValue()
                inbox.run()
                return nil
            }, argument.toOpaque())
        guard status == 0 else {
            unsafe argument.release()
            throw DatabaseError(.insufficientResources, "cannot start a thread: error \(status)")
        }
        pthread_detach(thread)
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
