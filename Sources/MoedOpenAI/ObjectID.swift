/// The id of a file, as the API shows it. Output files of a batch are not stored: their ids name the batch.
package enum FileID: Sendable, Equatable, CustomStringConvertible {
    case upload(UUIDText)
    case output(batch: UUIDText)
    case errors(batch: UUIDText)

    private static let uploadMark = "file-"
    private static let outputMark = "file-output-"
    private static let errorsMark = "file-error-"

    /// Reads an id; nil when the text is none.
    package init?(_ text: some StringProtocol) {
        if text.hasPrefix(Self.outputMark), let id = UUIDText(compact: text.dropFirst(Self.outputMark.count))
        {
            self = .output(batch: id)
        } else if text.hasPrefix(Self.errorsMark),
            let id = UUIDText(compact: text.dropFirst(Self.errorsMark.count))
        {
            self = .errors(batch: id)
        } else if text.hasPrefix(Self.uploadMark),
            let id = UUIDText(compact: text.dropFirst(Self.uploadMark.count))
        {
            self = .upload(id)
        } else {
            return nil
        }
    }

    package var description: String {
        switch self {
        case .upload(let id): Self.uploadMark + id.compact
        case .output(let batch): Self.outputMark + batch.compact
        case .errors(let batch): Self.errorsMark + batch.compact
        }
    }
}

/// The id of a batch, as the API shows it.
package struct BatchID: Sendable, Equatable, CustomStringConvertible {
    package var uuid: UUIDText

    private static let mark = "batch_"

    package init(_ uuid: UUIDText) { self.uuid = uuid }

    /// Reads an id; nil when the text is none.
    package init?(_ text: some StringProtocol) {
        guard text.hasPrefix(Self.mark), let id = UUIDText(compact: text.dropFirst(Self.mark.count)) else {
            return nil
        }
        uuid = id
    }

    package var description: String { Self.mark + uuid.compact }
}

/// A UUID in text form, in lower case.
package struct UUIDText: Sendable, Equatable {
    /// 32 hexadecimal digits.
    package let compact: String

    /// Reads 32 hexadecimal digits in lower case.
    package init?(compact text: some StringProtocol) {
        guard text.utf8.count == 32,
            text.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
        compact = String(text)
    }

    /// Reads PostgreSQL's form, with hyphens.
    package init?(hyphened text: String) { self.init(compact: text.filter { $0 != "-" }) }
}
