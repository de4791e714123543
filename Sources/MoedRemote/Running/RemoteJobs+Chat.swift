import MoedBatching
import MoedCore

/// Requests at the level of chats: text arrives whole or not at all.
extension RemoteJobs {
    /// Reason why an endpoint can never run a task; nil when it can.
    static func obstacle(_ task: GenerationTask, at endpoint: Endpoint) -> RequestError? {
        guard endpoint.api == .chat else { return nil }
        func unsupported(_ param: String?, _ reason: String) -> RequestError {
            RequestError(.unsupported, param: param, "\(param ?? "the request"): \(reason)")
        }
        guard let input = task.chat else {
            return unsupported("prompt_ids", "an endpoint with api: chat takes messages only")
        }
        if let field = input.ownField { return unsupported(field, "no endpoint with api: chat obeys it") }
        if input.thinks, input.budget != nil, endpoint.thinkingBudget == nil {
            return unsupported(
                "thinking_token_budget", "endpoint \(endpoint.name) has no parameter for it; thinking_budget names one")
        }
        return nil
    }

    /// Handles the end of a request. Nothing of a broken one is kept: it starts over.
    mutating func chatEnded(_ ticket: Int, _ ending: Ending, now: Duration, unixTime: Int64) -> [Action] {
        guard let flight = flights[ticket], case .chat(let place, let reader) = flight.purpose else { return [] }
        var seen = ending
        if case .finished(let finish, let usage) = ending {
            jobs[place.job]?.chat.accept(
                ChatJob.Answer(text: reader.text, reasoning: reader.reasoning, finish: finish, usage: usage),
                choice: place.choice)
            if let tokens = usage?.completion {
                tokensReceived = tokensReceived.addingReportingOverflow(tokens).partialValue
                endpoints[flight.endpoint].tokensReceived += tokens
                endpoints[flight.endpoint].timed(tokens: tokens, now - flight.began)
            }
            seen = .finished(finish, usage: usage)
        }
        let verdict = Verdict(seen, api: .chat).job
        var actions = close(ticket, after: seen, isKept: verdict == .goesOn)
        actions += judge(seen, at: flight.endpoint, wasProbe: false, now, unixTime)
        switch verdict {
        case .goesOn: actions += finish(place.job)
        case .continues: waiting.append(place)
        case .continuesAtRisk, .startsSegmentAgain: actions += again(place, seen)
        case .refused(let error): actions += forget(place.job) + [.report(.refused(place.job, error))]
        }
        return actions
    }
}
