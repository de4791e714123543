package import MoedBatching
package import MoedCore
import MoedHost

/// One preparation, as its thread and those who wait for it see it. The thread asks now and then whether to go on,
/// which counts as progress.
package final class PreparationWork: Sendable {
    private let progress: ProgressCounter
    private let interruption = Interruption()
    /// Context of the engine at the moment; nil is the preparer's.
    package let contextLength: Int?

    package init(_ progress: ProgressCounter, contextLength: Int? = nil) {
        self.progress = progress
        self.contextLength = contextLength
    }

    /// False when nobody wants the result.
    package func goesOn() -> Bool {
        progress.advance()
        return !interruption.isWanted
    }

    /// The thread ends the preparation at its next question.
    package func end() { interruption.request() }
}

/// Turns started jobs into tasks.
package protocol JobPreparer: Sendable {
    /// Room of a runner without started jobs.
    var requestRoom: RequestRoom { get }

    /// Parses the body, renders the template and tokenises. Long work asks `work` whether to go on.
    func prepare(_ job: RunnableJob, _ work: PreparationWork) -> Result<GenerationTask, RequestError>

    /// Asks services about prepared requests.
    var inquirer: any ContentInquirer { get }
}

extension JobPreparer {
    package var inquirer: any ContentInquirer { NoInquirer() }
}
