/// Members that steer the output's tokens, and those that show log-probabilities.
extension GenerationRequest {
    /// Maximum number of alternatives for a token, as in OpenAI's API.
    private static let alternativesMax = 20
    private static let badWordsMax = 1024

    mutating func readOutputControls(_ fields: RequestFields) throws(RequestError) {
        let includes = try fields.bool("include_stop_str_in_output")
        let trimsNot = try fields.bool("no_stop_trim")
        includesStop = includes ?? trimsNot ?? false
        minTokens = try fields.integer("min_tokens", in: 0...Int(Int32.max)) ?? 0
        if let most = maxTokens, minTokens > most {
            throw RequestError(
                .invalidValue, param: "min_tokens",
                "min_tokens is \(minTokens), but must be at most max_tokens, \(most)")
        }
        logitBias = try Self.logitBias(fields)
        badWords = try Self.badWords(fields)
        let top = try fields.integer("top_logprobs", in: 0...Self.alternativesMax)
        if try fields.bool("logprobs") ?? false {
            logprobs = top ?? 0
        } else if let top, top > 0 {
            throw RequestError(.invalidValue, param: "top_logprobs", "top_logprobs needs logprobs to be true")
        }
        promptLogprobs = try fields.integer("prompt_logprobs", in: 0...Self.alternativesMax)
        showsChoiceProbabilities = try fields.bool("choice_probabilities") ?? false
    }

    /// Reads `continue_final_message` (vLLM). It takes the place of the template's opening of the assistant's turn.
    mutating func readPrefill(_ fields: RequestFields) throws(RequestError) {
        let name = "continue_final_message"
        continuesFinalMessage = try fields.bool(name) ?? false
        let opens = try fields.bool("add_generation_prompt")
        addGenerationPrompt = opens ?? !continuesFinalMessage
        guard continuesFinalMessage else { return }
        if opens == true {
            throw RequestError(.invalidValue, param: name, "\(name) and add_generation_prompt exclude each other")
        }
        guard case .messages(let messages) = prompt, let last = messages.last, last["role"] == "assistant" else {
            throw RequestError(.invalidValue, param: name, "\(name) needs a last message of the role assistant")
        }
        guard last["content"]?.string?.contains(where: { !$0.isWhitespace }) == true else {
            throw RequestError(.invalidValue, param: name, "the last message has no text to continue")
        }
        guard last["tool_calls"]?.array?.isEmpty != false else {
            throw RequestError(.invalidValue, param: name, "a message with tool_calls cannot be continued")
        }
    }

    private static func logitBias(_ fields: RequestFields) throws(RequestError) -> [TokenID: Float] {
        guard let object = try fields.object("logit_bias") else { return [:] }
        var biases: [TokenID: Float] = [:]
        for member in object.members {
            let (key, value) = (member.key, member.value)
            guard let token = TokenID(key), token >= 0 else {
                throw RequestError(
                    .invalidValue, param: "logit_bias",
                    "logit_bias must have token ids as keys, not “\(key.prefix(40))”")
            }
            guard let bias = value.number, bias.isFinite else {
                throw RequestError(
                    .invalidValue, param: "logit_bias.\(key)", "a bias must be a number, not \(value.kind)")
            }
            biases[token] = Float(min(max(bias, -100), 100))
        }
        return biases
    }

    private static func badWords(_ fields: RequestFields) throws(RequestError) -> [String] {
        guard let value = fields["bad_words"] else { return [] }
        let words = value.array?.compactMap(\.string) ?? []
        guard words.count == value.array?.count, words.count <= badWordsMax,
            words.allSatisfy({ !$0.isEmpty && $0.utf8.count <= RequestLimit.stopStringBytesMax })
        else {
            throw RequestError(
                .invalidValue, param: "bad_words",
                "bad_words must be a list of at most \(badWordsMax) strings of 1 to "
                    + "\(RequestLimit.stopStringBytesMax) bytes")
        }
        return words
    }
}
