/// A request for a part of a job to an engine elsewhere, to be recorded before it is sent.
package struct EngineRequest: Sendable, Equatable {
    /// Identity of a request in the account.
    package struct Key: Hashable, Sendable {
        package var job: JobID
        /// Number of the claim, `RunnableJob.claim`.
        package var claim: Int64
        /// Number of the request within the claim, from 0.
        package var segment: Int

        package init(job: JobID, claim: Int64, segment: Int) {
            (self.job, self.claim, self.segment) = (job, claim, segment)
        }
    }

    package var key: Key
    package var choice: Int
    /// Number of output tokens of the choice before the request.
    package var firstToken: Int
    /// Tokens of its prompt; nil when they are not known.
    package var prompt: Int?
    package var endpoint: String
    /// Level of the API: `tokens` or `chat`.
    package var api: String
    /// Name of the request at the endpoint.
    package var name: String
    package var prices: TokenPrices?
    /// Tokens that it may have at most, for the tenant's budget.
    package var promptMost = 0
    package var completionMost = 0
    /// True when the endpoint is outside of the house.
    package var isOutside = false

    package init(key: Key, choice: Int, firstToken: Int, prompt: Int?, endpoint: String, api: String, name: String) {
        (self.key, self.choice, self.firstToken, self.prompt) = (key, choice, firstToken, prompt)
        (self.endpoint, self.api, self.name) = (endpoint, api, name)
    }
}

/// Answer to requests that were to be recorded. Requests in neither set are of jobs that the worker does not hold.
package struct RecordedRequests: Sendable, Equatable {
    /// They may be sent.
    package var open: Set<EngineRequest.Key>
    /// They could exceed the tenant's budget.
    package var declined: Set<EngineRequest.Key>

    package init(open: Set<EngineRequest.Key> = [], declined: Set<EngineRequest.Key> = []) {
        (self.open, self.declined) = (open, declined)
    }
}

/// Prices per million tokens, as decimal text: no sum of money goes through a binary fraction.
package struct TokenPrices: Sendable, Equatable {
    package var prompt: String
    /// Price of prompt tokens that the endpoint had cached.
    package var cached: String
    package var completion: String

    package init(prompt: String, cached: String, completion: String) {
        (self.prompt, self.cached, self.completion) = (prompt, cached, completion)
    }
}

/// The end of a recorded request, and what it cost.
package struct EngineSpending: Sendable, Equatable {
    /// Where the counts come from.
    package enum Source: String, Sendable {
        /// The endpoint's word.
        case usage
        /// Tokens that arrived.
        case counted
        /// The prompt alone, for an endpoint that told nothing before the request broke.
        case estimated
    }

    /// Outcomes that are no errors; other ones are kinds of errors.
    package enum Outcome {
        package static let finished = "finished"
        /// moed needed no more of it.
        package static let closed = "closed"
        /// It was recorded, and its job ended before it was sent.
        package static let unsent = "unsent"
    }

    package var key: EngineRequest.Key
    package var outcome: String
    package var source: Source
    /// Prompt tokens, cached ones included; nil when they are not known, as all counts here.
    package var prompt: Int?
    package var cached: Int?
    package var completion: Int?
    /// Tokens of the completion that the job went on with.
    package var kept: Int?
    /// Cost that the endpoint told, as decimal text.
    package var cost: String?

    /// Approximate cost for figures; nil when it is not known. The account in the database is exact.
    package func amount(_ prices: TokenPrices?) -> Double? {
        if let cost { return Double(cost) }
        guard let prices, let prompt, let completion, let perPrompt = Double(prices.prompt),
            let perCached = Double(prices.cached), let perCompletion = Double(prices.completion)
        else { return nil }
        let cached = Double(min(max(cached ?? 0, 0), prompt))
        return ((Double(prompt) - cached) * perPrompt + cached * perCached + Double(completion) * perCompletion) * 1e-6
    }

    package init(key: EngineRequest.Key, outcome: String, source: Source) {
        (self.key, self.outcome, self.source) = (key, outcome, source)
    }
}
