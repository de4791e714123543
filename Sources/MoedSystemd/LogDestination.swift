import Glibc
package import Logging

/// Destination of this process's log. It is chosen once at the start and makes each logger's handler.
package enum LogDestination: Sendable, Equatable {
    case journal
    /// Lines on stderr; they carry priority marks when the journal reads them.
    case stderr(marksPriority: Bool)

    /// Chooses the journal when stderr is connected to it and its socket is reachable, otherwise lines on stderr.
    package init(
        _ environment: SupervisionEnvironment, journalIsAvailable: Bool = JournalLogHandler.isAvailable
    ) {
        let stderrIsJournal = environment.isJournal(STDERR_FILENO)
        self = stderrIsJournal && journalIsAvailable ? .journal : .stderr(marksPriority: stderrIsJournal)
    }

    package func handler(label: String, level: Logger.Level) -> any LogHandler {
        switch self {
        case .journal:
            let fallback = StderrLogHandler(label: label, level: level, marksPriority: true)
            return JournalLogHandler(label: label, level: level, fallback: fallback)
        case .stderr(let marksPriority):
            return StderrLogHandler(label: label, level: level, marksPriority: marksPriority)
        }
    }
}
