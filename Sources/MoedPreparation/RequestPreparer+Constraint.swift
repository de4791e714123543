import MoedBatching
import MoedCore
import MoedGrammar

/// Constrained answers: what they need, and what they rule out.
extension RequestPreparer {
    /// Line feeds that models write between the end of thinking and the answer.
    private static let lineFeeds = 2

    /// Compiles the request's constraint into the task.
    ///
    /// - Throws: `RequestError` for a constraint that cannot be enforced, or whose shortest answer does not fit.
    func constrain(_ task: inout GenerationTask, _ request: GenerationRequest) throws(RequestError) {
        guard let requested = request.constraint else { return }
        guard options.enforcesConstraints else {
            throw RequestError(
                .unsupported, param: requested.param,
                "\(requested.param) is enforced by the local engine only: run the job on a worker without endpoints")
        }
        let grammar = try constraints.grammar(requested, text)
        let constraint = GrammarConstraint(
            grammar, leadingLineFeeds: task.thinking.isEnabled ? Self.lineFeeds : 0)
        let shortest = constraint.distanceToEnd
        var needed = shortest + 1
        if task.thinking.isEnabled {
            let tags = text.tags
            task.thinking.reserve = AnswerReserve(
                request.answerReserve ?? options.answerReserve, newTokensMax: task.newTokensMax,
                needed: needed + Self.lineFeeds, long: tags.earlyStop, short: tags.shortStop)
            needed = task.thinking.reserve.tokens + 1
        }
        guard needed <= task.newTokensMax else {
            throw RequestError(
                .invalidValue, param: "max_tokens",
                "the shortest answer that satisfies \(requested.param) has \(shortest) tokens: max_tokens must be at "
                    + "least \(needed), not \(task.newTokensMax)")
        }
        task.constraint = constraint
        task.warnings += grammar.warnings
        // An answer ends where its constraint does.
        if !task.stopStrings.isEmpty || !request.stopTokenIDs.isEmpty || request.ignoreEOS {
            task.stopStrings = []
            task.stopIDs = text.endIDs
            task.warnings.append("stop, stop_token_ids and ignore_eos have no effect with \(requested.param)")
        }
    }
}
