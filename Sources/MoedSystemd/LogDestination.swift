import Glibc
package import Logging

/// Destination of this process's log. It is chosen once at the start and makes each logger's handler.
package enum LogDestination: Sendable, Equatable {
    case journal
    /// Lines on stderr; they carry priority marks when the journal reads them.
    case stderr(marksPriority: Bool)
    /// A JSON object a line on stderr, for collectors of containers.
    case json

    /// Values of `log.format`.
    package static let formats = ["auto", "text", "json"]

    /// - Parameter format: a value of `formats`; `auto` is the journal where stderr is connected to it, else text.
    package init(_ environment: SupervisionEnvironment, format: String) {
        switch format {
        case "json": self = .json
        case "text": self = .stderr(marksPriority: environment.isJournal(STDERR_FILENO))
        default: self.init(environment)
        }
    }

    /// Chooses the journal when stderr is connected to it and its socket is reachable, otherwise lines on stderr.
    package init(
        _ environment: SupervisionEnvironment, journalIsAvailable: Bool = JournalLogHandler.isAvailable
    ) {
        let stderrIsJournal = environment.isJournal(STDERR_FILENO)
        self = stderrIsJournal && journalIsAvailable ? .journal : .stderr(marksPriority: stderrIsJournal)
    }

    /// A handler that follows the threshold, unless its logger is given a level of its own.
    package func handler(label: String, threshold: LogThreshold) -> any LogHandler {
        ThresholdLogHandler(handler: handler(label: label), threshold: threshold)
    }

    package func logger(_ label: String, _ threshold: LogThreshold) -> Logger {
        Logger(label: label) { handler(label: $0, threshold: threshold) }
    }

    private func handler(label: String) -> any LogHandler {
        switch self {
        case .journal:
            let fallback = StderrLogHandler(label: label, level: .trace, marksPriority: true)
            return JournalLogHandler(label: label, level: .trace, fallback: fallback)
        case .stderr(let marksPriority):
            return StderrLogHandler(label: label, level: .trace, marksPriority: marksPriority)
        case .json: return StderrLogHandler(label: label, level: .trace, isJSON: true)
        }
    }
}

extension Logger {
    /// The same logger for a part whose other messages are only about its internals.
    package var onlyErrors: Logger {
        var result = self
        result.logLevel = max(logLevel, .error)
        return result
    }
}

/// Passes events to another handler and takes its level from a threshold.
private struct ThresholdLogHandler: LogHandler {
    private var handler: any LogHandler
    private let threshold: LogThreshold
    private var ownLevel: Logger.Level?

    init(handler: any LogHandler, threshold: LogThreshold) {
        self.handler = handler
        self.threshold = threshold
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? threshold.level }
        set { ownLevel = newValue }
    }
    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue }
    }
    var metadataProvider: Logger.MetadataProvider? {
        get { handler.metadataProvider }
        set { handler.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) { handler.log(event: event) }
}
