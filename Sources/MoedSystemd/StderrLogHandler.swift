import Glibc
package import Logging

/// Writes each log event as one line: time (UTC), level, message, `key=value`.
///
/// Used where there is no journal: at a terminal, in a container, in tests.
package struct StderrLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let descriptor: Int32
    private let marksPriority: Bool
    /// True writes each event as a JSON object.
    private let isJSON: Bool
    private let now: @Sendable () -> LogTimestamp

    private static let lineBytesMax = 16 << 10

    /// - Parameters:
    ///   - descriptor: file descriptor that receives the lines.
    ///   - marksPriority: true begins lines with their level as in sd-daemon(3), e.g. `<6>`, for a journal that reads
    ///     stderr.
    ///   - isJSON: true writes a JSON object a line, with the members time, level, logger, message and the metadata.
    ///   - now: the wall clock.
    package init(
        label: String, level: Logger.Level, descriptor: Int32 = STDERR_FILENO, marksPriority: Bool = false,
        isJSON: Bool = false, now: @escaping @Sendable () -> LogTimestamp = LogTimestamp.now
    ) {
        self.label = label
        self.descriptor = descriptor
        self.marksPriority = marksPriority
        self.isJSON = isJSON
        self.now = now
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        write(event, event.metadata(over: metadata, provider: metadataProvider))
    }

    func write(_ event: LogEvent, _ metadata: Logger.Metadata) {
        let pairs = metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        send((isJSON ? object(event, pairs) : line(event, pairs)) + "\n")
    }

    private func line(_ event: LogEvent, _ metadata: [(String, String)]) -> String {
        var line = marksPriority ? "<\(event.level.syslogPriority)>" : "\(now()) "
        line += "\(event.level.rawValue) \(label): "
        line += LogText.oneLine(event.message.description, bytesMax: Self.lineBytesMax)
        for (key, value) in metadata {
            line += " \(Self.quoted(key, bytesMax: 64))=\(Self.quoted(value, bytesMax: 4096))"
        }
        return line
    }

    /// The event as JSON. Metadata that have the name of a member stand behind it, so that they do not replace it.
    private func object(_ event: LogEvent, _ metadata: [(String, String)]) -> String {
        let own = [
            ("time", now().description), ("level", event.level.rawValue), ("logger", label),
            ("message", event.message.description),
        ]
        let names = Set(own.map(\.0))
        let pairs = own + metadata.map { (names.contains($0.0) ? "\($0.0)_" : $0.0, $0.1) }
        let members = pairs.map { name, text in
            LogText.json(name, bytesMax: 64) + ":" + LogText.json(text, bytesMax: Self.lineBytesMax)
        }
        return "{" + members.joined(separator: ",") + "}"
    }

    private func send(_ text: String) {
        let bytes = Array(text.utf8)
        var written = 0
        // A line that cannot be written is lost, because it must not stop the daemon.
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(
                    descriptor, buffer.baseAddress.map { unsafe $0 + written }, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            written += count
        }
    }

    /// Text as it is, or in quotes when it could be read as several `key=value` pairs.
    private static func quoted(_ text: String, bytesMax: Int) -> String {
        let line = LogText.oneLine(text, bytesMax: bytesMax)
        guard line.isEmpty || line.contains(where: { $0 == " " || $0 == "=" || $0 == "\"" || $0 == "\\" })
        else {
            return line
        }
        var result = "\""
        for character in line {
            if character == "\"" { result += "\\" }
            result.append(character)
        }
        return result + "\""
    }
}
