import Logging
package import MoedCore
import MoedHost
import MoedPolicy
package import MoedQueue

/// The rules in force, and verdicts to be written. One task at a time uses it.
package struct WorkerPolicies {
    /// Rules as they were last read.
    package var rules: [ContentRule] = []
    /// Results that no rule has judged, in the order of their arrival.
    package var arrived: [(job: JobID, result: GenerationResult)] = []
    package private(set) var verdicts: [RecordedVerdict] = []
    private let judge = ContentJudge()
    /// Verdicts that are kept while the database refuses them.
    private static let verdictsMax = 10_000

    package init() {}

    /// Takes over the rules in force.
    ///
    /// - Returns: what is wrong with rules that are new or changed.
    mutating func take(_ rules: [ContentRule]) -> [String] {
        let known = Dictionary(self.rules.map { ($0.id, $0) }) { first, _ in first }
        self.rules = rules
        return rules.filter { known[$0.id] != $0 }.compactMap(judge.remark)
    }

    /// The consequence of the rules for an answer.
    enum Judgement: Equatable {
        /// It is written, with the choices that are not withheld.
        case written(GenerationResult)
        /// The job fails for this reason.
        case forbidden(String)
    }

    mutating func judge(_ result: GenerationResult, _ holder: (lease: JobLease, tenant: String)) -> Judgement {
        guard !rules.isEmpty else { return .written(result) }
        var result = result
        var found: [ContentVerdict] = []
        var forbidden: String?
        for index in result.choices.indices {
            let verdicts = judge.verdicts(
                of: rules, for: holder.tenant, on: .output, JudgedTexts.output(of: result.choices[index]))
            found += verdicts
            guard let decisive = verdicts.decisive else { continue }
            if decisive.rule.action == .fail {
                forbidden = decisive.reason
            } else {
                result.choices[index].withhold()
                result.promptLogprobs = nil
                result.warnings.append("choice \(index) is withheld: \(decisive.reason)")
            }
        }
        add(found, holder.lease)
        return forbidden.map { .forbidden($0) } ?? .written(result)
    }

    /// Remembers verdicts until they are written: one for each rule and side of an attempt.
    mutating func add(_ found: [ContentVerdict], _ lease: JobLease) {
        for verdict in found {
            let new = RecordedVerdict(lease, verdict)
            if !verdicts.contains(where: { $0.key == new.key }) { verdicts.append(new) }
        }
    }

    /// Drops verdicts that are written.
    ///
    /// - Parameter count: number of the first ones; nil when the database refuses them, which keeps the newest.
    mutating func written(_ count: Int?) {
        verdicts = count.map { Array(verdicts.dropFirst($0)) } ?? verdicts.suffix(Self.verdictsMax)
    }
}

extension WorkerState {
    /// Reads the rules in force. What is wrong with them is logged once.
    func readRules(_ store: any WorkerStore, _ log: Logger) async throws(QueueError) {
        for remark in policies.take(try await store.contentRules()) { log.warning("\(remark)") }
    }

    /// Writes verdicts. It may be repeated: each has one row. Results do not wait for verdicts that cannot be written.
    package func writeVerdicts(_ store: any WorkerStore) async throws(QueueError) {
        let batch = Array(policies.verdicts.prefix(JobStore.rowsPerStatementMax))
        guard !batch.isEmpty else { return }
        do throws(QueueError) {
            try await store.record(batch)
            policies.written(batch.count)
        } catch {
            if error.isConnectionLost { throw error }
            policies.written(nil)
        }
    }

    /// Takes a runner's refusal. One by a rule may end the job with a withheld answer instead.
    package func refused(_ job: JobID, _ error: RequestError, wasted: Usage) {
        if !error.verdicts.isEmpty, let holder = jobs.holder(of: job) { policies.add(error.verdicts, holder.lease) }
        guard let decisive = error.verdicts.decisive, decisive.rule.action == .withhold else {
            return jobs.refused(job, error, wasted: wasted, at: now)
        }
        var choice = GenerationChoice(index: 0, content: "", reasoning: nil, finishReason: .stop, outputIDs: [])
        choice.withhold()
        var result = GenerationResult(choices: [choice], usage: wasted, seed: 0)
        result.warnings = ["the job did not run: \(decisive.reason)"]
        jobs.finished(job, result, at: now, unixTime: UnixTime.now)
    }

    /// Takes a result that the rules in force judge.
    ///
    /// - Returns: false when a rule fails the job.
    @discardableResult
    package func finished(_ job: JobID, _ result: GenerationResult) -> Bool {
        let judgement = jobs.holder(of: job).map { policies.judge(result, $0) } ?? .written(result)
        switch judgement {
        case .written(let result):
            jobs.finished(job, result, at: now, unixTime: UnixTime.now)
            return true
        case .forbidden(let reason):
            jobs.forbidden(job, reason, result, at: now)
            return false
        }
    }
}

extension GenerationChoice {
    /// Takes everything out that tells of the answer.
    mutating func withhold() {
        self = GenerationChoice(
            index: index, content: "", reasoning: nil, finishReason: .contentFilter, outputIDs: [])
    }
}
