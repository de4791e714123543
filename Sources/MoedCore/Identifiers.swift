/// Id of a row of `moed.job`.
package struct JobID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let rawValue: Int64
    package init(_ rawValue: Int64) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
    package static func < (left: JobID, right: JobID) -> Bool { left.rawValue < right.rawValue }
}

/// Id of a token list inside the engine. The caller that opens the sequence chooses it; it is unique while open.
package struct SequenceID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let rawValue: Int
    package init(_ rawValue: Int) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
    package static func < (left: SequenceID, right: SequenceID) -> Bool { left.rawValue < right.rawValue }
}

/// An index into a model's vocabulary.
package typealias TokenID = Int32

/// Reasoning mode of a job: the model reasons before it answers, or answers at once. The raw values are those of
/// `moed.reasoning_mode`.
package enum ReasoningMode: String, Sendable, CaseIterable {
    case thinking
    case nonThinking = "non_thinking"
}

/// Jobs with equal model, mode and length class. They are admitted together.
package struct JobClass: Hashable, Sendable {
    package var model: String
    package var mode: ReasoningMode
    /// Length class: 2^bucket is the smallest power of two ≥ estimated prompt + new tokens.
    package var bucket: Int
    /// Bucket of jobs that were running when workers died. Each of these jobs runs alone.
    package static let quarantine = -1

    package init(model: String, mode: ReasoningMode, bucket: Int) {
        self.model = model
        self.mode = mode
        self.bucket = bucket
    }
}
