import Glibc

/// Values that systemd passes to this process, read from the given environment.
///
/// Every member is nil outside of systemd. Sources: sd_notify(3), sd_watchdog_enabled(3), systemd.exec(5).
package struct SupervisionEnvironment: Sendable, Equatable {
    /// Address of the datagram socket for notifications; `@` at its start stands for an abstract name.
    package var notifySocket: String?
    /// Maximum time between two `WATCHDOG=1`.
    package var watchdogInterval: Duration?
    /// Device and inode of the journal stream that stdout or stderr was connected to.
    package var journalStream: String?

    /// - Parameter processID: id of this process. Children inherit the variables, so a `WATCHDOG_PID` of another
    ///   process turns the watchdog off.
    package init(_ environment: [String: String], processID: Int32 = getpid()) {
        notifySocket = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        journalStream = environment["JOURNAL_STREAM"].flatMap { $0.isEmpty ? nil : $0 }
        let isOurs = environment["WATCHDOG_PID"].map { $0 == String(processID) } ?? true
        if isOurs, let text = environment["WATCHDOG_USEC"], let microseconds = Int64(text), microseconds > 0 {
            watchdogInterval = .microseconds(microseconds)
        }
    }

    /// True when `descriptor` is the journal's stream. A daemon with redirected stderr does not log to the journal,
    /// although `JOURNAL_STREAM` is set.
    package func isJournal(_ descriptor: Int32) -> Bool {
        guard let journalStream else { return false }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return false }
        return journalStream == "\(status.st_dev):\(status.st_ino)"
    }
}
