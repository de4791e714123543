/// Parameters for sampling the next token from the logits. All defaults are filled in.
///
/// Order of application (that of vLLM): log-probabilities are reported; masks of constraints, `bad_words` and
/// `min_tokens`; logit bias; repetition, frequency and presence penalties; temperature; top-k, top-p and min-p; draw.
package struct SamplingParameters: Sendable, Equatable {
    /// Temperature. 0 means greedy: the highest logit wins, and ties go to the lower id.
    package var temperature: Double
    /// Keep the K most probable tokens; 0 keeps all.
    package var topK: Int
    /// Keep the smallest set of most probable tokens whose probabilities reach P, in (0, 1].
    package var topP: Double
    /// Drop tokens less probable than this share of the most probable one, in 0…1.
    package var minP: Double
    /// Subtracted once from the logit of each token that was already generated (OpenAI), −2…2.
    package var presencePenalty: Double
    /// Subtracted from a token's logit once per earlier generation of the token (OpenAI), −2…2.
    package var frequencyPenalty: Double
    /// Divides positive and multiplies negative logits of tokens in prompt or output (CTRL paper), > 0; 1 is off.
    package var repetitionPenalty = 1.0
    /// Added to logits before the penalties, by token.
    package var logitBias: [TokenID: Float] = [:]
    /// Key of the counter-based random numbers, with choice and position.
    package var seed: UInt64

    package init(
        temperature: Double = 1, topK: Int = 0, topP: Double = 1, minP: Double = 0,
        presencePenalty: Double = 0, frequencyPenalty: Double = 0, seed: UInt64 = 0
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.presencePenalty = presencePenalty
        self.frequencyPenalty = frequencyPenalty
        self.seed = seed
    }

    package static let greedy = SamplingParameters(temperature: 0)
}
