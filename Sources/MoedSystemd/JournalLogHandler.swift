import CSystemd
import Glibc
package import Logging

/// Writes log events to the journal. Their metadata become fields, so that `journalctl MOED_JOB_ID=17` finds the events
/// of a job.
package struct JournalLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let identifier: String
    private let fallback: StderrLogHandler

    /// - Parameter fallback: takes the events that the journal refuses.
    package init(label: String, level: Logger.Level, identifier: String = "moed", fallback: StderrLogHandler)
    {
        self.label = label
        self.identifier = identifier
        self.fallback = fallback
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = event.metadata(over: metadata, provider: metadataProvider)
        let entry = JournalEntry(
            level: event.level, message: event.message.description, identifier: identifier, label: label,
            metadata: all)
        let result = Self.send(entry)
        guard result < 0 else { return }
        fallback.write(event, all.merging(["journal_errno": "\(-result)"]) { own, _ in own })
    }

    /// True when journald listens on this machine. When it does not, sd_journal_sendv still reports success.
    package static var isAvailable: Bool { unsafe access("/run/systemd/journal/socket", W_OK) == 0 }

    /// - Returns: 0, or a negative errno.
    private static func send(_ entry: JournalEntry) -> Int32 {
        var bytes: [UInt8] = []
        var lengths: [Int] = []
        for field in entry.fields {
            bytes.append(contentsOf: field.utf8)
            lengths.append(field.utf8.count)
        }
        return unsafe bytes.withUnsafeMutableBytes { buffer in
            var vectors: [iovec] = unsafe []
            var offset = 0
            for length in lengths {
                unsafe vectors.append(
                    iovec(iov_base: buffer.baseAddress.map { unsafe $0 + offset }, iov_len: length))
                offset += length
            }
            return unsafe sd_journal_sendv(vectors, Int32(vectors.count))
        }
    }
}

extension LogEvent {
    /// Merges the event's metadata over the provider's over the handler's; an error is added under `error`.
    func metadata(over base: Logger.Metadata, provider: Logger.MetadataProvider?) -> Logger.Metadata {
        var all = base
        if let provider { all.merge(provider.get()) { _, new in new } }
        if let metadata { all.merge(metadata) { _, new in new } }
        if let error, all["error"] == nil { all["error"] = "\(error)" }
        return all
    }
}
