import Logging
import MoedCore
import MoedQueue

/// Judges complete answers by the rules that are in force at that moment.
///
/// The rules are read once for all answers of a round, and never without an answer. While they cannot be read, answers
/// wait: none gets out unjudged, and none is lost.
package final class AnswerJudge {
    private let state: WorkerState
    private let report: WorkerReport
    private let log: Logger
    private var heldUp = OutageLog()

    package init(_ state: WorkerState, report: WorkerReport, log: Logger) {
        self.state = state
        self.report = report
        self.log = log
    }

    /// True while answers wait for the rules.
    package var isWaiting: Bool { !state.policies.arrived.isEmpty }

    /// Takes a runner's result.
    package func take(_ job: JobID, _ result: GenerationResult) { state.policies.arrived.append((job, result)) }

    /// Judges the answers that have arrived. A locked table leaves them for the next round.
    package func judge(_ store: any WorkerStore) async throws(QueueError) {
        guard isWaiting else { return }
        do throws(QueueError) { try await state.readRules(store, log) } catch {
            guard error.isHeldUp else { throw error }
            if heldUp.failed("\(error)", at: state.now) {
                log.warning("answers wait for their policies: another transaction locks moed.policy: \(error)")
            }
            return
        }
        if heldUp.ended(at: state.now) != nil { log.notice("policies: the lock is gone") }
        let arrived = state.policies.arrived
        state.policies.arrived = []
        for (job, result) in arrived { count(result, isWritten: state.finished(job, result)) }
    }

    /// - Parameter isWritten: false for an answer that a rule does not allow.
    private func count(_ result: GenerationResult, isWritten: Bool) {
        guard isWritten else { return report.update { $0.failed += 1 } }
        let isWithoutAnswer = result.choices.contains(where: \.isWithoutAnswer)
        let isTruncated = result.choices.contains(where: \.isTruncated)
        report.update {
            $0.succeeded += 1
            $0.withoutAnswer += isWithoutAnswer ? 1 : 0
            $0.truncated += isTruncated ? 1 : 0
        }
    }
}
