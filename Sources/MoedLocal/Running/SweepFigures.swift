import MoedHost

/// Duration and token counts of one sweep.
package struct SweepFigures: Sendable, Equatable {
    package var duration = Duration.zero
    package var prefilledTokens = 0
    package var generatedTokens = 0

    package init(duration: Duration = .zero, prefilledTokens: Int = 0, generatedTokens: Int = 0) {
        self.duration = duration
        self.prefilledTokens = prefilledTokens
        self.generatedTokens = generatedTokens
    }

    /// Status text such as “sweep 12.4 s, 96 tokens”; nil for a sweep shorter than a second.
    package var status: String? {
        guard duration >= .seconds(1) else { return nil }
        let tenths = HumanText.rounded(duration.seconds, digits: 1)
        return "sweep \(tenths) s, \(prefilledTokens + generatedTokens) tokens"
    }
}
