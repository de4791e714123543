import MoedCore
import MoedSampling

/// Reading of logits: tokens are sampled, and reports are written.
extension Engine {
    /// One row of logits that a step wants to know.
    private struct Wish {
        var step: Int
        /// Row of the sweep.
        var row: Int
        var samples: Bool
        var place: ReportRequest.Place?
    }

    /// Answers of steps whose sweep has run.
    func read(_ steps: [SequenceStep], _ open: [OpenSequence], _ sweep: Sweep) -> [StepOutput] {
        let wishes = steps.indices.flatMap { Self.wishes(of: steps[$0], $0, first: sweep.spans[$0].rows.lowerBound) }
        var outputs = steps.map { _ in StepOutput(token: nil) }
        for start in stride(from: 0, to: wishes.count, by: ForwardPass.logitRowsMax) {
            let part = Array(wishes[start..<min(start + ForwardPass.logitRowsMax, wishes.count)])
            forward.computeLogits(of: part.map(\.row))
            let answers = forward.compute.pool.map(part.count, cost: part.count * vocabularyLimit) { row in
                answer(part[row], on: row, steps[part[row].step], open[part[row].step])
            }
            for (wish, answer) in zip(part, answers) {
                if wish.samples { outputs[wish.step].token = answer.token }
                outputs[wish.step].reports += answer.reports
            }
        }
        for index in steps.indices where steps[index].embeds {
            outputs[index].embedding = embedding(of: sweep.spans[index].rows.upperBound - 1)
        }
        // A row without a report would move all others to wrong places.
        for index in steps.indices where outputs[index].reports.count < steps[index].reports?.places.count ?? 0 {
            outputs[index].reports = []
        }
        return outputs
    }

    /// A row's state after the final norm, of length 1; nil when it is not finite.
    private func embedding(of row: Int) -> [Float]? {
        let state = forward.finalState(of: row)
        let embedding = EmbeddingRequest().cut(state)
        return state.allSatisfy(\.isFinite) && embedding.allSatisfy(\.isFinite) ? embedding : nil
    }

    private static func wishes(of step: SequenceStep, _ index: Int, first: Int) -> [Wish] {
        var places = step.reports?.places ?? []
        let last = places.last?.next == nil ? places.popLast() : nil
        var wishes = places.map { Wish(step: index, row: first + $0.row, samples: false, place: $0) }
        if step.samples {
            wishes.append(Wish(step: index, row: first + step.tokens.count - 1, samples: true, place: last))
        }
        return wishes
    }

    /// Without a token when the logits overflowed: no token would be better than another.
    private func answer(
        _ wish: Wish, on row: Int, _ step: SequenceStep, _ sequence: OpenSequence
    ) -> StepOutput {
        forward.logits.withRow(row, first: vocabularyLimit) { logits in
            guard LogitScan.allFinite(logits.span) else { return StepOutput(token: nil) }
            // Bias and penalties change the row.
            let original = wish.place == nil ? [] : logits.indices.map { logits[$0] }
            if let allowed = wish.samples ? step.allowed : wish.place?.allowed { Self.restrict(&logits, to: allowed) }
            var listed: [TokenReport.Alternative] = []
            if wish.place?.allowed != nil {
                listed = LogProbabilities.allowed(ReportRequest.allowedMax, in: logits.span)
            }
            var token = wish.place?.next
            if wish.samples {
                token = Sampler.sample(
                    &logits, sequence.opening.sampling, history: sequence.history,
                    choice: sequence.opening.choice, position: sequence.length)
            }
            guard let place = wish.place, let token else { return StepOutput(token: token) }
            var report = LogProbabilities.report(of: token, top: place.top, in: original.span)
            report.allowed = listed
            return StepOutput(token: token, reports: [report])
        }
    }

    private static func restrict(_ logits: inout MutableSpan<Float>, to allowed: AllowedTokens) {
        if let exclusions = allowed.exclusions {
            Sampler.exclude(exclusions, from: &logits)
        } else {
            Sampler.restrict(&logits, to: allowed.mask(count: logits.count))
        }
    }
}
