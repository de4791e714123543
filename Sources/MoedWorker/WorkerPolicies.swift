import Logging
package import MoedCore
import MoedHost
import MoedPolicy
package import MoedQueue

/// The rules in force, answers that they judge, and verdicts to be written. One task at a time uses it.
package struct WorkerPolicies {
    /// An answer that services are asked about.
    struct Asked {
        var job: JobID
        var lease: JobLease
        var result: GenerationResult
        /// Verdicts of rules with patterns, by choice.
        var verdicts: [[ContentVerdict]]
        var task: Task<Void, Never>
    }

    /// Rules as they were last read.
    package var rules: [ContentRule] = []
    /// Results that no rule has judged, in the order of their arrival.
    package var arrived: [(job: JobID, result: GenerationResult)] = []
    var asked: [Int: Asked] = [:]
    package private(set) var verdicts: [RecordedVerdict] = []
    private let judge = ContentJudge()
    /// Verdicts that are kept while the database refuses them.
    private static let verdictsMax = 10_000
    /// Answers that wait for their verdicts; from then on no job is claimed.
    private static let waitingMax = 256

    package init() {}

    /// True when too many answers wait for their verdicts.
    var isFull: Bool { arrived.count + asked.count >= Self.waitingMax }

    /// Takes over the rules in force.
    ///
    /// - Returns: remarks on faulty rules that are new or changed.
    mutating func take(_ rules: [ContentRule], _ inquirer: any ContentInquirer) -> [String] {
        let known = Dictionary(self.rules.map { ($0.id, $0) }) { first, _ in first }
        self.rules = rules
        return rules.filter { known[$0.id] != $0 }.compactMap { judge.remark(on: $0, inquirer) }
    }

    /// True when a rule holds for a tenant's jobs that stops them while its service is down.
    func needsService(_ tenant: String) -> Bool {
        rules.contains { rule in
            if case .pattern = rule.condition { return false }
            return !rule.failsOpen && (rule.tenant == nil || rule.tenant == tenant)
        }
    }

    /// The consequence of the rules for an answer.
    enum Judgement: Equatable {
        /// It is written, with the choices that are not withheld.
        case written(GenerationResult)
        /// The job fails for this reason.
        case forbidden(String)
    }

    /// Verdicts of rules with patterns about an answer, by choice.
    func patternVerdicts(_ result: GenerationResult, _ tenant: String) -> [[ContentVerdict]] {
        if rules.isEmpty { return result.choices.map { _ in [] } }
        return result.choices.map { choice in
            judge.verdicts(of: rules, for: tenant, on: .output, JudgedTexts.output(of: choice))
        }
    }

    /// Questions to services about an answer, by choice. A choice whose fate is known raises none.
    func inquiries(_ result: GenerationResult, _ tenant: String, _ verdicts: [[ContentVerdict]]) -> [ContentInquiry?] {
        if verdicts.contains(where: { $0.decisive?.rule.action == .fail }) { return [] }
        return zip(result.choices, verdicts).map { choice, known in
            known.decisive == nil
                ? ContentInquiry(of: rules, for: tenant, on: .output, JudgedTexts.output(of: choice)) : nil
        }
    }

    /// Draws the consequence of verdicts about an answer, and remembers them.
    mutating func conclude(
        _ result: GenerationResult, _ verdicts: [[ContentVerdict]], _ lease: JobLease
    ) -> Judgement {
        var result = result
        var forbidden: String?
        for (index, found) in verdicts.enumerated() where result.choices.indices.contains(index) {
            guard let decisive = found.decisive else { continue }
            if decisive.rule.action == .fail {
                forbidden = forbidden ?? decisive.reason
            } else {
                result.choices[index].withhold()
                result.promptLogprobs = nil
                result.warnings.append("choice \(index) is withheld: \(decisive.reason)")
            }
        }
        add(verdicts.flatMap { $0 }, lease)
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
        for remark in policies.take(try await store.contentRules(), inquirer) { log.warning("\(remark)") }
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

    /// Takes verdicts about a request that runs.
    func judged(_ job: JobID, _ verdicts: [ContentVerdict]) {
        if let holder = jobs.holder(of: job) { policies.add(verdicts, holder.lease) }
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

    /// Draws the consequence of verdicts about a result, by choice.
    ///
    /// - Returns: false when a rule fails the job.
    func conclude(_ job: JobID, _ result: GenerationResult, _ verdicts: [[ContentVerdict]], _ lease: JobLease) -> Bool {
        switch policies.conclude(result, verdicts, lease) {
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
