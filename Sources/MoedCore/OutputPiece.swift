/// Output tokens of one choice since the previous progress report.
package struct OutputPiece: Sendable, Equatable {
    package var job: JobID
    package var choice: Int
    /// Number of output tokens of the choice before `tokens`.
    package var firstToken: Int
    package var tokens: [TokenID]

    package init(job: JobID, choice: Int, firstToken: Int, tokens: [TokenID]) {
        self.job = job
        self.choice = choice
        self.firstToken = firstToken
        self.tokens = tokens
    }
}
