import Glibc

/// What systemd told this process about itself, read from the environment that was passed in.
///
/// Every member is nil outside of systemd. Sources: sd_notify(3), sd_watchdog_enabled(3), systemd.exec(5).
package struct SupervisionEnvironment: Sendable, Equatable {
    /// Address of the datagram socket for notifications; `@` at its start stands for an abstract name.
    package var notifySocket: String?
    /// A `WATCHDOG=1` is due at least this often.
    package var watchdogInterval: Duration?
    /// Device and inode of the journal stream that stdout or stderr was connected to.
    package var journalStream: String?

    /// - Parameter processID: `WATCHDOG_PID` must name this process, or the watchdog is not ours to feed:
    ///   the variable is inherited by children.
    package init(_ environment: [String: String], processID: Int32 = getpid()) {
        notifySocket = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        journalStream = environment["JOURNAL_STREAM"].flatMap { $0.isEmpty ? nil : $0 }
        let isOurs = environment["WATCHDOG_PID"].map { $0 == String(processID) } ?? true
        if isOurs, let text = environment["WATCHDOG_USEC"], let microseconds = Int64(text), microseconds > 0 {
            watchdogInterval = .microseconds(microseconds)
        }
    }

    /// Whether `descriptor` is still the journal's stream: a daemon whose stderr was redirected is not
    /// logging to the journal although `JOURNAL_STREAM` is set.
    package func isJournal(_ descriptor: Int32) -> Bool {
        guard let journalStream else { return false }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return false }
        return journalStream == "\(status.st_dev):\(status.st_ino)"
    }
}
