/// What the generation loop needs of a model: token ids in, token ids out.
///
/// An engine is used from one thread at a time. Its output for a sequence depends on that sequence's tokens,
/// sampling parameters and choice alone: never on what else is in the sweep, nor on how a prompt was cut into steps.
package protocol SequenceEngine: AnyObject {
    var limits: EngineLimits { get }

    /// Reserves KV room for a sequence of at most `opening.tokensMax` tokens.
    /// - Throws: `EngineError(.outOfMemory)` when the room is not there, `(.invalidInput)` for a prompt with ids
    ///   that the model does not have.
    func open(_ sequence: SequenceID, _ opening: SequenceOpening) throws(EngineError)

    /// Asked before every sweep for each sequence whose prompt has not been fed whole: takes over what is known
    /// already of the tokens that come next in it.
    ///
    /// Those tokens are then in the sequence as if they had been fed. At least the prompt's last one never is. A
    /// sequence that is told to wait takes no part in the sweep. Every other one must: somebody may wait for it.
    func takePrefix(_ sequence: SequenceID) -> PrefixShare

    /// Runs the steps' tokens through all layers in one pass.
    ///
    /// Each step appends its tokens to its sequence. Returns, in the order of `steps`, the token sampled after the
    /// step's last token; nil where none was asked for, and where the model gave no finite logits to choose by.
    func sweep(_ steps: [SequenceStep]) throws(EngineError) -> [TokenID?]

    /// Forgets a sequence and frees its KV room.
    func close(_ sequence: SequenceID)
}

/// What the planner must not exceed.
package struct EngineLimits: Sendable, Equatable {
    /// Longest sequence, prompt and output together.
    package var contextLength: Int
    /// KV room in tokens over all open sequences; each sequence occupies whole blocks.
    package var kvTokens: Int
    package var kvBlockTokens: Int
    /// Open sequences.
    package var sequencesMax: Int
    /// Tokens in one sweep, decoding rows and prefill chunks together.
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

    /// KV room that a sequence of `tokens` tokens occupies: whole blocks.
    package func kvTokensOccupied(by tokens: Int) -> Int {
        (tokens + kvBlockTokens - 1) / kvBlockTokens * kvBlockTokens
    }
}

/// How a sequence is sampled, fixed when it is opened.
package struct SequenceOpening: Sendable, Equatable {
    /// The first tokens to be fed. Frequency and presence penalties count what comes after them.
    package var prompt: [TokenID]
    /// Most tokens the sequence will ever hold, prompt included.
    package var tokensMax: Int
    package var sampling: SamplingParameters
    /// Which of the job's choices this is: part of the key of its random numbers.
    package var choice: Int

    package init(prompt: [TokenID], tokensMax: Int, sampling: SamplingParameters, choice: Int) {
        self.prompt = prompt
        self.tokensMax = tokensMax
        self.sampling = sampling
        self.choice = choice
    }
}

/// What a sequence gets from others whose prompts begin alike.
package struct PrefixShare: Sendable, Equatable {
    /// Tokens that need not be fed any more.
    package var tokens: Int
    /// The tokens after them are being computed for another sequence: they are better waited for.
    package var isComing: Bool

    package static let none = PrefixShare(tokens: 0, isComing: false)

    package init(tokens: Int, isComing: Bool) {
        self.tokens = tokens
        self.isComing = isComing
    }
}

/// A piece of work for one sequence in a sweep: a prefill chunk, or the one token of a decode step.
package struct SequenceStep: Sendable, Equatable {
    package var sequence: SequenceID
    package var tokens: [TokenID]
    /// Whether the token after the last one is wanted.
    package var samples: Bool

    package init(sequence: SequenceID, tokens: [TokenID], samples: Bool) {
        self.sequence = sequence
        self.tokens = tokens
        self.samples = samples
    }
}

/// Why the engine cannot load a model or run a sweep.
package struct EngineError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// A file of the checkpoint is missing, damaged or contradicts another.
        case badCheckpoint
        /// The architecture or a feature of it is not supported.
        case unsupportedModel
        case outOfMemory
        /// Reading failed while the model was running.
        case io
        /// Somebody asked the sweep to end; nothing is wrong with its sequences.
        case interrupted
        /// The caller's token ids, steps or settings are out of range; the engine is as it was.
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

/// Turns a sequence's tokens into text as they come, never cutting a character in two.
package protocol TokenTextStream: Sendable {
    /// The text that has become certain with this token; empty while a character is incomplete.
    mutating func append(_ token: TokenID) -> String
    /// The rest: U+FFFD for bytes that never became a character.
    mutating func finish() -> String
}
