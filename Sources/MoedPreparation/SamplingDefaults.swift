import MoedCore
import MoedWeights

/// Defaults for the sampling fields that a request leaves open.
struct SamplingDefaults: Sendable, Equatable {
    let thinking: SamplingParameters
    let nonThinking: SamplingParameters

    /// Qwen's recommendations (Qwen3 documentation, quickstart). Thinking must not run greedily, because it would
    /// repeat itself.
    private static let qwenThinking = SamplingParameters(temperature: 0.6, topK: 20, topP: 0.95)
    private static let qwenNonThinking = SamplingParameters(temperature: 0.7, topK: 20, topP: 0.8)

    /// `generation_config.json` holds one set of parameters. A hybrid's set is for thinking, so its other mode takes
    /// Qwen's figures. A model with one mode takes the file's set.
    init(_ file: GenerationDefaults, kind: TemplateKind) {
        thinking = Self.filled(file, over: Self.qwenThinking)
        switch kind {
        case .hybrid:
            var direct = Self.filled(file, over: Self.qwenNonThinking)
            if direct.temperature > 0 {
                direct.temperature = Self.qwenNonThinking.temperature
                direct.topP = Self.qwenNonThinking.topP
                direct.topK = Self.qwenNonThinking.topK
            }
            nonThinking = direct
        case .thinkingOnly, .nonThinkingOnly: nonThinking = Self.filled(file, over: Self.qwenNonThinking)
        }
    }

    private static func filled(_ file: GenerationDefaults, over base: SamplingParameters)
        -> SamplingParameters
    {
        var result = base
        result.temperature = file.samples == false ? 0 : file.temperature ?? base.temperature
        result.topK = file.topK ?? base.topK
        result.topP = file.topP ?? base.topP
        result.minP = file.minP ?? base.minP
        result.repetitionPenalty = file.repetitionPenalty ?? base.repetitionPenalty
        return result
    }

    /// Merges the request's own values over the defaults of its mode.
    func resolve(_ request: GenerationRequest, mode: ReasoningMode, seed: UInt64) -> SamplingParameters {
        var result = mode == .thinking ? thinking : nonThinking
        result.temperature = request.temperature ?? result.temperature
        result.topK = request.topK ?? result.topK
        result.topP = request.topP ?? result.topP
        result.minP = request.minP ?? result.minP
        result.presencePenalty = request.presencePenalty ?? result.presencePenalty
        result.frequencyPenalty = request.frequencyPenalty ?? result.frequencyPenalty
        result.repetitionPenalty = request.repetitionPenalty ?? result.repetitionPenalty
        result.logitBias = request.logitBias
        result.seed = request.seed ?? seed
        return result
    }
}
