import MoedCore

/// Parts of a finished choice that reports on its tokens make.
extension SequenceState {
    /// The stop string or the named stop token at the end.
    var stopReason: StopReason? {
        guard finishReason == .stop else { return nil }
        if let stop = text.stop { return .text(stop) }
        guard let last = outputIDs.last, task.namedStopIDs.contains(last) else { return nil }
        return .token(last)
    }

    /// Tokens of the answer's text; a token that a stop string cuts is one of them.
    var answerLogprobs: [TokenLogprob] {
        answerTokens.filter { $0.start < text.contentCount }.compactMap { entry in
            log.reports[task.prompt.count + entry.index].map { TokenLogprob($0, bytes: task.tokenBytes) }
        }
    }

    var choiceProbabilities: [ChoiceProbability]? {
        let choices = task.reporting.choices
        var tally = ChoiceTally(choices, ends: task.stopIDs, bytes: task.tokenBytes)
        for index in outputIDs.indices {
            guard let report = log.reports[task.prompt.count + index] else { continue }
            tally.take(report)
        }
        return zip(choices, tally.probabilities()).map { ChoiceProbability(choice: $0, probability: $1) }
    }

    /// Tokens of the prompt from the second one on.
    var promptLogprobs: [TokenLogprob]? {
        guard task.reporting.prompt != nil, choice == 0 else { return nil }
        return task.prompt.indices.dropFirst().compactMap { place in
            log.reports[place].map { TokenLogprob($0, bytes: task.tokenBytes) }
        }
    }
}
