import MoedBatching
import MoedCore
import MoedText

/// Members that steer the output's tokens, and those that show log-probabilities.
extension RequestPreparer {
    /// Maximum number of log-probabilities in a result; each takes about 80 bytes there.
    private static let logprobsMax = 250_000

    /// Fills in what the request says about its output.
    ///
    /// - Throws: `RequestError` for token ids out of range, and for what only the local engine can do.
    func control(_ task: inout GenerationTask, _ request: GenerationRequest) throws(RequestError) {
        if !options.readsLogits, let name = Self.localMember(request) {
            throw RequestError(
                .unsupported, param: name,
                "\(name) needs the local engine: run the job on a worker without endpoints")
        }
        if let bad = request.logitBias.keys.filter({ Int($0) >= text.vocabularySize }).min() {
            throw RequestError(
                .invalidValue, param: "logit_bias.\(bad)",
                "token id \(bad) is not in the vocabulary of \(text.vocabularySize) tokens")
        }
        guard request.minTokens <= task.newTokensMax else {
            throw RequestError(
                .invalidValue, param: "min_tokens",
                "min_tokens is \(request.minTokens), but at most \(task.newTokensMax) new tokens fit")
        }
        task.minTokens = request.minTokens
        task.namedStopIDs = Set(request.stopTokenIDs).subtracting(text.endIDs)
        task.includesStop = request.includesStop
        task.bans = bans(request.badWords)
        let tokenizer = text.tokenizer
        task.tokenBytes = { tokenizer.bytes($0) }
        try report(&task, request)
    }

    /// A word is banned in its spelling with a space before it, too: in a text it mostly has one.
    private func bans(_ words: [String]) -> TokenBans {
        TokenBans(
            words.flatMap { word in
                [word, word.hasPrefix(" ") ? String(word.dropFirst()) : " " + word].map(text.tokenizer.encodePlain)
            })
    }

    private func report(_ task: inout GenerationTask, _ request: GenerationRequest) throws(RequestError) {
        task.reporting.answer = request.logprobs
        task.reporting.prompt = request.promptLogprobs
        if request.showsChoiceProbabilities {
            guard case .choices(let choices) = request.constraint?.constraint else {
                throw RequestError(
                    .invalidValue, param: "choice_probabilities",
                    "choice_probabilities needs choices, such as structured_outputs.choice")
            }
            task.reporting.choices = choices
        }
        try limit("prompt_logprobs", request.promptLogprobs, tokens: task.prompt.count)
        try limit("top_logprobs", request.logprobs, tokens: task.newTokensMax * task.choices)
    }

    private func limit(_ name: String, _ top: Int?, tokens: Int) throws(RequestError) {
        guard let top, tokens * (top + 1) > Self.logprobsMax else { return }
        throw RequestError(
            .invalidValue, param: name,
            "\(name) \(top) for \(tokens) tokens gives more than \(Self.logprobsMax) log-probabilities: ask for fewer, "
                + (name == "top_logprobs" ? "or lower max_tokens or n" : "or split the prompt"))
    }

    /// Name of a member that engines elsewhere do not have, or not with the same meaning.
    private static func localMember(_ request: GenerationRequest) -> String? {
        if request.logprobs != nil { return "logprobs" }
        if request.promptLogprobs != nil { return "prompt_logprobs" }
        if request.showsChoiceProbabilities { return "choice_probabilities" }
        if !request.logitBias.isEmpty { return "logit_bias" }
        if !request.badWords.isEmpty { return "bad_words" }
        return request.minTokens > 0 ? "min_tokens" : nil
    }
}
