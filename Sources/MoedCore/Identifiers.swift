/// A row of `moed.job`.
package struct JobID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let rawValue: Int64
    package init(_ rawValue: Int64) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
    package static func < (left: JobID, right: JobID) -> Bool { left.rawValue < right.rawValue }
}

/// One token list inside the engine; given out by whoever opens it, unique while it is open.
package struct SequenceID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let rawValue: Int
    package init(_ rawValue: Int) { self.rawValue = rawValue }
    package var description: String { String(rawValue) }
    package static func < (left: SequenceID, right: SequenceID) -> Bool { left.rawValue < right.rawValue }
}

/// An index into a model's vocabulary.
package typealias TokenID = Int32

/// Whether a job lets the model reason before it answers. The raw values are those of `moed.reasoning_mode`.
package enum ReasoningMode: String, Sendable, CaseIterable {
    case thinking
    case nonThinking = "non_thinking"
}

/// Jobs with equal model, mode and length class: what is admitted together.
package struct JobClass: Hashable, Sendable {
    package var model: String
    package var mode: ReasoningMode
    /// Class of estimated prompt + new tokens: 2^bucket is the smallest power of two that holds them.
    package var bucket: Int
    /// The class of jobs that were running when workers died: each of them runs alone.
    package static let quarantine = -1

    package init(model: String, mode: ReasoningMode, bucket: Int) {
        self.model = model
        self.mode = mode
        self.bucket = bucket
    }
}
