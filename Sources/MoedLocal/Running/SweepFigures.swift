import MoedHost

/// What one pass over the model took and gave.
package struct SweepFigures: Sendable, Equatable {
    package var duration = Duration.zero
    package var prefilledTokens = 0
    package var generatedTokens = 0

    package init(duration: Duration = .zero, prefilledTokens: Int = 0, generatedTokens: Int = 0) {
        self.duration = duration
        self.prefilledTokens = prefilledTokens
        self.generatedTokens = generatedTokens
    }

    /// “sweep 12.4 s, 96 tokens”; nil for one that lets nobody wait.
    package var status: String? {
        guard duration >= .seconds(1) else { return nil }
        let tenths = HumanText.rounded(duration.seconds, digits: 1)
        return "sweep \(tenths) s, \(prefilledTokens + generatedTokens) tokens"
    }
}
