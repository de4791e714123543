/// Output tokens that one choice of a job got since it was last asked.
package struct OutputPiece: Sendable, Equatable {
    package var job: JobID
    package var choice: Int
    /// Output tokens of the choice before these.
    package var firstToken: Int
    package var tokens: [TokenID]

    package init(job: JobID, choice: Int, firstToken: Int, tokens: [TokenID]) {
        self.job = job
        self.choice = choice
        self.firstToken = firstToken
        self.tokens = tokens
    }
}
