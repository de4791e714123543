package import Logging
package import MoedCore
package import MoedQueue

/// Judges complete answers by the rules that are in force at that moment.
///
/// The rules are read once for all answers of a round, and never without an answer. While they cannot be read, answers
/// wait: none gets out unjudged, and none is lost. The queue's side does not wait for services that rules ask.
package final class AnswerJudge {
    private let state: WorkerState
    private let report: WorkerReport
    private let inbox: Inbox
    private let log: Logger
    private var heldUp = OutageLog()
    private var number = 0

    /// - Parameter inbox: receives the verdicts of services.
    package init(_ state: WorkerState, report: WorkerReport, inbox: Inbox, log: Logger) {
        self.state = state
        self.report = report
        self.inbox = inbox
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
        for (job, result) in arrived { judge(job, result) }
    }

    private func judge(_ job: JobID, _ result: GenerationResult) {
        // An answer that concerns no held job is not written.
        guard let holder = state.jobs.holder(of: job) else {
            return state.jobs.finished(job, result, at: state.now, unixTime: 0)
        }
        let verdicts = state.policies.patternVerdicts(result, holder.tenant)
        let inquiries = state.policies.inquiries(result, holder.tenant, verdicts)
        guard inquiries.contains(where: { $0 != nil }) else {
            return count(result, isWritten: state.conclude(job, result, verdicts, holder.lease))
        }
        number += 1
        let task = Task { [inbox, number, inquirer = state.inquirer] in
            var found: [[ContentVerdict]] = []
            for inquiry in inquiries {
                if let inquiry { found.append(await inquirer.verdicts(on: inquiry)) } else { found.append([]) }
            }
            if !Task.isCancelled { inbox.put(.judged(number, found)) }
        }
        state.policies.asked[number] = WorkerPolicies.Asked(
            job: job, lease: holder.lease, result: result, verdicts: verdicts, task: task)
    }

    /// Takes the verdicts of services about an answer, by choice.
    package func take(_ number: Int, _ found: [[ContentVerdict]]) {
        guard let asked = state.policies.asked.removeValue(forKey: number) else { return }
        let verdicts = zip(asked.verdicts, found).map { $0 + $1 }
        count(asked.result, isWritten: state.conclude(asked.job, asked.result, verdicts, asked.lease))
    }

    /// Asks services no more: the worker ends.
    package func end() {
        for asked in state.policies.asked.values { asked.task.cancel() }
        state.policies.asked = [:]
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
