package import MoedCore

/// Decides who is admitted and what each sweep carries. Pure: no engine, no clock, no tokens, only counts.
package struct BatchPlanner: Sendable {
    /// A sequence that waits for a slot and KV room.
    package struct Candidate: Sendable, Equatable {
        package var sequence: SequenceID
        package var jobClass: JobClass
        /// Most tokens it will ever hold: its KV room is reserved whole, so an admitted sequence never runs out.
        package var tokensMax: Int
        /// When its job became ready, on the caller's clock; order of admission within a job class.
        package var readySince: Duration

        package init(sequence: SequenceID, jobClass: JobClass, tokensMax: Int, readySince: Duration) {
            self.sequence = sequence
            self.jobClass = jobClass
            self.tokensMax = tokensMax
            self.readySince = readySince
        }
    }

    /// A share of a sweep: so many of a sequence's pending tokens.
    package struct Share: Sendable, Equatable {
        package var sequence: SequenceID
        package var rows: Int

        package init(sequence: SequenceID, rows: Int) {
            self.sequence = sequence
            self.rows = rows
        }
    }

    private struct Admitted {
        var sequence: SequenceID
        var kvTokens: Int
    }

    package let limits: EngineLimits
    package let policy: ClassPolicy
    /// Rows of one sequence in one sweep while it prefills.
    package let prefillChunkMax: Int
    private var waiting: [Candidate] = []
    private var admitted: [Admitted] = []
    private var currentClass: JobClass?

    package init(limits: EngineLimits, policy: ClassPolicy, prefillChunkMax: Int) {
        precondition(
            limits.sequencesMax <= limits.rowsPerSweepMax, "a sweep must hold a row of every sequence")
        precondition(prefillChunkMax > 0)
        self.limits = limits
        self.policy = policy
        self.prefillChunkMax = prefillChunkMax
    }

    package var waitingCount: Int { waiting.count }
    package var admittedCount: Int { admitted.count }
    /// In the order of admission, which is that of the shares.
    package var admittedSequences: [SequenceID] { admitted.map(\.sequence) }
    package var kvTokensFree: Int { limits.kvTokens - admitted.reduce(0) { $0 + $1.kvTokens } }
    /// Slots that neither admitted nor waiting sequences will take: how many jobs more could start now.
    package var slotsFree: Int { max(0, limits.sequencesMax - admitted.count - waiting.count) }

    /// Whether a sequence of so many tokens can ever be admitted.
    package func canEverHold(tokens: Int) -> Bool {
        tokens <= limits.contextLength && limits.kvTokensOccupied(by: tokens) <= limits.kvTokens
    }

    package mutating func enqueue(_ candidate: Candidate) {
        precondition(
            canEverHold(tokens: candidate.tokensMax), "a sequence that never fits must be refused earlier")
        waiting.append(candidate)
    }

    /// Forgets a sequence, wherever it is.
    package mutating func remove(_ sequence: SequenceID) {
        waiting.removeAll { $0.sequence == sequence }
        admitted.removeAll { $0.sequence == sequence }
    }

    /// Fills the free slots: whole job classes first, then others, oldest first within a job class.
    ///
    /// A sequence that does not fit the free KV room is passed over, but once it has waited `maxWait` nobody
    /// overtakes it any more, so that small jobs cannot starve a large one.
    package mutating func admit(now: Duration) -> [SequenceID] {
        var started: [SequenceID] = []
        var free = kvTokensFree
        var passedOver: Set<SequenceID> = []
        while admitted.count < limits.sequencesMax {
            let eligible = waiting.filter { !passedOver.contains($0.sequence) }
            guard let jobClass = policy.next(after: currentClass, among: Self.backlog(of: eligible, now: now)),
                let next = eligible.filter({ $0.jobClass == jobClass }).min(by: Self.goesFirst)
            else { break }
            let room = limits.kvTokensOccupied(by: next.tokensMax)
            guard room <= free else {
                if now - next.readySince >= policy.maxWait { break }
                passedOver.insert(next.sequence)
                continue
            }
            free -= room
            waiting.removeAll { $0.sequence == next.sequence }
            admitted.append(Admitted(sequence: next.sequence, kvTokens: room))
            started.append(next.sequence)
            currentClass = jobClass
        }
        return started
    }

    /// Shares out the next sweep: every sequence gets one row, then the remaining rows go to those with more
    /// pending tokens (prefill, injected text) in order of admission.
    ///
    /// - Parameters:
    ///   - rowsMax: rows of the sweep; nil is all that the engine takes. Every sequence gets its one row in any case.
    ///   - pending: tokens that an admitted sequence could feed now; one with 0, which waits for another one's
    ///     prompt, gets no share.
    package func shares(rowsMax: Int? = nil, pending: (SequenceID) -> Int) -> [Share] {
        var shares = admitted.compactMap {
            pending($0.sequence) > 0 ? Share(sequence: $0.sequence, rows: 1) : nil
        }
        var rowsFree = min(rowsMax ?? .max, limits.rowsPerSweepMax) - shares.count
        for index in shares.indices where rowsFree > 0 {
            let extra = min(pending(shares[index].sequence), prefillChunkMax) - 1
            let granted = min(max(extra, 0), rowsFree)
            shares[index].rows += granted
            rowsFree -= granted
        }
        return shares
    }

    private static func goesFirst(_ left: Candidate, _ right: Candidate) -> Bool {
        (left.readySince, left.sequence) < (right.readySince, right.sequence)
    }

    private static func backlog(of candidates: [Candidate], now: Duration) -> [ClassBacklog] {
        Dictionary(grouping: candidates, by: \.jobClass).map { jobClass, members in
            let oldest = members.map(\.readySince).min() ?? now
            return ClassBacklog(jobClass: jobClass, queued: members.count, oldestAge: now - oldest)
        }
    }
}
