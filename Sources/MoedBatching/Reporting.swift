import MoedCore

/// Log-probabilities that a result shows.
package struct Reporting: Sendable, Equatable {
    /// Number of most probable tokens to list for each token of the answer; nil shows none.
    package var answer: Int?
    /// The same for each token of the prompt but the first.
    package var prompt: Int?
    /// Choices whose probabilities are shown; empty shows none.
    package var choices: [String] = []

    package static let none = Reporting()

    package init() {}
}

/// Reports on the tokens of one choice and its prompt.
///
/// A token that an earlier attempt generated is reported on when it is fed again, so a crash changes no report.
struct ReportLog: Sendable {
    /// A token whose report is still to come.
    private struct Due {
        /// Place in the sequence, from the prompt's first token on.
        var position: Int
        var token: TokenID
        var allowed: AllowedTokens?
    }

    private let reporting: Reporting
    private var due: [Due] = []
    /// Positions that the last step asks for, in its order.
    private var asked: [Int] = []
    private(set) var reports: [Int: TokenReport] = [:]

    init(_ reporting: Reporting, prompt: [TokenID], isFirst: Bool) {
        self.reporting = reporting
        if isFirst, reporting.prompt != nil {
            due = prompt.indices.dropFirst().map { Due(position: $0, token: prompt[$0], allowed: nil) }
        }
    }

    /// True when tokens of the answer are reported on.
    var readsAnswer: Bool { reporting.answer != nil || !reporting.choices.isEmpty }

    /// Records a token of the answer. One that is not reported on yet is reported on when it is fed.
    mutating func add(_ token: TokenID, at position: Int, allowed: AllowedTokens?) {
        guard readsAnswer, reports[position] == nil else { return }
        due.append(Due(position: position, token: token, allowed: reporting.choices.isEmpty ? nil : allowed))
    }

    /// The reports to ask for in a step.
    ///
    /// - Parameters:
    ///   - positions: places of the step's tokens.
    ///   - sampled: true when the token after them is sampled and may be a part of the answer.
    ///   - allowed: tokens that may be sampled.
    mutating func request(
        _ positions: Range<Int>, sampled: Bool, allowed: AllowedTokens?, promptCount: Int
    ) -> ReportRequest? {
        asked = []
        var places: [ReportRequest.Place] = []
        while let next = due.first, next.position <= positions.upperBound {
            due.removeFirst()
            guard next.position > positions.lowerBound else { continue }
            asked.append(next.position)
            let top = next.position < promptCount ? reporting.prompt : reporting.answer
            places.append(
                .init(
                    row: next.position - 1 - positions.lowerBound, next: next.token, top: top ?? 0,
                    allowed: next.allowed))
        }
        if sampled, readsAnswer {
            asked.append(positions.upperBound)
            places.append(
                .init(
                    row: positions.count - 1, next: nil, top: reporting.answer ?? 0,
                    allowed: reporting.choices.isEmpty ? nil : allowed))
        }
        return places.isEmpty ? nil : ReportRequest(places)
    }

    /// Drops the report on a token that is no part of the answer.
    mutating func forget(_ position: Int) { reports[position] = nil }

    /// Takes the answers to the last request.
    mutating func take(_ answers: [TokenReport]) {
        for (position, report) in zip(asked, answers) { reports[position] = report }
        asked = []
    }
}
