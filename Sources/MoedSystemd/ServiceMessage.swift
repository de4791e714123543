/// One assignment of a notification to the service manager, as in sd_notify(3).
package enum ServiceMessage: Sendable, Equatable {
    /// Start-up is complete: the model is resident and the database has been checked.
    case ready
    /// A SIGHUP is being handled; `ready` ends it. The value is monotonic time in microseconds (systemd ≥ 253 requires
    /// it).
    case reloading(monotonicMicroseconds: UInt64)
    /// Shutdown has begun, and nothing may start after it.
    case stopping
    /// One line for `systemctl status`.
    case status(String)
    /// Start-up or shutdown will not take longer than this from now.
    case extendTimeout(Duration)
    case watchdog
    /// An invariant is broken: systemd restarts the daemon now instead of when the watchdog runs out.
    case watchdogTrigger
    /// The errno that ended the daemon, shown by `systemctl status`.
    case errno(Int32)

    /// The assignment's text. A line feed would begin another assignment, so control characters are replaced.
    package var assignment: String {
        switch self {
        case .ready: "READY=1"
        case .reloading(let time): "RELOADING=1\nMONOTONIC_USEC=\(time)"
        case .stopping: "STOPPING=1"
        case .status(let text): "STATUS=\(LogText.oneLine(text, bytesMax: Self.statusBytesMax))"
        case .extendTimeout(let duration): "EXTEND_TIMEOUT_USEC=\(max(0, duration.microseconds))"
        case .watchdog: "WATCHDOG=1"
        case .watchdogTrigger: "WATCHDOG=trigger"
        case .errno(let number): "ERRNO=\(number)"
        }
    }

    /// Maximum length of a status line, for readability. systemd drops a notification datagram of more than 4 KiB as a
    /// whole.
    private static let statusBytesMax = 512
}

extension Duration {
    /// Whole microseconds, saturating at the ends of Int64.
    var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow
            ? (seconds < 0 ? .min : .max)
            : whole.addingReportingOverflow(attoseconds / 1_000_000_000_000).partialValue
    }
}
