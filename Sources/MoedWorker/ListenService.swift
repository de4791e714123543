package import Logging
import MoedCore
import MoedHost
package import MoedQueue
import ServiceLifecycle

/// A connection that waits for notifications. `JobListener` is the real one; tests script another.
package protocol JobNotifications: Sendable {
    /// True behind a pooler, where no notifications arrive.
    var isPooled: Bool { get }

    /// - Returns: false when `timeout` has passed without a notification.
    func next(timeout: Duration) async throws(QueueError) -> Bool

    func close() async
}

extension JobListener: JobNotifications {}

/// Receives notifications of new jobs when they are committed. They are only hints: polling alone finds every job.
package struct ListenService: Service {
    private let connect: @Sendable () async throws -> any JobNotifications
    private let inbox: Inbox
    private let log: Logger

    /// - Parameter connect: opens a connection; nil opens one with `conninfo`.
    package init(
        conninfo: String, inbox: Inbox, log: Logger,
        connect: (@Sendable () async throws -> any JobNotifications)? = nil
    ) {
        self.connect =
            connect ?? { try await JobListener.connect(conninfo: conninfo, applicationName: "moed listen") }
        self.inbox = inbox
        self.log = log
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await listen() }
    }

    private func listen() async {
        var backoff = Backoff()
        while !Task.isCancelled {
            do {
                let listener = try await Attempt.cancellable(connect)
                backoff.reset()
                if listener.isPooled {
                    log.warning(
                        """
                        database.url leads to a pooler, where notifications do not arrive: jobs are found by polling \
                        (queue.poll_interval), and queue.listen: false spares this warning
                        """)
                    await listener.close()
                    return await rest()
                }
                // A job may have been committed while no connection listened.
                inbox.put(.notified)
                while !Task.isCancelled {
                    if try await listener.next(timeout: .seconds(10)) { inbox.put(.notified) }
                }
                await listener.close()
            } catch {
                if Task.isCancelled { return }
                log.debug("listening: \(error)")
                // A cancelled task ends the sleep, and the loop's condition ends the loop.
                try? await Task.sleep(for: backoff.next())
            }
        }
    }
    /// Waits for the end of the task: a service that ends early would end the daemon.
    private func rest() async {
        while !Task.isCancelled {
            // A cancelled task ends the sleep, and the loop's condition ends the loop.
            try? await Task.sleep(for: .seconds(3600))
        }
    }
}
