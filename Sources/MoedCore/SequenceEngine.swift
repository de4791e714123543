/// Interface between the generation loop and a model: token ids in, token ids out.
///
/// One thread at a time uses an engine. A sequence's output depends only on its tokens, sampling parameters and
/// choice. It depends neither on other sequences in the sweep nor on the division of a prompt into steps.
package protocol SequenceEngine: AnyObject {
    var limits: EngineLimits { get }

    /// Reserves KV capacity for the first `opening.kvTokens` tokens of a sequence.
    /// - Throws: `EngineError(.outOfMemory)` when the capacity is not available, `(.invalidInput)` for a prompt with
    ///   ids that the model does not have.
    func open(_ sequence: SequenceID, _ opening: SequenceOpening) throws(EngineError)

    /// Serves the next tokens of a sequence's prompt from the prefix cache.
    ///
    /// The loop calls this before every sweep, for each sequence whose prompt is not completely fed. Served tokens
    /// are in the sequence as if they had been fed. The prompt's last token is never served.
    /// A sequence with `isComing` takes no part in the sweep. Every other sequence must take part, because another
    /// sequence may wait for it.
    func takePrefix(_ sequence: SequenceID) -> PrefixShare

    /// Runs the steps' tokens through all layers in one pass.
    ///
    /// Each step appends its tokens to its sequence. Returns, in the order of `steps`, the token sampled after each
    /// step's last token and the reports that the step asks for.
    func sweep(_ steps: [SequenceStep]) throws(EngineError) -> [StepOutput]

    /// Raises the reserved KV capacity of a sequence to `tokens` tokens.
    /// - Throws: `EngineError(.outOfMemory)` when the capacity is not available.
    func extend(_ sequence: SequenceID, to tokens: Int) throws(EngineError)

    /// Closes a sequence and frees its KV capacity.
    func close(_ sequence: SequenceID)
}

/// Limits that the planner must not exceed.
package struct EngineLimits: Sendable, Equatable {
    /// Maximum length of a sequence in tokens, prompt and output together.
    package var contextLength: Int
    /// KV capacity in tokens over all open sequences. Each sequence occupies whole blocks.
    package var kvTokens: Int
    package var kvBlockTokens: Int
    /// Maximum number of open sequences.
    package var sequencesMax: Int
    /// Maximum number of tokens in one sweep, decoding rows and prefill chunks together.
    package var rowsPerSweepMax: Int

    package init(
        contextLength: Int, kvTokens: Int, kvBlockTokens: Int, sequencesMax: Int, rowsPerSweepMax: Int
    ) {
        self.contextLength = contextLength
        self.kvTokens = kvTokens
        self.kvBlockTokens = kvBlockTokens
        self.sequencesMax = sequencesMax
        self.rowsPerSweepMax = rowsPerSweepMax
    }

    /// KV capacity that a sequence of `tokens` tokens occupies, rounded up to whole blocks.
    package func kvTokensOccupied(by tokens: Int) -> Int {
        (tokens + kvBlockTokens - 1) / kvBlockTokens * kvBlockTokens
    }
}

/// Prompt, maximum length and sampling of a sequence, fixed when it is opened.
package struct SequenceOpening: Sendable, Equatable {
    /// First tokens to be fed. Frequency and presence penalties count only later tokens.
    package var prompt: [TokenID]
    /// Maximum number of tokens in the sequence, including the prompt.
    package var tokensMax: Int
    /// Number of tokens for which KV capacity is reserved at first.
    package var kvTokens: Int
    package var sampling: SamplingParameters
    /// Index of the choice within its job; part of the key of its random numbers.
    package var choice: Int
    /// False for a sequence whose whole prompt must be computed, because it is reported on.
    package var takesPrefix = true
    /// Name of the adapter that changes the model for this sequence; nil is the model itself.
    package var adapter: String?

    /// - Parameter kvTokens: at most `tokensMax`, which nil means.
    package init(
        prompt: [TokenID], tokensMax: Int, kvTokens: Int? = nil, sampling: SamplingParameters, choice: Int,
        adapter: String? = nil
    ) {
        self.prompt = prompt
        self.tokensMax = tokensMax
        self.kvTokens = min(kvTokens ?? tokensMax, tokensMax)
        self.sampling = sampling
        self.choice = choice
        self.adapter = adapter
    }
}

/// Part of a prompt that the prefix cache serves to a sequence.
package struct PrefixShare: Sendable, Equatable {
    /// Number of prompt tokens that were served and need not be fed.
    package var tokens: Int
    /// True while another sequence computes the tokens that follow: the sequence should wait for them.
    package var isComing: Bool

    package static let none = PrefixShare(tokens: 0, isComing: false)

    package init(tokens: Int, isComing: Bool) {
        self.tokens = tokens
        self.isComing = isComing
    }
}

/// Work for one sequence in a sweep: a prefill chunk, or the single token of a decode step.
package struct SequenceStep: Sendable, Equatable {
    package var sequence: SequenceID
    package var tokens: [TokenID]
    /// True when the engine samples the token after the last one.
    package var samples: Bool
    /// True when the engine gives the embedding of the sequence up to the last one.
    package var embeds = false
    /// Tokens that may be sampled; nil for all.
    package var allowed: AllowedTokens?
    package var reports: ReportRequest?

    package init(
        sequence: SequenceID, tokens: [TokenID], samples: Bool, allowed: AllowedTokens? = nil,
        reports: ReportRequest? = nil
    ) {
        self.sequence = sequence
        self.tokens = tokens
        self.samples = samples
        self.allowed = allowed
        self.reports = reports
    }
}

/// Error of loading a model or running a sweep.
package struct EngineError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// A file of the checkpoint is missing, damaged or contradicts another.
        case badCheckpoint
        /// The architecture or a feature of it is not supported.
        case unsupportedModel
        case outOfMemory
        /// A read failed while the model was running.
        case io
        /// The sweep was interrupted on request; its sequences are valid.
        case interrupted
        /// The caller's token ids, steps or settings are out of range; the engine is unchanged.
        case invalidInput
    }

    package var code: Code
    /// Names the file, the tensor or field, and the reason.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}

/// Detokenises a sequence token by token without splitting a character.
package protocol TokenTextStream: Sendable {
    /// Returns the text that this token completes; empty while a character is incomplete.
    mutating func append(_ token: TokenID) -> String
    /// Returns the remaining text: U+FFFD for bytes of an incomplete character.
    mutating func finish() -> String
}
