package import Logging

/// One journal entry as `NAME=value` fields, ready for sd_journal_sendv(3).
package struct JournalEntry: Sendable, Equatable {
    package private(set) var fields: [String] = []

    /// Maximum length of a value in bytes; longer values are cut, because an entry describes one state change.
    private static let valueBytesMax = 4096
    /// Maximum number of metadata fields. journald drops entries with more than 1024 fields; ours have a dozen.
    private static let metadataMax = 64

    /// - Parameters:
    ///   - identifier: `SYSLOG_IDENTIFIER`, the name in the short output of journalctl.
    ///   - label: label of the logger, stored as `MOED_LOGGER`.
    ///   - metadata: each key becomes a field `MOED_KEY`, e.g. `job_id` → `MOED_JOB_ID`.
    package init(
        level: Logger.Level, message: String, identifier: String, label: String, metadata: Logger.Metadata
    ) {
        add("MESSAGE", message)
        fields.append("PRIORITY=\(level.syslogPriority)")
        add("SYSLOG_IDENTIFIER", identifier)
        add("MOED_LOGGER", label)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }).prefix(Self.metadataMax) {
            guard let name = Self.fieldName(key) else { continue }
            add(name, value.description)
        }
    }

    private mutating func add(_ name: String, _ value: String) {
        fields.append("\(name)=\(LogText.oneLine(value, bytesMax: Self.valueBytesMax))")
    }

    /// Field name of a metadata key: upper-case letters, digits and underscores after `MOED_`, at most journald's 64
    /// bytes. The prefix keeps a key from posing as journald's own `_PID` or as `MESSAGE`.
    package static func fieldName(_ key: String) -> String? {
        let name = key.utf8.prefix(64 - prefix.utf8.count).map { byte -> Character in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): Character(UnicodeScalar(byte - 32))
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                Character(UnicodeScalar(byte))
            default: "_"
            }
        }
        return name.isEmpty ? nil : prefix + String(name)
    }

    private static let prefix = "MOED_"
}

extension Logger.Level {
    /// Priority of syslog(3), by which journalctl filters.
    var syslogPriority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
