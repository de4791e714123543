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
        let lineFeeds = task.thinking.isEnabled ? Self.lineFeeds : 0
        if let tools = request.tools, tools.choice != .auto {
            guard request.constraint == nil else {
                throw RequestError(
                    .invalidValue, param: "tool_choice",
                    "\(request.constraint?.param ?? "") and a tool_choice that demands a call exclude each other")
            }
            try refuseElsewhere("tool_choice")
            try arm(&task, request, try calls(tools, lineFeeds), "tool_choice")
            return
        }
        guard let requested = request.constraint else { return }
        if request.tools != nil {
            throw RequestError(
                .invalidValue, param: requested.param,
                "with \(requested.param) no tool can be called: set tool_choice to none, or leave one of them out")
        }
        try refuseElsewhere(requested.param)
        let grammar = try constraints.grammar(requested, text)
        task.warnings += grammar.warnings
        try arm(&task, request, GrammarConstraint(grammar, leadingLineFeeds: lineFeeds), requested.param)
    }

    private func refuseElsewhere(_ param: String) throws(RequestError) {
        guard !options.readsLogits else { return }
        throw RequestError(
            .unsupported, param: param,
            "\(param) is enforced by the local engine only: run the job on a worker without endpoints")
    }

    /// Puts a constraint into the task, with the room that its shortest answer needs.
    private func arm(
        _ task: inout GenerationTask, _ request: GenerationRequest, _ constraint: any TokenConstraint, _ param: String
    ) throws(RequestError) {
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
                "the shortest answer that satisfies \(param) has \(shortest) tokens: max_tokens must be at "
                    + "least \(needed), not \(task.newTokensMax)")
        }
        task.constraint = constraint
        // An answer ends where its constraint does.
        if !task.stopStrings.isEmpty || !request.stopTokenIDs.isEmpty || request.ignoreEOS || task.minTokens > 0 {
            task.stopStrings = []
            task.stopIDs = text.endIDs
            task.namedStopIDs = []
            task.minTokens = 0
            task.warnings.append("stop, stop_token_ids, min_tokens and ignore_eos have no effect with \(param)")
        }
    }
}
