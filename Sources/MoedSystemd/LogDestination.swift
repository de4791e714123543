import Glibc
package import Logging

/// Where this process's log goes: decided once at start, then used to make each logger's handler.
package enum LogDestination: Sendable, Equatable {
    case journal
    /// Lines on stderr; marked with priorities when the journal is what reads them.
    case stderr(marksPriority: Bool)

    /// The journal when stderr is connected to it and its socket can be reached, else lines on stderr.
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
