package import MoedCore
import MoedHost
import MoedQueue

/// Figures of the jobs that this process has claimed and ended. Counters begin with the process.
package struct JobFigures: Sendable, Equatable {
    /// An ending of attempts: an outcome of `moed.job_attempt`, and the code of a failure.
    package struct End: Hashable, Sendable, Comparable {
        package var outcome: String
        package var code: String

        package static func < (left: End, right: End) -> Bool {
            (left.outcome, left.code) < (right.outcome, right.code)
        }
    }

    /// Kinds of tokens, as in the token account.
    package enum TokenKind: String, Sendable, CaseIterable {
        case prompt, cached, thinking, injected, answer, recomputed
    }

    /// Codes beyond this number are counted together: an endpoint's code is its own.
    private static let endsMax = 48

    /// Times from the due time of a job to its claim.
    package private(set) var waits: [ReasoningMode: Histogram] = [:]
    /// Times from claim to the end of jobs that succeeded.
    package private(set) var runs: [ReasoningMode: Histogram] = [:]
    package private(set) var ends: [End: Int] = [:]
    /// Tokens of jobs that succeeded.
    package private(set) var tokens: [TokenKind: Int] = [:]
    /// Tokens of attempts that ended in any other way.
    package private(set) var wasted = 0
    /// Times of statements, by their name.
    package private(set) var statements: [String: Histogram] = [:]

    package init() {}

    package mutating func claimed(_ mode: ReasoningMode, waited: Duration) {
        waits[mode, default: Histogram(Histogram.jobTimes)].add(waited.seconds)
    }

    package mutating func ended(_ outcome: String, code: String? = nil) {
        var end = End(outcome: outcome, code: code ?? "")
        if ends[end] == nil, ends.count >= Self.endsMax { end.code = "other" }
        ends[end, default: 0] += 1
    }

    package mutating func succeeded(_ mode: ReasoningMode, _ wall: Duration, _ usage: Usage) {
        runs[mode, default: Histogram(Histogram.jobTimes)].add(wall.seconds)
        ended("succeeded")
        let counts: [(TokenKind, Int)] = [
            (.prompt, usage.prompt), (.cached, usage.cachedPrompt), (.thinking, usage.thinking),
            (.injected, usage.injected), (.answer, usage.answer), (.recomputed, usage.recomputed),
        ]
        for (kind, count) in counts { tokens[kind] = Self.sum(tokens[kind] ?? 0, count) }
    }

    package mutating func wasted(_ usage: Usage) { wasted = Self.sum(wasted, usage.total) }

    package mutating func timed(_ statement: String, _ time: Duration) {
        statements[statement, default: Histogram(Histogram.statementTimes)].add(time.seconds)
    }

    private static func sum(_ left: Int, _ right: Int) -> Int {
        let (sum, isTooLarge) = left.addingReportingOverflow(right)
        return isTooLarge ? .max : sum
    }
}
