package import MoedBatching
package import MoedCore

/// A job at the level of chats: each choice is one request, whose text and counts are the endpoint's word.
package struct ChatJob: Sendable {
    /// The answer to one request.
    package struct Answer: Sendable, Equatable {
        package var text: String
        package var reasoning: String
        package var finish: Ending.Finish
        package var usage: ReportedUsage?

        package init(text: String, reasoning: String, finish: Ending.Finish, usage: ReportedUsage?) {
            (self.text, self.reasoning, self.finish, self.usage) = (text, reasoning, finish, usage)
        }
    }

    private static let (open, close) = ("<think>", "</think>")

    private let task: GenerationTask
    private var answers: [Int: Answer] = [:]

    package init(_ task: GenerationTask) { self.task = task }

    package var isEmpty: Bool { answers.isEmpty }

    package mutating func accept(_ answer: Answer, choice: Int) { answers[choice] = answer }

    /// The result once all choices have an answer.
    package func result() -> GenerationResult? {
        let all = (0..<task.choices).compactMap { answers[$0] }
        guard all.count == task.choices, let first = all.first else { return nil }
        let choices = all.enumerated().map { index, answer in
            let (reasoning, content) = parts(of: answer)
            return GenerationChoice(
                index: index, content: content, reasoning: task.includesReasoning ? reasoning : nil,
                finishReason: answer.finish == .stop ? .stop : .length, outputIDs: [])
        }
        var result = GenerationResult(
            choices: choices, usage: Usage(), seed: task.sampling.seed, warnings: task.warnings)
        var told = ToldUsage(prompt: first.usage?.prompt, cached: first.usage?.cached)
        told.completion = Self.sum(all.map { $0.usage?.completion })
        told.reasoning = Self.sum(all.map { $0.usage?.reasoning })
        result.told = told
        return result
    }

    /// Sum of counts; nil when one of them is not known.
    private static func sum(_ counts: [Int?]) -> Int? {
        counts.reduce(0 as Int?) { sum, count in
            guard let sum, let count else { return nil }
            let (total, isBeyond) = sum.addingReportingOverflow(count)
            return isBeyond ? nil : total
        }
    }

    /// Thinking and answer: apart where the endpoint sends them so, else divided at the tags in the text.
    private func parts(of answer: Answer) -> (reasoning: String?, content: String) {
        if !answer.reasoning.isEmpty { return (Self.trimmed(answer.reasoning), Self.withoutLineFeeds(answer.text)) }
        let begins = answer.text.drop(while: \.isWhitespace).hasPrefix(Self.open)
        guard begins || task.thinking.isEnabled, let tags = Self.divided(answer.text, begins: begins) else {
            return (nil, answer.text)
        }
        return (Self.trimmed(tags.thinking), Self.withoutLineFeeds(tags.answer))
    }

    /// The text before and after `</think>`; nil when it has neither tag.
    private static func divided(_ text: String, begins: Bool) -> (thinking: String, answer: String)? {
        var rest = text[...]
        if begins { rest = rest.drop(while: \.isWhitespace).dropFirst(open.count) }
        guard let end = rest.firstRange(of: close) else { return begins ? (String(rest), "") : nil }
        return (String(rest[..<end.lowerBound]), String(rest[end.upperBound...]))
    }

    private static func withoutLineFeeds(_ text: String) -> String { String(text.drop { $0 == "\n" }) }

    private static func trimmed(_ text: String) -> String {
        var text = text.drop { $0 == "\n" }
        while text.last == "\n" { text.removeLast() }
        return String(text)
    }
}
